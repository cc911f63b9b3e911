"""An hour of datasets with faults in the background: nothing lost, nothing done twice, and nothing grows.

Run it: `.venv/bin/python tests/bench/soak.py [--minutes 60] [--write docs/performance.md]`. A folder comes every few
seconds, one of ten to be deployed; calls fail, answers are lost, pushes are dropped, repeated and late all the while.
Each process is looked at every quarter of a minute: memory, open files and sockets, threads.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Self

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.storms.facts import Facts, drained
from faults.storms.invariants import check
from faults.storms.listener import Listener
from faults.storms.stack import StormyStack, stormy_stack
from support.faulty import faults
from support.written import write
from validation.machine import described
from validation.tables import table

from dropforge.domain.runs import State

_EVERY = 4.0  # seconds between two folders
_LOOK = 15.0  # seconds between two looks at the processes
_ROUND = 20.0  # seconds for which some faults are asked for
_MIB = 1024**2
# One round of faults: of each server some, used up by whoever calls next.
_FAULTS = {
    "storage": {
        "storage.objects.insert": ["return-503 x2", "return-reset-connection-after-commit x1"],
        "storage.objects.get": ["return-503 x2"],
        "storage.objects.list": ["return-reset-connection x1"],
        "notification": ["drop x1", "duplicate x1"],
    },
    "pubsub": {"push": ["drop x1", "duplicate x2", "delay-for-5s x1"]},
    "vertex": {"aiplatform.pipelineJobs.create": ["return-503 x1"], "aiplatform.pipelineJobs.get": ["return-503 x1"]},
    "slack": {"slack.post": ["return-503 x1", "return-429 x1"]},
}


@dataclass
class Watched:
    """What a process took, look by look."""

    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def row(self, name: str) -> tuple[str, ...]:
        """Its first and its last third: after it had warmed up, and at the end."""
        third = len(self.memory) // 3

        def both(figures: list[float] | list[int], unit: str = "") -> str:
            return f"{median(figures[third : 2 * third]):,.0f} → {median(figures[-third:]):,.0f}{unit}"

        return name, both(self.memory, " MiB"), f"{max(self.memory):,.0f} MiB", both(self.files), both(self.threads)


class Watch:
    """Looks at every process until it is told to stop."""

    def __init__(self, stack: StormyStack) -> None:
        self.found: dict[str, Watched] = defaultdict(Watched)
        self.processes = 0
        self._stack = stack
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK):
            for part in self._stack.parts():
                with suppress(psutil.Error):
                    if part.process:
                        mine = [] if part.name == "supervisor" else part.process.children(recursive=True)
                        self._look(self.found[part.name], [part.process, *mine])
            with suppress(psutil.Error, FileNotFoundError):
                self.processes = len(self._stack.processes())

    @staticmethod
    def _look(watched: Watched, processes: list[psutil.Process]) -> None:
        seen = [(each.memory_info().rss / _MIB, each.num_fds(), each.num_threads()) for each in processes]
        for figures, found in zip(
            (watched.memory, watched.files, watched.threads), zip(*seen, strict=True), strict=True
        ):
            figures.append(sum(found))


def soak(stack: StormyStack, listener: Listener, minutes: float, seed: int) -> tuple[Watch, Facts, Facts, int]:
    """Load the stack for this long, then let it come to rest, and check that all is as it should be."""
    chance = random.Random(seed)
    served, kept = [], []
    fired = 0
    until = time.monotonic() + minutes * 60
    with Watch(stack) as watch:
        while time.monotonic() < until:
            with ExitStack() as asked:
                tests = [
                    asked.enter_context(faults(stack.url(server), of_server, everyone=True))
                    for server, of_server in _FAULTS.items()
                ]
                over = min(until, time.monotonic() + _ROUND)
                while time.monotonic() < over:
                    number = len(served) + len(kept)
                    if number % 10 == 0:
                        served.append(f"served-{number:04}")
                        stack.drop_many(served[-1:])
                    else:
                        kept.append(f"kept-{number:04}")
                        stack.drop_many(kept[-1:], deploy="never")
                    time.sleep(chance.uniform(0, 2 * _EVERY))
                fired += sum(sum(test.fired.values()) for test in tests)
        of_served = drained(stack, listener, "served", served, seconds=600)
        of_kept = drained(stack, listener, "kept", kept, seconds=600)
    slack = 2 * int(minutes * 60 / _ROUND)
    check(of_served, expected=State.DEPLOYED, repeated=slack)
    check(of_kept, expected=State.WITHHELD, repeated=slack)
    return watch, of_served, of_kept, fired


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose table is written anew")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as home,
        stormy_stack(Path(home)) as stack,
        Listener(stack) as listener,
    ):
        watch, served, kept, fired = soak(stack, listener, asked.minutes, asked.seed)
        retried = stack.log_lines("event.retried")
        disk = sum(path.stat().st_size for path in Path(home).rglob("*") if path.is_file()) / _MIB
    runs, jobs = len(served.runs) + len(kept.runs), served.jobs.total() + kept.jobs.total()
    models = sum(len(models) for models in served.models.values())
    heads = ("process", "memory, second third → last", "at most", "files and sockets", "threads")
    came = (
        f"- {runs:,} datasets, {len(served.runs):,} of them to be deployed: {runs:,} runs, {jobs:,} jobs, {models:,} models "
        f"served. {fired:,} faults fired, {retried:,} events were tried again. Nothing was lost, no job or deployment done "
        "twice, no dead letter."
    )
    lines = [
        f"- Machine: {described()}. {asked.minutes:g} minutes, seed {asked.seed}.",
        came,
        f"- {watch.processes} processes at the end as at the beginning of a stack; {disk:,.0f} MiB on disk.",
        "",
        *table(heads, [watched.row(name) for name, watched in watch.found.items()]).splitlines(),
    ]
    if asked.write:
        write(asked.write, "soak", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
