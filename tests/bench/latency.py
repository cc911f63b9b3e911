"""How soon a dropped folder is submitted, and how soon the end of its job is told, on the stack of a laptop.

Run it: `.venv/bin/python tests/bench/latency.py [--write docs/performance.md]`; it takes some four minutes. Times are
those of the machine's clock, from the answer to the last upload, and from the end that Vertex AI names, to the moment
in which a subscriber outside holds the event.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.storms.folders import folder
from faults.storms.stack import StormyStack, stormy_stack
from support.written import write
from validation.machine import described, load
from validation.tables import table

from dropforge import wire
from dropforge.adapters.google.storage import CloudStorage
from dropforge.domain.datasets import MANIFEST
from dropforge.domain.event import Event
from dropforge.domain.events import JobComplete, TuningSubmitted
from dropforge.domain.files import Pin
from dropforge.domain.runs import State
from dropforge_local.stack.timeline import Timeline

_SETTLES = 1.0  # seconds that a folder without a manifest must be quiet, on a laptop
_PATIENCE = 60
_LOAD = 1.0  # seconds between two folders of the load
# The load alone would use up the 60 submissions a minute that Vertex AI allows.
_LIFTED = {"concurrent_jobs": 1_000, "submissions_per_minute": 1_000, "seconds_of_a_minute": 60}


class Ears:
    """Hears every public event, and notes when it first came."""

    def __init__(self, project: str) -> None:
        self._timeline = Timeline(project, "bench")
        self._came: dict[tuple[str, type[Event]], tuple[float, Event]] = {}
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with self._timeline:
            for event in self._timeline.events():
                with self._news:
                    self._came[getattr(event, "dataset", ""), type(event)] = (time.time(), event)
                    self._news.notify_all()

    def heard(self, dataset: str, kind: type[Event]) -> float:
        """When a dataset's event of this type came, once it has."""
        with self._news:
            came = self._news.wait_for(lambda: self._came.get((dataset, kind)), timeout=_PATIENCE)
        if not came:
            raise SystemExit(f"{kind.__name__} of {dataset} did not come within {_PATIENCE} s")
        return came[0]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one folder."""

    submitted: float
    validated: float
    told: float


def once(stack: StormyStack, ears: Ears, name: str, *, manifest: bool) -> Times:
    """Drop a folder, and follow it until its job's end is told."""
    dropped = drop(name, manifest=manifest)
    submitted = ears.heard(name, TuningSubmitted)
    ended = ears.heard(name, JobComplete)
    run = stack.ledger.load(stack.ledger.of_dataset(name)[0].id)
    checked = run.reached(State.VALIDATED).timestamp()
    job = httpx.get(f"{stack.url('vertex')}/v1/{run.job}").json()
    return Times(submitted - dropped, checked - dropped, ended - datetime.fromisoformat(job["endTime"]).timestamp())


def drop(name: str, *, manifest: bool) -> float:
    """Upload a folder, its manifest last; gives the moment in which all of it was there."""
    bucket = CloudStorage("dropforge-local", "dropforge-drop")
    pins = []
    for file, data in folder(name, deploy="never").items():
        generation = bucket.write(f"datasets/{name}/{file}", data, replacing=None)
        pins.append((file, generation))
    if manifest:
        there = {each.name.rpartition("/")[2]: each for each in bucket.list(f"datasets/{name}/")}
        listed = wire.as_manifest(Pin(file, at, there[file].size, there[file].crc32c) for file, at in pins)
        bucket.write(f"datasets/{name}/{MANIFEST}", listed, replacing=None)
    return time.time()


@contextmanager
def loaded(stack: StormyStack, prefix: str) -> Iterator[None]:
    """Other folders come meanwhile, one a second."""
    over = threading.Event()

    def others() -> None:
        number = 0
        while not over.wait(_LOAD):
            stack.drop_many([f"{prefix}-{number:04}"], deploy="never")
            number += 1

    thread = threading.Thread(target=others, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


def by_hand(stack: StormyStack, times: int) -> list[float]:
    """What a request for a job takes that nobody has checked anything for, as with curl: seconds of each."""
    run = next(run for run in stack.ledger.summaries())
    job = httpx.get(f"{stack.url('vertex')}/v1/{stack.ledger.load(run.id).job}").json()
    body = {key: job[key] for key in ("displayName", "templateUri", "runtimeConfig") if key in job}
    took = []
    for number in range(times):
        began = time.perf_counter()
        name = job["name"].rpartition("/")[0]
        asked = httpx.post(f"{stack.url('vertex')}/v1/{name}", params={"pipelineJobId": f"hand-{number}"}, json=body)
        took.append(time.perf_counter() - began)
        assert asked.status_code == 200, asked.text
    return took


def row(what: str, how: str, seconds: Sequence[float]) -> tuple[str, ...]:
    low, high = min(seconds), max(seconds)
    return what, how, f"{median(seconds):.2f}", f"{quantiles(seconds, n=100)[-1]:.2f}", f"{low:.2f} to {high:.2f}"


def measured(stack: StormyStack, ears: Ears, folders: int) -> list[tuple[str, ...]]:
    rows = []
    for how, prefix in (("idle", "idle"), ("under load", "busy")):
        with_manifest, without = [], []

        def follow(prefix: str = prefix, ours: tuple[list[Times], list[Times]] = (with_manifest, without)) -> None:
            for number in range(folders):
                for manifest, times in zip((True, False), ours, strict=True):
                    name = f"{prefix}-{'m' if manifest else 'q'}-{number:03}"
                    times.append(once(stack, ears, name, manifest=manifest))

        if prefix == "busy":
            with loaded(stack, "load"):
                follow()
        else:
            follow()
        rows += [
            row("manifest uploaded → checked", how, [each.validated for each in with_manifest]),
            row("manifest uploaded → `tuning-submitted`", how, [each.submitted for each in with_manifest]),
            row("folder quiet for a second → `tuning-submitted`", how, [each.submitted - _SETTLES for each in without]),
            row("job ended → `job-complete`", how, [each.told for each in (*with_manifest, *without)]),
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folders", type=int, default=25, help="of each kind, idle and under load")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose table is written anew")
    asked = parser.parse_args()
    busy = load()
    with (
        tempfile.TemporaryDirectory(prefix="latency-", ignore_cleanup_errors=True) as home,
        stormy_stack(Path(home)) as stack,
    ):
        stack.ask("vertex", "POST", "/_local/quotas", json=_LIFTED).raise_for_status()
        ears = Ears("dropforge-local")
        once(stack, ears, "warm-up", manifest=True)
        hand = by_hand(stack, asked.folders)  # before the load, which uses up the minute's submissions
        rows = [*measured(stack, ears, asked.folders), row("by hand: the request for the job alone", "idle", hand)]
    heads = ("from → to", "the stack is", "median, s", "p99, s", "spread, s")
    lines = [
        f"- Machine: {described()}. Load average before the run: {busy} (one minute).",
        f"- {asked.folders} folders of each kind; under load another one comes every second.",
        "",
        *table(heads, rows).splitlines(),
    ]
    if asked.write:
        write(asked.write, "latency", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
