"""What a run reads: the files that were validated, and pinned below its own prefix."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from dropforge.domain.errors import Unreadable
from dropforge.domain.files import StoredFile
from dropforge.ports import ObjectStore


@dataclass(frozen=True)
class Input:
    """A run's input files, listed once: they stay as they are."""

    state: ObjectStore
    run: str

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of one of them.

        Raises:
            Unreadable: The run has no such file.
        """
        found = self._files.get(name)
        if found is None:
            raise Unreadable(f"run {self.run} has no {name} among its input")
        with self.state.open(found) as stream:
            yield from stream

    @cached_property
    def _files(self) -> Mapping[str, StoredFile]:
        prefix = f"runs/{self.run}/input/"
        return {file.name.removeprefix(prefix): file for file in self.state.list(prefix)}
