"""The ledger: the record of every run, as objects in the state bucket.

    ledger/RUN.json   the run's record; every write is compare-and-swap on its generation
    active/RUN        the marker: there while anything is owed for the run; made before the first effect, removed last
    intake/NAME       which drop of the dataset was last taken in
    said/NOTICE       a notice that was published and need not be again
    bookmarks/WORKER  where a worker ran out of time; bookmarks/clock is written to learn the store's time
    ticks/WORKER      the last tick that a worker has seen through
    past/TIME/RUN     the line of a settled run, the newest first
    runs/RUN/         the run's own data: input/, output/, report.json

The metadata of a record's object holds what a list of runs shows, so that listing a thousand runs is one call; that of
a marker holds how much of the run's history has been told, so that what is in flight is followed by one call, too.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from dropforge import wire
from dropforge.domain.errors import Conflict, Contended, Missing
from dropforge.domain.runs import Run, State
from dropforge.domain.text import as_name, printable, shortened
from dropforge.domain.versions import dataset_of
from dropforge.history import History, Page, Summary
from dropforge.logs import isolated
from dropforge.markers import ACTIVE, RETIRING, Intent, Owed
from dropforge.ports import NEW, ObjectStore, listed

_LEDGER, _INTAKE, _SAID, _BOOKMARKS = "ledger/", "intake/", "said/", "bookmarks/"
_TICKS = "ticks/"
_TRIES = 8
_REMEMBERED = 1_000  # generations of records


class Ledger:
    """Runs, remembered: no write is blind, and no write is lost to a lost answer."""

    def __init__(self, state: ObjectStore) -> None:
        self._state = state
        self._history = History(state)
        self._generations: dict[str, int] = {}  # by the token of the record that was read or written

    def load(self, run_id: str) -> Run | None:
        """The run as it stands; None when it was never recorded."""
        found = self._read(run_id)
        return found[0] if found else None

    def wanted(self, run_id: str) -> Run:
        """The run that somebody named.

        Raises:
            Missing: There is no such run.
        """
        run = self.load(run_id)
        if run is None:
            raise Missing(f"there is no run {printable(shortened(run_id, 100))}: `dropforge runs` lists them")
        return run

    def begin(self, intent: Intent) -> Intent | None:
        """Mark a run active, before its first effect.

        Returns:
            The intent to `forget` if nothing comes of it; None where the run is marked already: that marker stays.
        """
        try:
            return replace(intent, generation=self._mark(intent, replacing=NEW))
        except Conflict:
            return None

    def marked_at(self, run_id: str) -> datetime | None:
        """When a run was marked active, by the service's clock, which is the same for all; None when it is not marked."""
        marker = listed(self._state, ACTIVE + run_id)
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
            # Written anew: a sweep that took the run for lost a moment ago must not remove the marker of a live run.
            self._mark(_intent(mine), replacing=None)
        return mine, True

    def change(self, run_id: str, decide: Callable[[Run], Run], *, seen: Run | None = None) -> Run:
        """Change a run by compare-and-swap; after a lost race it is read and decided again.

        Args:
            run_id: Which run.
            seen: The run as this ledger read or wrote it a moment ago: while that stands, it need not be read again.
            decide: Gives the run as it should be; the same object when nothing is to be changed. It may be called
                several times, and raises what forbids the change.

        Raises:
            Missing: The run was never recorded.
            Contended: Others kept winning.
        """
        known = self._generations.get(seen.token) if seen else None
        for _ in range(_TRIES):
            found = (seen, known) if seen and known else self._read(run_id)
            if found is None:
                raise Missing(f"run {run_id} is not in the ledger")
            stored, generation = found
            wanted = decide(stored)
            if wanted is stored:
                if known:
                    known = None  # what was seen may be out of date
                    continue
                return stored
            known = None
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

        A run without a marker has been told to its end, unless it is still in flight: its marker is then made again.
        """
        marker = listed(self._state, ACTIVE + run.id)
        if marker:
            return Owed.of(marker).told
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
                anew: whoever found that nothing came of the run, or that nothing was owed, must not remove the marker
                of a run in flight.
        """
        if first:
            self._mark(_intent(run), replacing=None, noting=_all_told(run))
        else:
            self._note(run, _all_told(run))

    def reopen(self, run: Run) -> None:
        """Mark a settled run active again, before the first effect; its history has been told."""
        with suppress(Conflict):  # marked already: by somebody else, or by our own write whose answer was lost
            self._mark(_intent(run), replacing=NEW, noting=_all_told(run))

    def note_waiting(self, run: Run, since: datetime | None = None) -> None:
        """Note that a run waits in its present state for room to be submitted, and since when if the reason is new."""
        self._note(run, {"waits": run.state.value} | ({"since": since.isoformat()} if since else {}))

    def note_waits_told(self, run: Run) -> None:
        """Tick off that people were told why a run waits; a reason that is newer than `run` stays untold."""
        if run.waiting:
            self._note(run, {"waits_told": run.waiting.since.isoformat()})

    def note_stuck_told(self, run: Run) -> None:
        """Tick off that people were told that a run is stuck in its present state; a later state stays untold."""
        self._note(run, {"stuck_told": str(len(run.history))})

    def note_stopping(self, run: Run) -> None:
        """Note that somebody asked for the end of a run: the watcher sees to it."""
        self._note(run, {"stops": "yes"})

    def settle(self, run: Run) -> None:
        """Remove the marker of a settled run, for which nothing is owed, unless it was taken up again meanwhile.

        Its line in the history is written first: a run is in flight, or past, or both for a moment.

        Raises:
            Contended: Others kept writing that line.
        """
        kinds = (ACTIVE, RETIRING) if run.state is State.RETIRED else (ACTIVE,)
        markers = [marker for kind in kinds if (marker := listed(self._state, kind + run.id))]
        line = None  # most runs are settled once, and have no line before
        for _ in range(_TRIES):
            now = self.load(run.id)
            if now is None or now.history != run.history:
                return
            if self._history.note(now, line):
                for marker in markers:  # a marker that is made from now on is somebody else's
                    self._state.delete(marker.name, generation=marker.generation)
                return
            line = self._history.line_of(run)
        raise Contended(f"the line of run {run.id} was written by others {_TRIES} times in a row")

    def settle_left(self, run: Run) -> None:
        """Remove a marker that was left on a settled run, unless the run has been taken up again meanwhile."""
        self.settle(run)
        now = self.load(run.id)
        if now and not now.is_settled:
            self.reopen(now)

    def forget(self, intent: Intent) -> None:
        """Remove the marker of a run that was begun and never recorded, unless it has been recorded meanwhile."""
        self._state.delete(ACTIVE + intent.run, generation=intent.generation)
        if recorded := self.load(intent.run):  # settled or not: its recorder may have been cut off before it told
            self.begin(_intent(recorded))

    def active(self) -> Iterator[Owed]:
        """Every run for which something is owed. The cost grows with the work in flight, not with the history."""
        return map(Owed.of, self._state.list(ACTIVE))

    def intent(self, run_id: str) -> Intent | None:
        """What an active run was begun for; None when it is active no more."""
        try:
            data, generation = self._state.read(ACTIVE + run_id)
        except Missing:
            return None
        return replace(wire.decode(data, Intent, f"{ACTIVE}{run_id}"), generation=generation)

    # Lists, from listings alone

    def in_flight(self) -> Iterator[Summary]:
        """Every run for which something is owed, in one line, in the order of ids."""
        for owed in self.active():
            state = owed.state or State.VALIDATING
            yield Summary(owed.run, dataset_of(owed.run), state, owed.begun, owed.touched)

    def past(self, *, behind: str = "", most: int) -> Page:
        """A page of settled runs, the most recently begun first. One call, however many there are."""
        return self._history.page(behind=behind, most=most)

    def of_dataset(self, dataset: str) -> list[Summary]:
        """Every recorded run of a dataset in one line, the most recently begun first."""
        found = (run for run in self._summaries(f"{_LEDGER}{dataset}-") if run.dataset == dataset)
        return sorted(found, key=lambda run: run.started, reverse=True)

    def summaries(self) -> Iterator[Summary]:
        """Every recorded run in one line, in the order of ids. The cost grows with the history."""
        return self._summaries(_LEDGER)

    def _summaries(self, prefix: str) -> Iterator[Summary]:
        for file in self._state.list(prefix):
            with isolated(object=file.name):
                yield wire.from_metadata(file.metadata, Summary, file.name)

    # Intake

    def note_intake(self, dataset: str, drop: str, run: str = "") -> None:
        """Remember that this drop of a dataset needs no further look, and which run came of it, if any."""
        noted = {"drop": drop} | ({"run": run} if run else {})
        self._state.write(_INTAKE + as_name(dataset), drop.encode(), replacing=None, metadata=noted)

    def taken_in(self, dataset: str) -> tuple[str, str]:
        """The drop of a dataset that was last taken in, and the run that came of it; empty where that is not known."""
        found = listed(self._state, _INTAKE + as_name(dataset))
        return (found.metadata.get("drop", ""), found.metadata.get("run", "")) if found else ("", "")

    def intakes(self) -> dict[str, str]:
        """For every dataset, its name encoded by `as_name`, the drop that was last taken in."""
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
        found = listed(self._state, _BOOKMARKS + "clock")
        assert found is not None  # noqa: S101 - nobody removes it
        return found.updated

    def note_tick(self, worker: str, tick: str, *, is_queued: bool = False) -> None:
        """Remember that a worker has just seen a tick through. An object that exists keeps its generation.

        Args:
            worker: Its function.
            tick: The tick's id.
            is_queued: Whether it found no room for runs that wait.
        """
        noted = {"tick": tick, "queued": "yes" if is_queued else "no"}
        try:
            self._state.annotate(_TICKS + worker, noted)
        except Missing:
            self._state.write(_TICKS + worker, b"", replacing=None, metadata=noted)

    def is_queued(self, worker: str, since: datetime) -> bool:
        """Whether a worker found no room for runs that wait, at its last tick; a tick from before `since` says nothing."""
        tick = listed(self._state, _TICKS + worker)
        return tick is not None and tick.updated >= since and tick.metadata.get("queued") == "yes"

    def ticks(self) -> dict[str, datetime]:
        """When each worker last saw a tick through, by the store's clock."""
        return {file.name.removeprefix(_TICKS): file.updated for file in self._state.list(_TICKS)}

    # Objects

    def _mark(self, intent: Intent, *, replacing: int | None, noting: Mapping[str, str] | None = None) -> int:
        metadata = {"begun": intent.since.isoformat(), **(noting or {})}
        return self._state.write(ACTIVE + intent.run, wire.encode(intent), replacing=replacing, metadata=metadata)

    def _note(self, run: Run, noting: Mapping[str, str]) -> None:
        try:
            self._state.annotate(ACTIVE + run.id, noting)
        except Missing:  # settled meanwhile, so its whole history has been told
            return

    def _is_there(self, name: str) -> bool:
        return listed(self._state, name) is not None

    def _read(self, run_id: str) -> tuple[Run, int] | None:
        try:
            data, generation = self._state.read(_name(run_id))
        except Missing:
            return None
        run = wire.decode(data, Run, _name(run_id))
        self._remember(run, generation)
        return run, generation

    def _write(self, run: Run, replacing: int) -> None:
        metadata = wire.as_metadata(Summary.of(run))
        written = self._state.write(_name(run.id), wire.encode(run), replacing=replacing, metadata=metadata)
        self._remember(run, written)

    def _remember(self, run: Run, generation: int) -> None:
        self._generations[run.token] = generation
        for token in list(self._generations)[:-_REMEMBERED]:  # a copy: other threads remember, too
            self._generations.pop(token, None)


def _all_told(run: Run) -> dict[str, str]:
    return {"told": str(len(run.history)), "state": run.state.value}


def _intent(run: Run) -> Intent:
    return Intent(run.id, run.dataset, run.started)


def _name(run_id: str) -> str:
    return f"{_LEDGER}{run_id}.json"


def _signed(run: Run) -> Run:
    return replace(run, token=secrets.token_hex(8))
