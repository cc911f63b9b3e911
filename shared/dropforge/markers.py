"""What the marker of a run in flight says: it stands beside the record, and a listing is enough to read it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from dropforge.domain.files import StoredFile
from dropforge.domain.runs import State
from dropforge.ports import NEW

ACTIVE, RETIRING = "active/", "retiring/"


@dataclass(frozen=True, slots=True)
class Intent:
    """What an active run was begun for: enough to begin it again if nothing more came of it.

    Attributes:
        run: The run's id.
        dataset: Its dataset.
        since: When it was first begun.
        generation: The generation of the marker that was read.
    """

    run: str
    dataset: str
    since: datetime
    generation: int = NEW


@dataclass(frozen=True, slots=True)
class Owed:
    """A run for which something is owed, as its marker says.

    The marker is written after the record and may lag behind it: it says where to look, and decides nothing.

    Attributes:
        run: The run's id.
        begun: When the run was begun.
        touched: When the marker was last written.
        told: How many steps of the run's history have been told.
        state: The last of these; None before the first.
        waits: Whether the run waits in this state for room to be submitted.
        stops: Whether somebody asked for its end.
        waits_told: Whether people were told why it waits.
        stuck_told: Whether people were told that it is stuck in this state.
    """

    run: str
    begun: datetime
    touched: datetime
    told: int
    state: State | None
    waits: bool = False
    stops: bool = False
    waits_told: bool = False
    stuck_told: bool = False

    @classmethod
    def of(cls, marker: StoredFile) -> Self:
        """What a marker says; one that cannot be read says nothing, and its run is looked at whole."""
        noted = marker.metadata
        try:
            begun = datetime.fromisoformat(noted["begun"])
            told = int(noted.get("told", "0"))
            state = State(noted["state"]) if "state" in noted else None
        except (KeyError, ValueError):
            begun, told, state = marker.updated, 0, None
        waits = state is not None and noted.get("waits") == state.value
        return cls(
            marker.name.removeprefix(ACTIVE),
            begun,
            marker.updated,
            told,
            state,
            waits,
            stops="stops" in noted,
            waits_told="since" in noted and noted["since"] == noted.get("waits_told"),
            stuck_told="told" in noted and noted["told"] == noted.get("stuck_told"),
        )
