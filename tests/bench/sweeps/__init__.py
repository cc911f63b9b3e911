"""Ticks of the sweep and the watcher over a great many runs: the parts of `sweeping.py`."""
