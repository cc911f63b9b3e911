"""What a page of the console's list takes, over Google's client and the local Cloud Storage, beside listing all records.

Run it: `.venv/bin/python tests/bench/lists.py [--write docs/performance.md]`; it takes some two minutes. The runs were
settled, but for twenty, which are in flight.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.runs import MOMENT, validated
from support.servers import running
from support.storage import StorageServer
from support.world import ENVIRONMENT
from support.written import write
from validation.machine import described, load
from validation.tables import table
from werkzeug.test import Client
from werkzeug.wrappers import Request

from dropforge import bootstrap
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.console.listing import Wanted, listed
from dropforge.console.pages import respond
from dropforge.domain.facts import Judgement, Verdict
from dropforge.domain.runs import State, Step
from dropforge.ledger import Ledger
from dropforge.settings import load as settings
from dropforge_local.storage.state import Storage

_IN_FLIGHT = 20
_ENDS = (State.DEPLOYED, State.DEPLOYED, State.DEPLOYED, State.WITHHELD, State.REJECTED)
_DATASETS = 200
_BUCKET = "state"


def filled(folder: Path, runs: int) -> None:
    """Have a storage server's folder hold the ledger of this many runs, as the real ledger writes it."""
    memory = MemoryStore(MemoryDisk(ManualClock()), _BUCKET)
    ledger = Ledger(memory)
    judged = Judgement(verdict=Verdict.BETTER, metric="nDCG@10", base=0.5, tuned=0.75, because="it is")
    for number in range(runs):
        dataset = f"dataset-{number % _DATASETS}"
        run = replace(validated(f"{dataset}-{number:012x}"), dataset=dataset, judgement=judged)
        at = MOMENT + timedelta(minutes=number)
        run = replace(run, history=tuple(replace(step, at=at) for step in run.history))
        if number < runs - _IN_FLIGHT:
            end = _ENDS[number % len(_ENDS)]
            step = Step(state=end, at=at + timedelta(hours=1), function="watch_status", event="e")
            run = replace(run, state=end, history=(*run.history, step))
        ledger.record(run)
        if run.is_settled:
            ledger.settle(run)
        else:
            ledger.note_told(run, first=True)
    storage = Storage(folder)
    storage.buckets.create({"name": _BUCKET})
    for file in memory.list(""):
        with storage.objects.draft() as blob:
            with storage.blobs.write_at(blob, 0) as written:
                written.write(memory.read(file.name)[0])
            storage.objects.put(_BUCKET, file.name, storage.blobs.seal(blob), {"metadata": dict(file.metadata)})
    storage.close()


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of each try, and how many requests one makes."""

    milliseconds: list[float]
    requests: int

    def __str__(self) -> str:
        return f"{median(self.milliseconds):,.0f} ({quantiles(self.milliseconds, n=100)[-1]:,.0f})"


def took(what: Callable[[], object], ports: bootstrap.Ports, repeats: int) -> Took:
    """Time something that asks the state bucket."""
    session = ports.state._client._http
    asked = Counter[str]()
    send = session.request

    def counted(method: str, url: str, *arguments: object, **options: object) -> object:
        asked[method] += 1
        return send(method, url, *arguments, **options)

    session.request = counted
    what()  # the connection is made
    asked.clear()
    what()
    requests = asked.total()
    session.request = send
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        what()
        times.append((time.perf_counter() - began) * 1_000)
    return Took(times, requests)


def rows(runs: int, repeats: int) -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        filled(Path(folder), runs)
        with running(StorageServer(Path(folder))) as server:
            os.environ["STORAGE_EMULATOR_HOST"] = server.url
            ports = bootstrap.Ports(settings(ENVIRONMENT))
            bootstrap.use(ports)
            browser = Client(Request.application(respond))

            def page(address: str) -> Callable[[], object]:
                def ask() -> None:
                    answer = browser.get(address)
                    assert answer.status_code == 200, answer.text

                return ask

            deep = listed(ports.ledger, Wanted())
            for _ in range(5):
                deep = listed(ports.ledger, Wanted(), deep.rest)
            asked = {
                "the first page": page("/"),
                "the sixth page": page(Wanted().address(behind=deep.rest)),
                "what needs attention": page("/?state=attention"),
                "a dataset": page("/datasets/dataset-7"),
                "every record listed instead": lambda: sorted(ports.ledger.summaries(), key=lambda run: run.started),
            }
            found = {name: took(what, ports, 5 if "every" in name else repeats) for name, what in asked.items()}
        slow = median(found["every record listed instead"].milliseconds)
        return [
            (f"{runs:,}", name, str(each), f"{slow / median(each.milliseconds):.1f}", str(each.requests))
            for name, each in found.items()
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[1_000, 10_000, 30_000])
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose table is written anew")
    asked = parser.parse_args()
    busy = load()
    heads = ("runs", "what is asked for", "ms: median (p99)", "times as fast", "requests to Cloud Storage")
    lines = [
        f"- Machine: {described()}. Load average before the run: {busy} (one minute).",
        f"- {asked.repeats} tries each, 5 of the last; the server's time is included, and it runs on the same two cores.",
        "",
        *table(heads, [row for runs in asked.runs for row in rows(runs, asked.repeats)]).splitlines(),
    ]
    if asked.write:
        write(asked.write, "lists", lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
