"""Follows runs as steps appear in their records: the run that a drop leads to, one run, or all that are in flight."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from dropforge.domain.datasets import Folder
from dropforge.domain.errors import Conflict, Missing
from dropforge.domain.facts import Waiting
from dropforge.domain.runs import Run, State, Step, as_of
from dropforge.domain.text import printable
from dropforge.domain.versions import run_id_of
from dropforge.ledger import Ledger
from dropforge.ports import Clock, ObjectStore

if TYPE_CHECKING:
    from dropforge.markers import Owed

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 5.0  # seconds between two looks: the longest where nothing happens
_SLOWER = 1.2
_LOOKS_AT_FOLDER = 5  # every so many looks
_NEWEST = 20  # runs that are compared with a drop, or that can come and go between two looks


@dataclass(frozen=True, slots=True)
class Change:
    """What is new about a run: a step that it made, or why it is not submitted yet.

    Attributes:
        run: As it stood after the step.
        step: The step; None where it waits.
        waits: Why it waits; None for a step.
        is_told: Whether the record still holds the step's facts: not if the run has been taken up again since.
    """

    run: Run
    step: Step | None = None
    waits: Waiting | None = None
    is_told: bool = True

    @property
    def at(self) -> datetime:
        """When it came about."""
        return self.step.at if self.step else self.waits.since if self.waits else self.run.updated


@dataclass(slots=True)
class Seen:
    """How much of a run has been told."""

    steps: int = 0
    waits: Waiting | None = None

    def news(self, run: Run) -> Iterator[Change]:
        """What a run's record holds that was not told before."""
        for number, step in enumerate(run.history[self.steps :], self.steps):
            yield Change(as_of(run, step), step, is_told=number >= run.reopened)
        waits = run.waiting if run.state is State.VALIDATED else None
        if waits and (self.waits is None or (waits.reason, waits.since) != (self.waits.reason, self.waits.since)):
            yield Change(run, waits=waits)
        self.steps, self.waits = len(run.history), waits


@dataclass(slots=True)
class Follower:
    """Looks at records again and again.

    Attributes:
        ledger: Where the records are.
        clock: Tells when to look again.
        until: When to stop; None for never.
    """

    ledger: Ledger
    clock: Clock
    until: datetime | None = None
    _pause: float = field(init=False, default=_FIRST_PAUSE)

    def run_of(self, folder: Folder, store: ObjectStore) -> Run | None:
        """The run that a drop leads to, once the folder was taken in; None where the time is up first.

        It is an earlier drop's run where the bytes are the same.

        Args:
            folder: The folder as it was when it was complete.
            store: The bucket that it lies in.

        Raises:
            Conflict: It was changed before it was taken in.
            Missing: It was reported as incomplete.
        """
        looks = 0
        while True:
            drop, run_id = self.ledger.taken_in(folder.dataset)
            if drop == folder.drop:
                return self._taken(folder, run_id)
            if looks % _LOOKS_AT_FOLDER == _LOOKS_AT_FOLDER - 1:
                now = Folder.of(folder.dataset, store.list(folder.prefix))
                if now.drop != folder.drop:
                    return self._before(folder)
            looks += 1
            if not self._wait(is_news=False):
                return None

    def changes(self, run_id: str, known: int = 0) -> Iterator[Change]:
        """Each step of a run, from its first on, until it is settled or the time is up.

        Where an attempt failed and another was begun automatically, that one's steps follow.

        Args:
            run_id: Which run.
            known: How many of its steps are known, and passed over.

        Raises:
            Missing: There is no such run.
        """
        seen = Seen(known)
        while True:
            run = self.ledger.wanted(run_id)
            news = list(seen.news(run))
            yield from news
            if run.state is State.FAILED:
                later = self.ledger.load(run_id_of(run.dataset, run.version, run.attempt + 1))
                if later:
                    run_id, seen = later.id, Seen()
                    continue
            if run.is_settled or not self._wait(is_news=bool(news)):
                return

    def everything(self) -> Iterator[list[Change]]:
        """What is new about all runs, look by look: at the first one, where each run that is in flight stands.

        Each look costs two listings, and a record for each run that got on.
        """
        began = self.clock.now()
        seen: dict[str, Seen] = {}
        markers: dict[str, Owed] = {}
        is_first = True
        while True:
            owed = {marker.run: marker for marker in self.ledger.active()}
            moved = [run_id for run_id, marker in owed.items() if markers.get(run_id) != marker]
            ended = {line.id for line in self.ledger.past(most=_NEWEST).runs if line.updated >= began}
            news: list[Change] = []
            for run_id in dict.fromkeys([*moved, *(markers.keys() - owed.keys()), *(ended - seen.keys())]):
                if run := self.ledger.load(run_id):
                    known = seen.setdefault(run_id, Seen(len(run.history) - 1 if is_first else 0))
                    news += known.news(run)
            yield news
            markers, is_first = owed, False
            if not self._wait(is_news=bool(news)):
                return

    def _taken(self, folder: Folder, run_id: str) -> Run:
        if not run_id:
            found = self.ledger.of_dataset(folder.dataset)  # noted by a release that did not say which
            if not found:
                raise Missing(f"{printable(folder.dataset)} was told incomplete: drop the missing files")
            run_id = found[0].id
        return self.ledger.wanted(run_id)

    def _before(self, folder: Folder) -> Run:
        """The run of a drop that another has followed."""
        for line in self.ledger.of_dataset(folder.dataset)[:_NEWEST]:
            run = self.ledger.load(line.id)
            if run and run.pins == folder.pins:
                return run
        raise Conflict(
            f"the files of {printable(folder.dataset)} were changed before they were taken in: nothing came of them, and "
            f"`dropforge watch {printable(folder.dataset)}` follows what comes of the others"
        )

    def _wait(self, *, is_news: bool) -> bool:
        """Pause until the next look; False where the time is up."""
        self._pause = _FIRST_PAUSE if is_news else min(self._pause * _SLOWER, _LONGEST_PAUSE)
        left = (self.until - self.clock.now()).total_seconds() if self.until else self._pause
        self.clock.sleep(min(self._pause, left))
        return left > 0
