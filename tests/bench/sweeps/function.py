"""A function that ticks so often, and tells what each tick took; `sweeping.py` starts it."""

import json
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests

from dropforge import bootstrap
from dropforge.adapters.memory import MemoryBus
from dropforge.ledger import Ledger
from dropforge.outcome import Outcome, done
from dropforge.settings import load
from dropforge.wire import Tick
from dropforge.workers.sweep import sweep
from dropforge.workers.watch import watch

_KIB = 1024


def records(tick: Tick, *, ledger: Ledger) -> Outcome:
    """What a tick begins with that knows no markers: every record's line, in flight or not."""
    del tick
    return done(f"{sum(1 for _ in ledger.summaries())} records")


def kind_of(method: str, url: str) -> str:
    """Which column of the page a request belongs to."""
    address = urlsplit(url)
    if not address.path.startswith(("/storage", "/upload", "/download")):
        return "vertex"
    return "listings" if method == "GET" and "prefix" in parse_qs(address.query) else "others"


def main() -> None:
    what, repeats = {work.__name__: work for work in (sweep, watch, records)}[sys.argv[1]], int(sys.argv[2])
    ports = bootstrap.Ports(load())
    ports.bus = MemoryBus()  # nothing is published: nothing has happened
    bootstrap.use(ports)
    made = Counter[str]()
    send = requests.Session.send

    def counted(session: requests.Session, request: requests.PreparedRequest, **options: object) -> requests.Response:
        made[kind_of(str(request.method), str(request.url))] += 1
        return send(session, request, **options)

    requests.Session.send = counted  # type: ignore[method-assign, assignment]
    for number in range(repeats):
        made.clear()
        wall, cpu = time.perf_counter(), time.process_time()
        with redirect_stdout(sys.stderr):  # the function's own log
            outcome = bootstrap.perform(what, Tick("bench", f"bench/{number}"))
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps({**took, "requests": made, "peak": peak(), "why": outcome.why}), flush=True)
    assert not ports.bus.published, ports.bus.published[0]


def peak() -> int:
    """The most bytes that were resident at once, by Linux' own account."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * _KIB


if __name__ == "__main__":
    main()
