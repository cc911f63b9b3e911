"""What importing each entry point takes, beside what it is made of.

Run it: `.venv/bin/python tests/bench/cold_start.py [--write docs/performance.md]`; it takes a minute. Every import is
one of a fresh interpreter, and a function's one from its archive, with what its requirements name and nothing else.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))

from support.staged import EVERY_MODULE, unpacked
from support.written import write
from validation.machine import described, load
from validation.tables import table

import stage

BESIDE = ("functions_framework", "google.cloud.storage", "google.cloud.pubsub_v1", "google.cloud.aiplatform")
START = "import sys; sys.path.append('.'); import main"
_MIB = 1024**2
_PROGRAM = """
import sys, time
print(flush=True)
sys.stdin.readline()
began = time.process_time()
exec(sys.argv[1])
print(time.process_time() - began, flush=True)
sys.stdin.readline()
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds, and by how many bytes the process has grown."""

    seconds: float
    grown: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, {self.grown / _MIB:.0f} MiB"


def cost(command: Sequence[str], folder: Path, repeats: int) -> Cost:
    """The medians of some runs of the program above."""
    runs = [once(command, folder) for _ in range(repeats)]
    return Cost(median(run.seconds for run in runs), median(run.grown for run in runs))


def once(command: Sequence[str], folder: Path) -> Cost:
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        memory = psutil.Process(process.pid).memory_info
        process.stdout.readline()
        before = memory().rss
        process.stdin.write("\n")
        process.stdin.flush()
        seconds = json.loads(process.stdout.readline())
        grown = memory().rss - before
        process.stdin.close()
    return Cost(seconds, grown)


def rows_of_functions(repeats: int) -> list[tuple[str, ...]]:
    rows = []
    for name in stage.functions(stage.ROOT):
        with tempfile.TemporaryDirectory() as folder:
            function = unpacked(name, Path(folder))
            programs = START, f"{START}\n{EVERY_MODULE}"
            start, all_of_it = (
                cost(function.bare.program(_PROGRAM, program), function.folder, repeats) for program in programs
            )
            needs = len((function.folder / "requirements.txt").read_text().splitlines())
            rows.append((f"`{name}`", str(start), str(all_of_it), str(needs), f"{function.bare.size() / _MIB:.0f} MiB"))
        print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    return rows


def rows_beside(repeats: int) -> list[tuple[str, ...]]:
    return [
        (f"`import {name}`", str(cost([sys.executable, "-c", _PROGRAM, f"import {name}"], Path.cwd(), repeats)))
        for name in BESIDE
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose table is written anew")
    asked = parser.parse_args()
    busy = load()
    heads = ("function", "until it is started", "with all that it may import", "requirements", "installed")
    lines = [
        f"- Machine: {described()}. Load average before the run: {busy} (one minute).",
        f"- Medians of {asked.repeats}; CPU seconds, and by how much the process grew.",
        "",
        *table(heads, rows_of_functions(asked.repeats)).splitlines(),
        "",
        *table(("for comparison", "until it is imported"), rows_beside(asked.repeats)).splitlines(),
    ]
    if asked.write:
        write(asked.write, "cold starts", lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
