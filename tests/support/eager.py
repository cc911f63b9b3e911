"""A drop bucket of which every change is looked at, at once."""

import threading

from dropforge.adapters.memory import MemoryStore
from dropforge.domain.errors import Unavailable
from dropforge.wire import ObjectFinalized
from dropforge.workers.validate import validate


class Eager(MemoryStore):
    """A bucket in which every change is looked at by a validator that waits for nothing.

    Attributes:
        changes: What was written and deleted.
        fails_at: The number of changes after which the network is gone.
        before: What else happens before a file of a name is written.
        is_blind: Whether the validator hears of nothing.
    """

    def __init__(self, world):
        super().__init__(world.drop._disk, "drop")
        self.world = world
        self.changes = []
        self.fails_at = None
        self.before = {}
        self.is_blind = False
        self._lock = threading.RLock()

    def _changed(self, what, name):
        self.changes.append(f"{what} {name.rpartition('/')[2]}")
        if self.fails_at is not None and len(self.changes) > self.fails_at:
            raise Unavailable("the network is gone")

    def write(self, name, data, *, replacing, metadata=None):
        if meanwhile := self.before.pop(name.rpartition("/")[2], None):
            meanwhile()
        with self._lock:
            self._changed("write", name)
            generation = super().write(name, data, replacing=replacing, metadata=metadata)
            self._look(name, generation)
            return generation

    def delete(self, name, *, generation=None):
        with self._lock:
            self._changed("delete", name)
            super().delete(name, generation=generation)
            for file in self.list(""):
                self._look(file.name, file.generation)

    def _look(self, name, generation):
        if not self.is_blind:
            self.world.perform(validate, ObjectFinalized("drop", name, generation))
