"""A whole Dropforge in memory: the real workers, ledger and delivery rules, with time under the test's hand."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count

from dropforge import bootstrap
from dropforge.adapters.memory import (
    ManualClock,
    MemoryBus,
    MemoryDisk,
    MemoryHost,
    MemoryNotifier,
    MemoryStore,
    MemoryTuner,
)
from dropforge.deadletters import DeadLetter
from dropforge.domain.errors import Unavailable
from dropforge.domain.event import Event
from dropforge.domain.jobs import JobState
from dropforge.domain.runs import Run
from dropforge.outcome import Outcome
from dropforge.settings import Settings, load
from dropforge.wire import ObjectFinalized, Tick
from dropforge.workers.deploy import deploy
from dropforge.workers.notify import notify
from dropforge.workers.submit import submit
from dropforge.workers.sweep import sweep
from dropforge.workers.validate import validate
from dropforge.workers.watch import watch

ENVIRONMENT = {
    "DROPFORGE_PROJECT": "p",
    "DROPFORGE_DROP_BUCKET": "drop",
    "DROPFORGE_STATE_BUCKET": "state",
    "DROPFORGE_CONSOLE_URL": "http://console.example",
}
GOOD = {"base_ndcg_at_10": 0.5, "tuned_ndcg_at_10": 0.8}


class Undelivered:
    """What Pub/Sub gave up delivering: whatever a test puts here."""

    def __init__(self) -> None:
        self.kept: list[DeadLetter] = []

    def letters(self) -> Iterator[DeadLetter]:
        """See `DeadLetters.letters`."""
        return iter(list(self.kept))

    def remove(self, letter: DeadLetter) -> None:
        """See `DeadLetters.remove`."""
        self.kept.remove(letter)

    def give_back(self) -> None:
        """Nothing is held."""


class World(bootstrap.Ports):
    """The ports in memory, and what people and clocks do to them."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings or load(ENVIRONMENT))
        clock = ManualClock()
        disk = MemoryDisk(clock)
        self.clock = clock
        self.drop = MemoryStore(disk, "drop")
        self.state = MemoryStore(disk, "state")
        self.bus = MemoryBus()
        self.tuner = MemoryTuner()
        self.host = MemoryHost(clock=clock)
        self.notifier = MemoryNotifier()
        self.undelivered = Undelivered()
        self.outcomes: list[Outcome] = []
        self._heard = 0
        self._ticks = count(1)

    def perform(self, work: Callable[..., Outcome], event: object) -> Outcome:
        """Hand one event to one worker."""
        before = bootstrap.use(self)
        try:
            outcome = bootstrap.perform(work, event)
        finally:
            bootstrap.use(before)
        self.outcomes.append(outcome)
        return outcome

    @contextmanager
    def bus_down(self) -> Iterator[None]:
        """Pub/Sub does not answer for a while."""
        publish = self.bus.publish

        def down(_: Event) -> None:
            raise Unavailable("Pub/Sub did not answer")

        self.bus.publish = down
        yield
        self.bus.publish = publish

    def put(self, dataset: str, files: dict[str, bytes]) -> list[ObjectFinalized]:
        """Upload files, a tenth of a second apart, and give the events they cause."""
        landed = []
        for name, data in files.items():
            path = f"datasets/{dataset}/{name}"
            landed.append(ObjectFinalized("drop", path, self.drop.write(path, data, replacing=None)))
            self.clock.advance(0.1)
        return landed

    def land(self, events: Iterable[ObjectFinalized]) -> list[Outcome]:
        """Deliver storage events."""
        return [self.perform(validate, event) for event in events]

    def react(self) -> None:
        """Deliver every event published since the last time to every worker that subscribes, until none is left."""
        while self._heard < len(self.bus.published):
            event = self.bus.published[self._heard]
            self._heard += 1
            for work in (submit, deploy, notify):
                self.perform(work, event)

    def tick(self, schedule: str) -> Tick:
        """A tick that never came before."""
        return Tick(schedule, f"{schedule}/{next(self._ticks)}")

    def watch(self) -> Outcome:
        """One tick of the watcher, and what follows from it."""
        outcome = self.perform(watch, self.tick("watch"))
        self.react()
        return outcome

    def sweep(self) -> Outcome:
        """One tick of the sweep, and what follows from it."""
        outcome = self.perform(sweep, self.tick("sweep"))
        self.react()
        return outcome

    def finish_jobs(self, state: JobState = JobState.SUCCEEDED, metrics: dict[str, float] | None = None) -> None:
        """End every job that is not over."""
        for job, look in self.tuner.looks.items():
            if look.state in {JobState.WAITING, JobState.RUNNING}:
                self.tuner.end(job, state, metrics=GOOD if metrics is None else metrics)

    def deploy(self, dataset: str, files: dict[str, bytes]) -> None:
        """Drop a dataset and let it come home."""
        self.land(self.put(dataset, files))
        self.react()
        self.finish_jobs()
        for _ in range(4):
            self.watch()

    def only_run(self) -> Run:
        """The one run that there is."""
        [summary] = self.ledger.summaries()
        run = self.ledger.load(summary.id)
        assert run is not None
        return run

    def published(self, kind: type[Event]) -> list[Event]:
        """Every publication of an event type, repetitions included."""
        return [event for event in self.bus.published if isinstance(event, kind)]
