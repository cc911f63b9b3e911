"""What tuning the bundled base model does to real data, and what the gate says of it: the parts of `tuning.py`."""
