"""A thousand folders at once, a fifth of them dropped twice, events repeated and late: how fast they are submitted.

Run it: `.venv/bin/python tests/bench/burst.py [--folders 5000] [--write docs/performance.md]`; a thousand take some
two minutes, and `--quick` tries it with twenty and writes nothing. Vertex AI's quotas are lifted, and its jobs pause
before they train, so that what is timed is Dropforge.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.storms.folders import folder
from faults.storms.stack import StormyStack, stormy_stack
from support.faulty import faults
from support.written import write
from validation.machine import described, load
from validation.tables import table

from dropforge.adapters.google.storage import CloudStorage
from dropforge.domain.jobs import RUN_LABEL
from dropforge.domain.runs import State

_MIB = 1024**2
_TWICE = 0.2
_UPLOADERS = 8
_PATIENCE = 1_200  # seconds
_LIFTED = {"concurrent_jobs": 100_000, "submissions_per_minute": 100_000, "seconds_of_a_minute": 60}
_QUICK = 20
# Of five events one comes twice, and one is refused, so that it comes half a second late, behind others. A refused one
# waits beside the queue: one that is delayed would hold up others, which it does not in the cloud.
_MISHAPS = ("duplicate", "return-503", "delay-for-0s x3")
_OURSELVES = "uploads, and this program"


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of it.

    Attributes:
        folders: How many drops there were, those included that brought the same bytes again.
        uploaded: Seconds until the last of them was uploaded.
        submitted: Seconds until the last run was submitted.
        jobs: How many jobs there are.
        mishaps: How many deliveries were repeated or refused.
        memory: The most that each process took, with what it started, in MiB.
        cpu: CPU seconds of each, from the first upload on.
    """

    folders: int
    uploaded: float
    submitted: float
    jobs: int
    mishaps: int
    memory: dict[str, float]
    cpu: dict[str, float]

    @property
    def busy(self) -> float:
        """How many cores it kept busy, in the mean."""
        return sum(self.cpu.values()) / self.submitted


def burst(stack: StormyStack, folders: int, seed: int) -> Burst:
    """Drop all of them as fast as they can be uploaded, and wait until each is submitted, once."""
    chance = random.Random(seed)
    bucket = CloudStorage("dropforge-local", "dropforge-drop")
    names = [f"burst-{number:05}" for number in range(round(folders * (1 - _TWICE)))]
    drops = names + chance.sample(names, folders - len(names))
    stack.ask("vertex", "POST", "/_local/quotas", json=_LIFTED).raise_for_status()
    memory: dict[str, float] = defaultdict(float)
    cpu: dict[str, float] = {}
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=[stack, memory, cpu, over])

    def drop(name: str) -> None:
        for file, data in folder(name, deploy="never").items():
            bucket.write(f"datasets/{name}/{file}", data, replacing=None)

    with ExitStack() as asked:
        mishaps = {
            "notification": [*_MISHAPS] * (2 * folders)
        }  # a folder has five files, and what is refused comes again
        late = asked.enter_context(faults(stack.url("storage"), mishaps, everyone=True))
        held = {"task.text-embedding-trainer": ["pause x*"]}
        asked.enter_context(faults(stack.url("vertex"), held, everyone=True))
        watching.start()
        began = time.time()
        with ThreadPoolExecutor(_UPLOADERS) as pool:
            list(pool.map(drop, drops))
        uploaded = time.time() - began
        _all_submitted(stack, len(names))
        over.set()
        watching.join()
        fired = late.fired["notification"]
    at = [stack.ledger.load(run.id).reached(State.SUBMITTED) for run in stack.ledger.summaries()]
    jobs = Counter(job["labels"][RUN_LABEL] for job in stack.resources("pipelineJobs"))
    if len(at) != len(names) or set(jobs.values()) != {1} or len(jobs) != len(names):
        raise SystemExit(f"{len(names)} versions were dropped; there are {len(at)} runs and jobs {jobs.total()}")
    took = max(at).timestamp() - began
    return Burst(
        folders, uploaded, took, jobs.total(), sum(number % 5 < 2 for number in range(fired)), dict(memory), cpu
    )


def _all_submitted(stack: StormyStack, wanted: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        states = Counter(run.state for run in stack.ledger.summaries())
        early = states[State.VALIDATING] + states[State.VALIDATED]
        if states.total() >= wanted and not early:
            return
        time.sleep(1)
    raise SystemExit(f"not all were submitted within {_PATIENCE} s: {dict(states)}")


def _watch(stack: StormyStack, memory: dict[str, float], cpu: dict[str, float], over: threading.Event) -> None:
    before: dict[str, float] = {}
    while not over.wait(1 if before else 0):
        for name, processes in _processes(stack):
            with suppress(psutil.Error):
                memory[name] = max(memory[name], sum(each.memory_info().rss for each in processes) / _MIB)
                times = [each.cpu_times() for each in processes]
                used = sum(each.user + each.system for each in times)
                cpu[name] = used - before.setdefault(name, used)


def _processes(stack: StormyStack) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Every part of the stack with what it has started; the supervisor has started all of them."""
    yield _OURSELVES, [psutil.Process()]
    for part in stack.parts():
        with suppress(psutil.Error):
            if part.process is not None:
                children = [] if part.name == "supervisor" else part.process.children(recursive=True)
                yield part.name, [part.process, *children]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folders", type=int, nargs="+", default=[1_000])
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK} folders, to try it; writes nothing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose table is written anew")
    asked = parser.parse_args()
    busy = load()
    found = []
    for folders in [_QUICK] if asked.quick else asked.folders:
        with (
            tempfile.TemporaryDirectory(prefix="burst-", ignore_cleanup_errors=True) as home,
            stormy_stack(Path(home)) as stack,
        ):
            found.append(burst(stack, folders, asked.seed))
    heads = ("drops", "jobs", "uploaded in, s", "submitted in, s", "drops a second", "jobs a second", "cores busy")
    rows = [
        (
            f"{each.folders:,}",
            f"{each.jobs:,}",
            f"{each.uploaded:.0f}",
            f"{each.submitted:.0f}",
            f"{each.folders / each.submitted:.1f}",
            f"{each.jobs / each.submitted:.1f}",
            f"{each.busy:.1f}",
        )
        for each in found
    ]
    names = sorted(found[0].memory, key=lambda name: -found[0].memory[name])
    takes = [
        (name, *(f"{each.memory[name]:,.0f} MiB, {each.cpu.get(name, 0):,.0f} s" for each in found)) for name in names
    ]
    lines = [
        f"- Machine: {described()}. Load average before the run: {busy} (one minute).",
        "- A fifth of the drops repeat bytes that were dropped before: each version has one job.",
        f"- Of five events one comes twice, and one late, behind others; in all {', '.join(f'{each.mishaps:,}' for each in found)}.",
        "",
        *table(heads, rows).splitlines(),
        "",
        *table(("process", *(f"peak memory, CPU: {each.folders:,} drops" for each in found)), takes).splitlines(),
    ]
    if asked.write and not asked.quick:
        write(asked.write, "burst", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
