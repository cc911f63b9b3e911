"""What a tick of the sweep, and of the watcher, takes: by what is in flight, and by how many runs have ended.

Run it: `.venv/bin/python tests/bench/sweeping.py [--write docs/performance.md]`; it takes some three minutes. A function is a
process of its own, with Google's clients of the local Cloud Storage and Vertex AI, whose folders are filled beforehand.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.servers import running
from support.storage import StorageServer
from support.vertex import vertex_server
from support.world import ENVIRONMENT
from support.written import write
from sweeps.filling import ENDED, JOBS, SERVED, fill
from validation.machine import described, load
from validation.tables import table

_MIB = 1024**2
_TITLES = {"sweep": "sweep", "watch": "watch_status", "records": "every record listed instead"}


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick: seconds, requests by kind, and what the function said it did."""

    wall: float
    cpu: float
    requests: dict[str, int]
    peak: int
    why: str


def ticks(what: str, repeats: int) -> list[Tick]:
    """Several ticks of one function, in a process that lives as long; the first, which connects, does not count."""
    command = [sys.executable, str(Path(__file__).parent / "sweeps" / "function.py"), what, str(repeats + 1)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [Tick(**json.loads(line)) for line in told.splitlines()][1:]


def row(what: str, in_flight: int, ended: int, repeats: int) -> tuple[str, ...]:
    tried = ticks(what, repeats)
    last = tried[-1]
    wall = [tick.wall for tick in tried]
    print(
        f"{what} {in_flight:,} {ended:,}: {median(wall):.2f} s; {last.why}; {last.requests}",
        file=sys.stderr,
        flush=True,
    )
    return (
        f"`{_TITLES[what]}`" if what != "records" else _TITLES[what],
        f"{in_flight:,}",
        f"{ended:,}",
        f"{median(wall):.2f} ({min(wall):.2f}-{max(wall):.2f})",
        f"{median(tick.cpu for tick in tried):.2f}",
        f"{max(tick.peak for tick in tried) / _MIB:.0f}",
        *(str(last.requests.get(kind, 0) or "-") for kind in ("listings", "others", "vertex")),
    )


@contextmanager
def standing(in_flight: int, ended: int) -> Iterator[None]:
    """Both servers, with so many runs in flight and so many that have ended."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        fill(folder / "storage", folder / "vertex", in_flight=in_flight, ended=ended)
        with (
            running(StorageServer(folder / "storage")) as storage,
            running(vertex_server(folder / "vertex", storage.url, "--tuners", "0")) as vertex,
        ):
            os.environ |= ENVIRONMENT | {
                "STORAGE_EMULATOR_HOST": storage.url,
                "DROPFORGE_VERTEX_ENDPOINT": vertex.url,
                "DROPFORGE_PATIENCE_SECONDS": "0",  # everything has been left alone for longer than that
            }
            yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[10, 1_000, 10_000])
    parser.add_argument("--history", type=int, default=100_000, help="runs that have ended, beside 1,000 in flight")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose table is written anew")
    asked = parser.parse_args()
    busy = load()
    rows = []
    for in_flight, ended in [*((many, ENDED) for many in asked.in_flight), (1_000, asked.history)]:
        with standing(in_flight, ended):
            rows += [row(what, in_flight, ended, asked.repeats) for what in _TITLES]
    heads = ("tick", "in flight", "ended", "seconds", "CPU s", "peak MiB", "listings", "other requests", "to Vertex AI")
    lines = [
        f"- Machine: {described()}. Load average before the run: {busy} (one minute).",
        f"- Medians of {asked.repeats}, the least and the most in parentheses. CPU and memory are the function's.",
        f"- Of the runs in flight {JOBS} have a job, as many as Vertex AI runs at once; others wait. {SERVED} models are served.",
        "",
        *table(heads, rows).splitlines(),
    ]
    if asked.write:
        write(asked.write, "sweeping", lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
