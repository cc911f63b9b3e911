"""A cap holds over every object store, however many reserve at once: in memory, and Google's client against the local server."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.faulty import faults
from support.servers import running
from support.storage import StorageServer

from dropforge.adapters.google.storage import CloudStorage
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.budget import Budget
from dropforge.domain.caps import Caps, Reserved
from dropforge.domain.errors import Contended, Unavailable
from dropforge.domain.jobs import Machines
from dropforge.domain.plan import Pace, Prices, estimate
from dropforge.domain.tuning import Tuning
from dropforge.settings import ServingMachines

TABLE = Prices(currency="USD", hourly={"n1-standard-16": 1.0, "NVIDIA_TESLA_V100": 2.5})
ROWS = {"training_label.tsv": 1_000}
FOUR_HOURS = estimate(Tuning(batch_size=144), ROWS, Machines(), ServingMachines(), Pace(), TABLE)  # and 11 USD


class Serial:
    """The memory's store is one thread's: the service's own calls are one after the other."""

    def __init__(self, store):
        self._store, self._lock = store, threading.Lock()

    def read(self, name):
        with self._lock:
            return self._store.read(name)

    def write(self, *arguments, **named):
        with self._lock:
            return self._store.write(*arguments, **named)


class Jobs:
    """Runs that are begun, submitted when they have room, and end; and the most that were submitted at once."""

    def __init__(self):
        self._lock, self._begun, self._submitted, self.most, self.ended = threading.Lock(), set(), set(), 0, 0

    def begin(self, run):
        with self._lock:
            self._begun.add(run)

    def submit(self, run):
        with self._lock:
            self._submitted.add(run)
            self.most = max(self.most, len(self._submitted))

    def end(self, run):
        with self._lock:
            self._submitted.remove(run)
            self._begun.remove(run)
            self.ended += 1

    def in_flight(self):
        with self._lock:
            return frozenset(self._begun)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(StorageServer(tmp_path_factory.mktemp("storage"), "--bucket", "state")) as server:
        yield server


@pytest.fixture(params=["memory", "cloud"])
def stores(request, monkeypatch):
    """The bucket, as often as is asked for: each has a client, and so connections, of its own."""
    if request.param == "memory":
        store = Serial(MemoryStore(MemoryDisk(ManualClock()), "state"))
        return lambda many: [store] * many
    server = request.getfixturevalue("server")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    CloudStorage("p", "state").delete("budget.json")
    return lambda many: [CloudStorage("p", "state") for _ in range(many)]


def persistently(budget, run, in_flight):
    """What the watcher does with whoever lost too many races: it asks again."""
    while True:
        try:
            return budget.reserve(run, FOUR_HOURS, in_flight)
        except (Contended, Unavailable):
            continue


def test_of_16_at_once_exactly_5_get_room_for_5(stores):
    caps, together, runs = Caps(jobs_in_flight=5, day_price=1e6), threading.Barrier(16), [f"run-{n}" for n in range(16)]

    def ask(run, store):
        together.wait()
        return persistently(Budget(store, ManualClock(), caps), run, lambda: runs)

    with ThreadPoolExecutor(16) as threads:
        told = list(threads.map(ask, runs, stores(16)))
    assert told.count(None) == 5
    assert {over.cap for over in told if over} == {"jobs_in_flight"}
    reserved = Budget(stores(1)[0], ManualClock(), caps).standing(lambda: runs).reserved
    assert reserved == Reserved(accelerator_hours=20, price=55, jobs=5)


def test_16_who_have_2_jobs_each_never_run_more_than_5_at_once(stores):
    caps, jobs, together = Caps(jobs_in_flight=5), Jobs(), threading.Barrier(16)

    def work(number, store):
        budget = Budget(store, ManualClock(), caps)
        together.wait()
        for run in (f"run-{number}-1", f"run-{number}-2"):
            jobs.begin(run)
            while persistently(budget, run, jobs.in_flight):
                time.sleep(0.05)
            jobs.submit(run)
            time.sleep(0.05)
            jobs.end(run)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16), stores(16)))
    assert (jobs.ended, jobs.most) == (32, 5)


def test_answers_that_are_lost_on_the_way_reserve_once(server, monkeypatch):
    """Given a store that keeps each write and answers none of the first, expect Google's client to try it again."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    store = CloudStorage("p", "state")
    store.delete("budget.json")
    budget = Budget(store, ManualClock(), Caps(day_accelerator_hours=8))
    lost = {"storage.objects.insert": ["return-reset-connection-after-commit x2"]}
    with faults(server.url, lost, everyone=True, only="conditional", once_per="invocation") as asked:
        assert [budget.reserve(run, FOUR_HOURS, set) for run in "ab"] == [None, None]
        assert sum(asked.fired.values()) == 2
    assert budget.standing(set).reserved == Reserved(accelerator_hours=8, price=22, jobs=0)
