"""Runs one engine over one dataset in this process, and says what that took: `python -m validation.trial MODULE FOLDER`.

Only what it cannot do without is imported before the engine: its start counts.
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

MOST_TOLD = 5_000  # places
_PAGE = 1024
BEGINNING = '{"named": '  # of the line that is the result: libraries may print others


def main() -> None:
    """Print a line of JSON: places, CPU and wall seconds from after the imports on, peak memory."""
    module, folder = sys.argv[1:]
    check = importlib.import_module(f"validation.engines.{module}").check
    cpu, wall = _cpu(), time.perf_counter()
    named = check(Path(folder))
    cpu, wall = _cpu() - cpu, time.perf_counter() - wall
    told = {
        "named": sorted(named)[:MOST_TOLD],
        "cpu": cpu,
        "wall": wall,
        "peak": max(_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _PAGE),
    }
    print(json.dumps(told))


def _cpu() -> float:
    """Seconds that this process and its ended children have used."""
    return sum(os.times()[:4])


def _peak() -> int:
    """The most bytes that were resident at once.

    Not `ru_maxrss` of this process: on Linux it begins with what the process that started it had.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * _PAGE


if __name__ == "__main__":
    main()
