"""The buckets: one tells of what lands in it, the other is watched while the ledger is written."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, pairwise
from typing import NamedTuple

from faults.simulator.hub import EPOCH

from dropforge import wire
from dropforge.adapters.memory import MemoryDisk, MemoryStore
from dropforge.domain.files import StoredFile
from dropforge.domain.runs import NEXT, Run, State
from dropforge.domain.spaces import Alias

_LEDGER, _ACTIVE, _ALIASES = "ledger/", "active/", "aliases/"


class Pointed(NamedTuple):
    """Readers were pointed to a space, or nowhere.

    Attributes:
        time: When, in seconds.
        dataset: Whose readers.
        alias: Where to; None for nowhere.
        run: The record of the space's run at that time.
    """

    time: float
    dataset: str
    alias: Alias | None
    run: Run | None


class Sorted(MemoryStore):
    """Keeps its names in order: a listing costs what it holds, however much else there is."""

    def __init__(self, disk: MemoryDisk, bucket: str) -> None:
        super().__init__(disk, bucket)
        self._names = sorted(self._objects)

    def list(self, prefix: str) -> Iterator[StoredFile]:
        """See `ObjectStore.list`."""
        found = []
        for name in islice(self._names, bisect_left(self._names, prefix), None):
            if not name.startswith(prefix):
                break
            found.append(self._objects[name].file)
        return iter(found)

    def holds(self, prefix: str) -> bool:
        """Whether any name begins so."""
        place = bisect_left(self._names, prefix)
        return place < len(self._names) and self._names[place].startswith(prefix)

    def write(self, name: str, data: bytes, *, replacing: int | None, metadata: Mapping[str, str] | None = None) -> int:
        """See `ObjectStore.write`."""
        is_new = name not in self._objects
        generation = super().write(name, data, replacing=replacing, metadata=metadata)
        if is_new:
            insort(self._names, name)
        return generation

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """See `ObjectStore.delete`."""
        was_there = name in self._objects
        super().delete(name, generation=generation)
        if was_there and name not in self._objects:
            del self._names[bisect_left(self._names, name)]


class DropBucket(Sorted):
    """Tells of every object that is written."""

    def __init__(self, disk: MemoryDisk, tell: Callable[[StoredFile], None]) -> None:
        super().__init__(disk, "drop")
        self._tell = tell

    def write(self, name: str, data: bytes, *, replacing: int | None, metadata: Mapping[str, str] | None = None) -> int:
        """See `ObjectStore.write`."""
        generation = super().write(name, data, replacing=replacing, metadata=metadata)
        self._tell(self._objects[name].file)
        return generation


class StateBucket(Sorted):
    """Watches the ledger and the aliases.

    Attributes:
        records: Every run as it stands.
        recorded: When each was stored first, in seconds.
        waited: When each was first said to wait for room, in seconds.
        closed: When a run's marker among the active ones was removed for the last time, in seconds.
        pointed: Every time that readers were pointed somewhere else, or to the same space by another's wish.
        reached: Is told of a run that has made a step.
        overruled: Runs that were opened to readers although somebody had asked for their end before.
        wrong: What must not have happened to a record.
    """

    def __init__(self, disk: MemoryDisk) -> None:
        super().__init__(disk, "state")
        self.records: dict[str, Run] = {}
        self.recorded: dict[str, float] = {}
        self.waited: dict[str, float] = {}
        self.closed: dict[str, float] = {}
        self.pointed: list[Pointed] = []
        self.reached: Callable[[Run], None] = lambda run: None
        self.overruled: list[str] = []
        self.wrong: list[str] = []

    def write(self, name: str, data: bytes, *, replacing: int | None, metadata: Mapping[str, str] | None = None) -> int:
        """See `ObjectStore.write`."""
        generation = super().write(name, data, replacing=replacing, metadata=metadata)
        if name.startswith(_LEDGER):
            self._observe(wire.decode(data, Run, name))
        if name.startswith(_ALIASES):
            self._point(_dataset(name), wire.decode(data, Alias, name))
        return generation

    def annotate(self, name: str, metadata: Mapping[str, str]) -> None:
        """See `ObjectStore.annotate`."""
        super().annotate(name, metadata)
        if name.startswith(_ACTIVE) and "waits" in metadata:
            self.waited.setdefault(name.removeprefix(_ACTIVE), self._time())

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """See `ObjectStore.delete`."""
        if name.startswith(_LEDGER):
            self.wrong.append(f"{name} was deleted")
        if name.startswith(_ACTIVE) and name in self._objects:
            self.closed[name.removeprefix(_ACTIVE)] = self._time()
        super().delete(name, generation=generation)
        if name.startswith(_ALIASES) and name not in self._objects:
            self._point(_dataset(name), None)

    def alias(self, dataset: str, time: float | None = None) -> Alias | None:
        """Where a dataset's readers were pointed to at a second; now, without one."""
        until = [each for each in self.pointed if each.dataset == dataset and (time is None or each.time <= time)]
        return until[-1].alias if until else None

    def _point(self, dataset: str, alias: Alias | None) -> None:
        before = self.alias(dataset)
        if (alias and (alias.run, alias.request)) != (before and (before.run, before.request)):
            self.pointed.append(Pointed(self._time(), dataset, alias, self.records.get(alias.run) if alias else None))

    def _time(self) -> float:
        return (self._disk.clock.now() - EPOCH).total_seconds()

    def _observe(self, run: Run) -> None:
        before = self.records.get(run.id)
        if before and before.stop and run.stop and _is_open(run) and not _is_open(before):
            self.overruled.append(run.id)
        self.recorded.setdefault(run.id, self._time())
        self.records[run.id] = run
        self._compare(before, run)
        if before is None or len(run.history) > len(before.history):
            self.reached(run)

    def _compare(self, before: Run | None, run: Run) -> None:
        told = " -> ".join(step.state for step in run.history)
        if before is None:
            if run.history[0].state is not State.VALIDATING or len(run.history) != 2:
                self.wrong.append(f"run {run.id} begins as {told}")
        elif run.history[: len(before.history)] != before.history:
            self.wrong.append(f"run {run.id} was {before.state}, and its history was written anew: {told}")
        elif len(run.history) > len(before.history) + 1:
            self.wrong.append(f"run {run.id} made several steps at once after {before.state}: {told}")
        for earlier, later in pairwise(run.history[len(before.history) - 1 if before else 0 :]):
            if later.state not in NEXT[earlier.state]:
                self.wrong.append(f"run {run.id} went from {earlier.state} to {later.state}")
            if later.at < earlier.at:
                self.wrong.append(f"run {run.id} was {later.state} before it was {earlier.state}")
        if run.state is not run.history[-1].state:
            self.wrong.append(f"run {run.id} says that it is {run.state}, and its history {told}")


def _is_open(run: Run) -> bool:
    return run.serving is not None and run.serving.decision == "open"


def _dataset(name: str) -> str:
    return name.removeprefix(_ALIASES).removesuffix(".json")
