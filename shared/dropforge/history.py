"""The history: every settled run in one line, the most recently begun first, so that a page of it is one call.

    past/TIME/RUN   its object has no content; the line is its metadata, and TIME counts down

A run that is in flight is among the active ones, and has no line here, or one from before it was taken up again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from dropforge import wire
from dropforge.domain.errors import Conflict
from dropforge.domain.files import StoredFile
from dropforge.domain.runs import Run, State
from dropforge.logs import isolated
from dropforge.ports import NEW, ObjectStore, listed

_PAST = "past/"
_END_OF_TIME = datetime(2300, 1, 1, tzinfo=UTC)
_DIGITS = 17  # of the microseconds until then


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in one line, for lists.

    Attributes:
        id: The run's.
        dataset: The dataset's name.
        state: Where it stands.
        started: When it began.
        updated: When it reached its present state.
        base: The base model's nDCG@10 at the gate; None where that is not known.
        tuned: The tuned model's.
    """

    id: str
    dataset: str
    state: State
    started: datetime
    updated: datetime
    base: float | None = None
    tuned: float | None = None

    @classmethod
    def of(cls, run: Run) -> "Summary":
        """The line of a run as it stands."""
        judged = run.judgement
        return cls(
            run.id,
            run.dataset,
            run.state,
            run.started,
            run.updated,
            judged.base if judged else None,
            judged.tuned if judged else None,
        )


class Page(NamedTuple):
    """A page of the history: its lines, and the place after which the next begins; empty at the end."""

    runs: list[Summary]
    rest: str


class History:
    """Settled runs, newest first."""

    def __init__(self, state: ObjectStore) -> None:
        self._state = state

    def line_of(self, run: Run) -> StoredFile | None:
        """The line of a run that was written last; None where there is none. For `note`."""
        return listed(self._state, _name(run))

    def note(self, run: Run, line: StoredFile | None) -> bool:
        """Write down the line of a settled run.

        Args:
            run: As it stood after `line` was looked up, so that an old line never replaces a newer one.
            line: What is there.

        Returns:
            Whether the line stands; False where somebody else has written one meanwhile.
        """
        wanted = wire.as_metadata(Summary.of(run))
        if line and dict(line.metadata) == wanted:
            return True
        try:
            self._state.write(_name(run), b"", replacing=line.generation if line else NEW, metadata=wanted)
        except Conflict:
            return False
        return True

    def page(self, *, behind: str = "", most: int) -> Page:
        """The next lines after a place that an earlier page named; without one, from the newest on. One call."""
        files = self._state.page(_PAST, after=behind, most=most)
        runs = []
        for file in files:
            with isolated(object=file.name):
                runs.append(wire.from_metadata(file.metadata, Summary, file.name))
        return Page(runs, files[-1].name if len(files) == most else "")


def _name(run: Run) -> str:
    left = (_END_OF_TIME - run.started) // timedelta(microseconds=1)
    return f"{_PAST}{left:0{_DIGITS}}/{run.id}"
