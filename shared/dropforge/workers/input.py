"""What a run reads: the files that were validated, and pinned below its own prefix."""

from collections.abc import Iterator

from dropforge.domain.errors import Unreadable
from dropforge.domain.runs import Run
from dropforge.ports import ObjectStore


def lines_of(state: ObjectStore, run: Run, name: str) -> Iterator[bytes]:
    """The lines of one of a run's input files.

    Raises:
        Unreadable: It has no such file.
    """
    found = next(iter(state.list(f"runs/{run.id}/input/{name}")), None)
    if found is None:
        raise Unreadable(f"run {run.id} has no {name} among its input")
    with state.open(found) as stream:
        yield from stream
