"""A floor: reading every line, and doing nothing with it."""

from collections import deque
from pathlib import Path

from validation.folder import LABELS, RECORDS, Place


def check(folder: Path) -> set[Place]:
    """Check nothing."""
    for name in (*RECORDS, *LABELS):
        with (folder / name).open("rb") as stream:
            deque(stream, maxlen=0)
    return set()
