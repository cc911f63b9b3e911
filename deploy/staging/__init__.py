"""What `deploy/stage.py` does: a function's import graph, the distributions it needs, its archive."""
