"""One tuning job, run as a process of its own: `python -m dropforge_local.vertex.tuning` (see `__main__`)."""
