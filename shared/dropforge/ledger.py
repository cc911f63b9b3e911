"""The ledger: the record of every run, as objects in the state bucket.

    ledger/RUN.json   the run's record; every write is compare-and-swap on its generation
    active/RUN        the marker: there while anything is owed for the run; made before the first effect, removed last
    intake/NAME       which drop of the dataset was last taken in
    said/NOTICE       a notice that was published and need not be again
    bookmarks/WORKER  where a worker ran out of time
    ticks/WORKER      the last tick that a worker has seen through
    runs/RUN/         the run's own data: input/, output/, report.json

A record carries what a list of runs shows as the object's metadata, so that listing a thousand runs is one call; a
marker carries how much of the run's history has been told, so that what is in flight is followed by one call, too.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from dropforge import wire
from dropforge.domain.errors import Conflict, Contended, Missing
from dropforge.domain.files import StoredFile
from dropforge.domain.runs import Run, State
from dropforge.domain.text import as_name, printable, shortened
from dropforge.logs import isolated
from dropforge.ports import NEW, ObjectStore

RETIRING = "retiring/"
_LEDGER, _ACTIVE, _INTAKE, _SAID, _BOOKMARKS = "ledger/", "active/", "intake/", "said/", "bookmarks/"
_TICKS = "ticks/"
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Intent:
    """What an active run was begun for: enough to begin it again if nothing more came of it.

    Attributes:
        run: The run's id.
        dataset: Its dataset.
        since: When it was first begun.
        generation: Of the marker that was read.
    """

    run: str
    dataset: str
    since: datetime
    generation: int = NEW


@dataclass(frozen=True, slots=True)
class Owed:
    """A run for which something is owed, as its marker says.

    The marker is written after the record and may lag behind it: it says where to look, and decides nothing.

    Attributes:
        run: The run's id.
        begun: When the run was begun.
        touched: When the marker was last written.
        told: How many steps of the run's history have been told.
        state: The last of these; None before the first.
        waits: Whether the run waits in this state for room to be submitted.
        stops: Whether somebody asked for its end.
    """

    run: str
    begun: datetime
    touched: datetime
    told: int
    state: State | None
    waits: bool = False
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in one line, for lists."""

    id: str
    dataset: str
    state: State
    started: datetime
    updated: datetime
    base: float | None = None
    tuned: float | None = None


class Ledger:
    """Runs, remembered: no write is blind, and no write is lost to a lost answer."""

    def __init__(self, state: ObjectStore) -> None:
        self._state = state

    def load(self, run_id: str) -> Run | None:
        """The run as it stands; None when it was never recorded."""
        found = self._read(run_id)
        return found[0] if found else None

    def wanted(self, run_id: str) -> Run:
        """The run that somebody named.

        Raises:
            Missing: There is none.
        """
        run = self.load(run_id)
        if run is None:
            raise Missing(f"there is no run {printable(shortened(run_id, 100))}: `dropforge runs` lists them")
        return run

    def begin(self, intent: Intent) -> Intent | None:
        """Mark a run active, before its first effect.

        Returns:
            What to `forget` if nothing comes of it; None where another has marked it, which stays as it was.
        """
        try:
            return replace(intent, generation=self._mark(intent, replacing=NEW))
        except Conflict:
            return None

    def marked_at(self, run_id: str) -> datetime | None:
        """When a run was marked active, by the service's clock, which is the same for all; None when it is not marked."""
        marker = self._find(_ACTIVE + run_id)
        return marker.updated if marker else None

    def record(self, run: Run) -> tuple[Run, bool]:
        """Store a new run. If it is recorded already, that record stands.

        Returns:
            The run as it stands, and whether this call recorded it.
        """
        mine = _signed(run)
        try:
            self._write(mine, NEW)
        except Conflict:
            # The client repeats a write whose answer was lost, and is then refused by its own first try.
            found = self.load(run.id)
            if found is None:
                raise Contended(f"the record of run {run.id} came and went while it was written") from None
            if found.token != mine.token:
                return found, False
        if not mine.is_settled:
            # Written anew: a sweep that took the run for lost a moment ago must not remove the marker of a live one.
            self._mark(_intent(mine), replacing=None)
        return mine, True

    def change(self, run_id: str, decide: Callable[[Run], Run]) -> Run:
        """Change a run by compare-and-swap; a lost race is read and decided again.

        Args:
            run_id: Which run.
            decide: Gives the run as it should be; the same object when nothing is to be changed. It may be asked
                several times, and raises what forbids the change.

        Raises:
            Missing: The run was never recorded.
            Contended: Others kept winning.
        """
        for _ in range(_TRIES):
            found = self._read(run_id)
            if found is None:
                raise Missing(f"run {run_id} is not in the ledger")
            stored, generation = found
            wanted = decide(stored)
            if wanted is stored:
                return stored
            mine = _signed(wanted)
            try:
                self._write(mine, generation)
            except Conflict:
                # The client repeats a write whose answer was lost, and is then refused by its own first try.
                now = self.load(run_id)
                if now is None or now.token != mine.token:
                    continue
            return mine
        raise Contended(f"run {run_id} was changed by others {_TRIES} times in a row")

    def told(self, run: Run) -> int:
        """How many steps of a run's history have been told, as far as its marker says.

        A run without a marker has been told of, unless it is still in flight: its marker is then made again.
        """
        marker = self._find(_ACTIVE + run.id)
        if marker:
            return _owed(marker).told
        if run.state is State.RETIRED:
            return len(run.history) - self._is_there(RETIRING + run.id)
        if run.is_settled:
            return len(run.history)
        self.begin(_intent(run))
        return 0

    def note_told(self, run: Run, *, first: bool) -> None:
        """Tick off that the whole of a run's history has been told.

        Args:
            run: As it stands.
            first: Whether nothing of it was ticked off before, or since it was reopened. The marker is then written
                anew: whoever finds that nothing comes of it, or that nothing is owed, must not take away the marker of
                a run in flight.
        """
        if first:
            self._mark(_intent(run), replacing=None, noting=_all_told(run))
        else:
            self._note(run, _all_told(run))

    def reopen(self, run: Run) -> None:
        """Mark a settled run active again, before the first effect; its history has been told."""
        with suppress(Conflict):  # marked already: by another, or by an own lost answer
            self._mark(_intent(run), replacing=NEW, noting=_all_told(run))

    def note_waiting(self, run: Run) -> None:
        """Tick off that a run waits for room to be submitted, in the state in which it is."""
        self._note(run, {"waits": run.state.value})

    def note_stopping(self, run: Run) -> None:
        """Tick off that somebody asked for the end of a run: the watcher sees to it."""
        self._note(run, {"stops": "yes"})

    def settle(self, run: Run) -> None:
        """Say that nothing is owed for a settled run any more, unless it was taken up again meanwhile."""
        kinds = (_ACTIVE, RETIRING) if run.state is State.RETIRED else (_ACTIVE,)
        markers = [marker for kind in kinds if (marker := self._find(kind + run.id))]
        now = self.load(run.id)
        if now and now.history == run.history:
            for marker in markers:  # one that is made from now on is another's
                self._state.delete(marker.name, generation=marker.generation)

    def settle_left(self, run: Run) -> None:
        """Remove a marker that was left on a settled run, unless the run has been taken up again meanwhile."""
        self.settle(run)
        now = self.load(run.id)
        if now and not now.is_settled:
            self.reopen(now)

    def forget(self, intent: Intent) -> None:
        """Remove the marker of a run that was begun and never recorded, unless it has been recorded meanwhile."""
        self._state.delete(_ACTIVE + intent.run, generation=intent.generation)
        if recorded := self.load(intent.run):  # settled or not: its recorder may have been cut off before it told
            self.begin(_intent(recorded))

    def active(self) -> Iterator[Owed]:
        """Every run for which something is owed. Its cost follows the work in flight, not the history."""
        return map(_owed, self._state.list(_ACTIVE))

    def intent(self, run_id: str) -> Intent | None:
        """What an active run was begun for; None when it is active no more."""
        try:
            data, generation = self._state.read(_ACTIVE + run_id)
        except Missing:
            return None
        return replace(wire.decode(data, Intent, f"{_ACTIVE}{run_id}"), generation=generation)

    def summaries(self) -> Iterator[Summary]:
        """Every recorded run in one line, from the listing alone, in the order of ids."""
        for file in self._state.list(_LEDGER):
            with isolated(object=file.name):
                yield wire.from_metadata(file.metadata, Summary, file.name)

    # Intake

    def note_intake(self, dataset: str, drop: str) -> None:
        """Remember that this drop of a dataset needs no further look."""
        self._state.write(_INTAKE + as_name(dataset), drop.encode(), replacing=None, metadata={"drop": drop})

    def intakes(self) -> dict[str, str]:
        """For every dataset, named `as_name`, the drop that was last taken in."""
        return {file.name.removeprefix(_INTAKE): file.metadata.get("drop", "") for file in self._state.list(_INTAKE)}

    # Notices, bookmarks, ticks

    def is_said(self, notice: str) -> bool:
        """Whether a notice was published before."""
        return self._is_there(_SAID + as_name(notice))

    def note_said(self, notice: str) -> None:
        """Remember that a notice was published."""
        self._state.write(_SAID + as_name(notice), b"", replacing=None)

    def bookmark(self, worker: str) -> str:
        """The record at which a worker ran out of time; empty when it came to the end."""
        try:
            return self._state.read(_BOOKMARKS + worker)[0].decode()
        except Missing:
            return ""

    def set_bookmark(self, worker: str, record: str) -> None:
        """Remember where a worker ran out of time, or, with an empty name, that it came to the end."""
        if record:
            self._state.write(_BOOKMARKS + worker, record.encode(), replacing=None)
        else:
            self._state.delete(_BOOKMARKS + worker)

    def clock(self) -> datetime:
        """The store's time: the same for all who ask, whatever their own clocks say."""
        self._state.write(_BOOKMARKS + "clock", b"", replacing=None)
        found = self._find(_BOOKMARKS + "clock")
        assert found is not None  # noqa: S101 - nobody removes it
        return found.updated

    def note_tick(self, worker: str, tick: str) -> None:
        """Remember that a worker has just seen a tick through. An object that is there gets no new generation."""
        try:
            self._state.annotate(_TICKS + worker, {"tick": tick})
        except Missing:
            self._state.write(_TICKS + worker, b"", replacing=None, metadata={"tick": tick})

    def ticks(self) -> dict[str, datetime]:
        """When each worker last saw a tick through, by the store's clock."""
        return {file.name.removeprefix(_TICKS): file.updated for file in self._state.list(_TICKS)}

    # Objects

    def _mark(self, intent: Intent, *, replacing: int | None, noting: Mapping[str, str] | None = None) -> int:
        metadata = {"begun": intent.since.isoformat(), **(noting or {})}
        return self._state.write(_ACTIVE + intent.run, wire.encode(intent), replacing=replacing, metadata=metadata)

    def _note(self, run: Run, noting: Mapping[str, str]) -> None:
        try:
            self._state.annotate(_ACTIVE + run.id, noting)
        except Missing:  # settled meanwhile, so told to its end
            return

    def _find(self, name: str) -> StoredFile | None:
        return next((file for file in self._state.list(name) if file.name == name), None)

    def _is_there(self, name: str) -> bool:
        return self._find(name) is not None

    def _read(self, run_id: str) -> tuple[Run, int] | None:
        try:
            data, generation = self._state.read(_name(run_id))
        except Missing:
            return None
        return wire.decode(data, Run, _name(run_id)), generation

    def _write(self, run: Run, replacing: int) -> None:
        judged = run.judgement
        summary = Summary(
            run.id,
            run.dataset,
            run.state,
            run.started,
            run.updated,
            judged.base if judged else None,
            judged.tuned if judged else None,
        )
        self._state.write(_name(run.id), wire.encode(run), replacing=replacing, metadata=wire.as_metadata(summary))


def _owed(marker: StoredFile) -> Owed:
    """What a marker says; one that cannot be read says nothing, and its run is looked at whole."""
    noted = marker.metadata
    try:
        begun = datetime.fromisoformat(noted["begun"])
        told = int(noted.get("told", "0"))
        state = State(noted["state"]) if "state" in noted else None
    except (KeyError, ValueError):
        begun, told, state = marker.updated, 0, None
    waits = state is not None and noted.get("waits") == state.value
    return Owed(marker.name.removeprefix(_ACTIVE), begun, marker.updated, told, state, waits, "stops" in noted)


def _all_told(run: Run) -> dict[str, str]:
    return {"told": str(len(run.history)), "state": run.state.value}


def _intent(run: Run) -> Intent:
    return Intent(run.id, run.dataset, run.started)


def _name(run_id: str) -> str:
    return f"{_LEDGER}{run_id}.json"


def _signed(run: Run) -> Run:
    return replace(run, token=secrets.token_hex(8))
