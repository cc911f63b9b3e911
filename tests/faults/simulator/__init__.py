"""Dropforge in virtual time: the real functions over simulated services, every call of which can go wrong."""
