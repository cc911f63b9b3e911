"""The buckets: one tells of what lands in it, the other is watched while the ledger is written."""

from collections.abc import Callable, Mapping
from itertools import pairwise

from faults.simulator.hub import EPOCH

from dropforge import wire
from dropforge.adapters.memory import MemoryDisk, MemoryStore
from dropforge.domain.files import StoredFile
from dropforge.domain.runs import NEXT, Run, State

_LEDGER, _ACTIVE = "ledger/", "active/"


class DropBucket(MemoryStore):
    """Tells of every object that is written."""

    def __init__(self, disk: MemoryDisk, tell: Callable[[StoredFile], None]) -> None:
        super().__init__(disk, "drop")
        self._tell = tell

    def write(self, name: str, data: bytes, *, replacing: int | None, metadata: Mapping[str, str] | None = None) -> int:
        """See `ObjectStore.write`."""
        generation = super().write(name, data, replacing=replacing, metadata=metadata)
        self._tell(self._objects[name].file)
        return generation


class StateBucket(MemoryStore):
    """Watches the ledger.

    Attributes:
        records: Every run as it stands.
        recorded: When each was stored first, in seconds.
        closed: When a run's marker among the active ones was removed for the last time, in seconds.
        wrong: What must not have happened to a record.
    """

    def __init__(self, disk: MemoryDisk) -> None:
        super().__init__(disk, "state")
        self.records: dict[str, Run] = {}
        self.recorded: dict[str, float] = {}
        self.closed: dict[str, float] = {}
        self.wrong: list[str] = []

    def write(self, name: str, data: bytes, *, replacing: int | None, metadata: Mapping[str, str] | None = None) -> int:
        """See `ObjectStore.write`."""
        generation = super().write(name, data, replacing=replacing, metadata=metadata)
        if name.startswith(_LEDGER):
            self._observe(wire.decode(data, Run, name))
        return generation

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """See `ObjectStore.delete`."""
        if name.startswith(_LEDGER):
            self.wrong.append(f"{name} was deleted")
        if name.startswith(_ACTIVE) and name in self._objects:
            self.closed[name.removeprefix(_ACTIVE)] = self._time()
        super().delete(name, generation=generation)

    def _time(self) -> float:
        return (self._disk.clock.now() - EPOCH).total_seconds()

    def _observe(self, run: Run) -> None:
        before = self.records.get(run.id)
        self.recorded.setdefault(run.id, self._time())
        self.records[run.id] = run
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
