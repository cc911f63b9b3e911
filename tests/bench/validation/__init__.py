"""Compares ways to check a dataset: what they cost, and how many planted faults they name by file and line."""
