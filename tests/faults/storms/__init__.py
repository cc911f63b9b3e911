"""Storms: many faults and much load at once, over the real processes of a whole stack.

    PYTHONPATH=tests python -m faults.storms NAME [--seed N] [--size N] [--full]

Each storm is a function of a running stack, with its sizes as parameters, that returns its figures; before it does,
it has checked the invariants that hold whatever happened (`invariants`).
"""
