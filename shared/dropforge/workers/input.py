"""The files that a run reads: those that were validated, copied below its own prefix."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from dropforge.domain.errors import Unreadable
from dropforge.domain.files import StoredFile
from dropforge.ports import ObjectStore

_SMALL = 1024 * 1024  # bytes


@dataclass(frozen=True)
class Input:
    """A run's input files, listed once, and read once where they are small: they never change."""

    state: ObjectStore
    run: str
    _read: dict[str, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of an input file.

        Raises:
            Unreadable: The run has no such file.
        """
        found = self._files.get(name)
        if found is None:
            raise Unreadable(f"run {self.run} has no {name} among its input")
        if found.size > _SMALL:
            with self.state.open(found) as stream:
                yield from stream
            return
        if name not in self._read:
            with self.state.open(found) as stream:
                self._read[name] = stream.read()
        yield from io.BytesIO(self._read[name])

    @cached_property
    def _files(self) -> Mapping[str, StoredFile]:
        prefix = f"runs/{self.run}/input/"
        return {file.name.removeprefix(prefix): file for file in self.state.list(prefix)}
