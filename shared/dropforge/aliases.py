"""Aliases: which space a dataset's readers should use, and which spaces they have left.

aliases/NAME.json the dataset's alias; every write is compare-and-swap on its generation
retiring/RUN      there while the run's space waits to be retired: its readers have left it, or never came; where a
                  person asked for it, the metadata holds the request, and whether readers are to be turned away
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, TypeVar

from dropforge import wire
from dropforge.domain.errors import Conflict, Contended, Missing
from dropforge.domain.facts import Request
from dropforge.domain.runs import Run
from dropforge.domain.spaces import NEVER, Alias, confirmed, moved, without_previous
from dropforge.logs import isolated
from dropforge.markers import RETIRING
from dropforge.ports import NEW, ObjectStore

Changed = TypeVar("Changed", Alias, Alias | None)
_ALIASES = "aliases/"
_BY_HAND, _TOLD, _EVEN_CURRENT = "moved", "told", "even_current"  # keys of metadata
_TRIES = 8


class Left(NamedTuple):
    """A space without readers, or one that a person wants to go.

    Attributes:
        run: The run whose space it is.
        since: Since when.
        generation: Its marker's.
        request: A person's request, if any.
        even_current: Whether that person wants it to go even if readers are pointed to it.
    """

    run: str
    since: datetime
    generation: int
    request: Request | None
    even_current: bool

    @property
    def at_once(self) -> bool:
        """Whether it goes without being kept for a rollback, because a person asked for that."""
        return self.request is not None


class Pointer(NamedTuple):
    """An alias in one line.

    Attributes:
        dataset: Whose.
        run: The run whose space readers use.
        base_model: What was tuned for it.
        is_untold: Whether it was moved by hand, and nobody was told.
    """

    dataset: str
    run: str
    base_model: str
    is_untold: bool


class Aliases:
    """Where readers are pointed to."""

    def __init__(self, state: ObjectStore) -> None:
        self._state = state

    def of(self, dataset: str) -> Alias | None:
        """Where the dataset's readers are pointed to; None before its first deployment."""
        found = self._read(dataset)
        return found[0] if found else None

    def lead_to(self, run: Run) -> bool:
        """Whether its dataset's readers are pointed to a run's space, or can be pointed back to it."""
        alias = self.of(run.dataset)
        return alias is not None and run.id in {alias.run, alias.previous.run if alias.previous else ""}

    def move(self, to: Alias) -> Alias:
        """Point readers to a newly deployed space, unless a newer drop's is there; gives the alias as it stands.

        The space that this leaves without readers is marked first: forgotten, it would bill for ever.
        """
        return self._change(to.dataset, lambda stored: moved(stored, to), joining=to)

    def note_told(self, alias: Alias) -> None:
        """Tick off that people were told of a move by hand; a later one stays untold."""
        if alias.request:
            with suppress(Missing):
                self._state.annotate(_named(alias.dataset), {_TOLD: alias.request.at.isoformat()})

    def leave(self, run_id: str, request: Request | None = None, *, even_current: bool = False) -> None:
        """Mark a space as having no readers any more; where a person wants it to go, it is not kept for a rollback."""
        wish = wire.as_metadata(request) if request else {}
        if even_current:
            wish[_EVEN_CURRENT] = "yes"
        self._state.write(RETIRING + run_id, b"", replacing=None, metadata=wish)

    def remove(self, dataset: str, run_id: str, *, wanted_until: datetime = NEVER) -> None:
        """Point the readers of a dataset nowhere, if they are pointed to a run's space, and nobody wanted that later."""
        found = self._read(dataset)
        if found and found[0].run == run_id and found[0].wanted_at <= wanted_until:
            self._state.delete(_named(dataset), generation=found[1])

    def confirm(self, dataset: str, run_id: str) -> bool:
        """Whether readers are pointed to a run's space; if so the alias is written anew.

        Whoever is about to move it, and has marked this space as left, then loses the race and marks it again.
        """
        stands = self._change(dataset, lambda stored: confirmed(stored, run_id))
        return stands is not None and stands.run == run_id

    def forget_previous(self, dataset: str, run_id: str) -> None:
        """Take a run's space out of its dataset's alias, so that no rollback leads to it."""
        self._change(dataset, lambda stored: without_previous(stored, run_id))

    def _change(self, dataset: str, decide: Callable[[Alias | None], Changed], joining: Alias | None = None) -> Changed:
        for _ in range(_TRIES):
            found = self._read(dataset)
            stored, generation = found or (None, NEW)
            wanted = decide(stored)
            if joining and stored and joining.run != stored.run:
                self.leave((joining if wanted is stored else stored).run)
            if wanted is None or wanted is stored:
                return wanted
            pointer = {"run": wanted.run, "base_model": wanted.base_model}
            if wanted.request:
                pointer |= {_BY_HAND: wanted.request.at.isoformat()}
            try:
                self._state.write(_named(dataset), wire.encode(wanted), replacing=generation, metadata=pointer)
            except Conflict:
                continue  # our own write whose answer was lost reads as changed already
            return wanted
        raise Contended(f"the alias of {dataset} was moved by others {_TRIES} times in a row")

    def is_untold(self, dataset: str) -> bool:
        """Whether the alias of a dataset was moved by hand, and nobody was told."""
        return any(pointer.is_untold for pointer in self._pointers(_named(dataset)))

    def pointers(self) -> Iterator[Pointer]:
        """Every alias in one line, from the listing alone."""
        return self._pointers(_ALIASES)

    def _pointers(self, prefix: str) -> Iterator[Pointer]:
        for file in self._state.list(prefix):
            dataset, noted = file.name.removeprefix(_ALIASES).removesuffix(".json"), file.metadata
            is_untold = _BY_HAND in noted and noted[_BY_HAND] != noted.get(_TOLD)
            yield Pointer(dataset, noted.get("run", ""), noted.get("base_model", ""), is_untold)

    def left(self) -> Iterator[Left]:
        """Every space that has no readers any more and is still there."""
        for file in self._state.list(RETIRING):
            with isolated(object=file.name):
                wish = wire.from_metadata(file.metadata, Request, file.name) if "by" in file.metadata else None
                run_id, even_current = file.name.removeprefix(RETIRING), _EVEN_CURRENT in file.metadata
                yield Left(run_id, file.updated, file.generation, wish, even_current)

    def keep(self, left: Left) -> None:
        """Say that a space has readers again, unless it was left anew meanwhile."""
        self._state.delete(RETIRING + left.run, generation=left.generation)

    def _read(self, dataset: str) -> tuple[Alias, int] | None:
        try:
            data, generation = self._state.read(_named(dataset))
        except Missing:
            return None
        return wire.decode(data, Alias, _named(dataset)), generation


def _named(dataset: str) -> str:
    return f"{_ALIASES}{dataset}.json"
