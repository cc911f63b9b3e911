"""The ledger: the record of every run, as objects in the state bucket.

    ledger/RUN.json   the run's record; every write is compare-and-swap on its generation
    active/RUN        there while anything is owed for the run; made before the first effect, removed last
    intake/NAME       which drop of the dataset was last taken in
    aliases/NAME.json the dataset's alias
    runs/RUN/         the run's own data: input/, output/, report.json

A record carries what a list of runs shows as the object's metadata, so that listing a thousand runs is one call.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote, unquote

from dropforge import wire
from dropforge.domain.errors import Conflict, Contended, Missing
from dropforge.domain.runs import Run, State
from dropforge.domain.spaces import Alias, moved
from dropforge.logs import isolated
from dropforge.ports import NEW, ObjectStore

_LEDGER, _ACTIVE, _INTAKE, _ALIASES = "ledger/", "active/", "intake/", "aliases/"
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

    def begin(self, intent: Intent) -> None:
        """Mark a run active, before its first effect; one that is marked already stays as it was."""
        try:
            self._state.write(_ACTIVE + intent.run, wire.encode(intent), replacing=NEW)
        except Conflict:
            return

    def record(self, run: Run) -> Run:
        """Store a new run. If it is recorded already, that record stands and is returned."""
        stored = _signed(run)
        try:
            self._write(stored, NEW)
        except Conflict:
            found = self.load(run.id)
            if found is None:
                raise Contended(f"the record of run {run.id} came and went while it was written") from None
            stored = found
        if not stored.is_settled:
            # Written anew: a sweep that took the run for lost a moment ago must not remove the marker of a live one.
            self._state.write(_ACTIVE + run.id, wire.encode(_intent(stored)), replacing=None)
        return stored

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

    def settle(self, run_id: str) -> None:
        """Say that nothing is owed for a settled run any more."""
        self._state.delete(_ACTIVE + run_id)

    def forget(self, intent: Intent) -> None:
        """Remove the marker of a run that was begun and never recorded, unless it has been recorded meanwhile."""
        self._state.delete(_ACTIVE + intent.run, generation=intent.generation)

    def is_active(self, run_id: str) -> bool:
        """Whether anything is owed for a run."""
        try:
            self._state.read(_ACTIVE + run_id)
        except Missing:
            return False
        return True

    def active(self) -> Iterator[str]:
        """The ids of all active runs. Its cost follows the work in flight, not the history."""
        return (file.name.removeprefix(_ACTIVE) for file in self._state.list(_ACTIVE))

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
        self._state.write(_INTAKE + quote(dataset, safe=""), drop.encode(), replacing=None, metadata={"drop": drop})

    def intakes(self) -> dict[str, str]:
        """For every dataset the drop that was last taken in."""
        return {
            unquote(file.name.removeprefix(_INTAKE)): file.metadata.get("drop", "")
            for file in self._state.list(_INTAKE)
        }

    # Aliases

    def alias(self, dataset: str) -> Alias | None:
        """Where the dataset's readers are pointed to; None before its first deployment."""
        found = self._read_alias(dataset)
        return found[0] if found else None

    def move_alias(self, to: Alias) -> Alias:
        """Point readers to a newly deployed space, unless a newer drop's is there; gives the alias as it stands."""
        for _ in range(_TRIES):
            found = self._read_alias(to.dataset)
            stored, generation = found or (None, NEW)
            wanted = moved(stored, to)
            if wanted is stored:
                return wanted
            try:
                self._state.write(f"{_ALIASES}{to.dataset}.json", wire.encode(wanted), replacing=generation)
            except Conflict:
                continue  # an own lost answer reads as moved already
            return wanted
        raise Contended(f"the alias of {to.dataset} was moved by others {_TRIES} times in a row")

    # Objects

    def _read(self, run_id: str) -> tuple[Run, int] | None:
        try:
            data, generation = self._state.read(_name(run_id))
        except Missing:
            return None
        return wire.decode(data, Run, _name(run_id)), generation

    def _read_alias(self, dataset: str) -> tuple[Alias, int] | None:
        name = f"{_ALIASES}{dataset}.json"
        try:
            data, generation = self._state.read(name)
        except Missing:
            return None
        return wire.decode(data, Alias, name), generation

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


def _intent(run: Run) -> Intent:
    return Intent(run.id, run.dataset, run.started)


def _name(run_id: str) -> str:
    return f"{_LEDGER}{run_id}.json"


def _signed(run: Run) -> Run:
    return replace(run, token=secrets.token_hex(8))
