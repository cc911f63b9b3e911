"""Aliases: which space a dataset's readers should use, and which spaces they have left.

aliases/NAME.json the dataset's alias; every write is compare-and-swap on its generation
retiring/RUN      there while the run's space awaits its end: its readers have left it, or never came
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple, TypeVar

from dropforge import wire
from dropforge.domain.errors import Conflict, Contended, Missing
from dropforge.domain.spaces import Alias, confirmed, moved, without_previous
from dropforge.ledger import RETIRING
from dropforge.ports import NEW, ObjectStore

Changed = TypeVar("Changed", Alias, Alias | None)
_ALIASES = "aliases/"
_TRIES = 8


class Left(NamedTuple):
    """A space without readers: its run's id, since when, and the generation of the marker that says so."""

    run: str
    since: datetime
    generation: int


class Pointer(NamedTuple):
    """An alias in one line: the dataset, the run whose space readers use, and the model that was tuned for it."""

    dataset: str
    run: str
    base_model: str


class Aliases:
    """Where readers are pointed to."""

    def __init__(self, state: ObjectStore) -> None:
        self._state = state

    def of(self, dataset: str) -> Alias | None:
        """Where the dataset's readers are pointed to; None before its first deployment."""
        found = self._read(dataset)
        return found[0] if found else None

    def move(self, to: Alias) -> Alias:
        """Point readers to a newly deployed space, unless a newer drop's is there; gives the alias as it stands.

        The space that is left without readers by it is marked first: forgotten, it would bill for ever.
        """
        return self._change(to.dataset, lambda stored: moved(stored, to), joining=to)

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
                left = joining if wanted is stored else stored
                self._state.write(RETIRING + left.run, b"", replacing=None)
            if wanted is None or wanted is stored:
                return wanted
            pointer = {"run": wanted.run, "base_model": wanted.base_model}
            try:
                self._state.write(
                    f"{_ALIASES}{dataset}.json", wire.encode(wanted), replacing=generation, metadata=pointer
                )
            except Conflict:
                continue  # an own lost answer reads as changed already
            return wanted
        raise Contended(f"the alias of {dataset} was moved by others {_TRIES} times in a row")

    def pointers(self) -> Iterator[Pointer]:
        """Every alias in one line, from the listing alone."""
        for file in self._state.list(_ALIASES):
            dataset = file.name.removeprefix(_ALIASES).removesuffix(".json")
            yield Pointer(dataset, file.metadata.get("run", ""), file.metadata.get("base_model", ""))

    def left(self) -> Iterator[Left]:
        """Every space that has no readers any more and is still there."""
        return (
            Left(file.name.removeprefix(RETIRING), file.updated, file.generation) for file in self._state.list(RETIRING)
        )

    def keep(self, left: Left) -> None:
        """Say that a space has readers again, unless it was left anew meanwhile."""
        self._state.delete(RETIRING + left.run, generation=left.generation)

    def _read(self, dataset: str) -> tuple[Alias, int] | None:
        name = f"{_ALIASES}{dataset}.json"
        try:
            data, generation = self._state.read(name)
        except Missing:
            return None
        return wire.decode(data, Alias, name), generation
