"""The local servers beside others that stand in for the same services: the parts of `servers.py`."""
