"""What events have in common."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from dropforge.domain.runs import State

SOURCE = "//dropforge/projects/"  # then the project's id: with it, an event's id is unique everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event carries.

    Attributes:
        id: The CloudEvents id, stable across retries.
        time: When the fact came about; the same on every publication.
        dataset: The dataset's name.
    """

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]

    id: str
    time: datetime
    dataset: str

    @property
    def subject(self) -> str:
        """What the event is about, as a CloudEvents subject."""
        return f"datasets/{self.dataset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Event):
    """What every event about a run carries.

    Attributes:
        run: The run's id.
        version: The dataset version's digest.
        attempt: From 1.
        state: The state that the run reached; for a notice, where it stands.
        started: When the run began.
        links: Addresses for people: `console`, and where they apply `job`, `report`.
    """

    run: str
    version: str
    attempt: int
    state: State
    started: datetime
    links: dict[str, str]

    @property
    def subject(self) -> str:
        """What the event is about, as a CloudEvents subject."""
        return f"runs/{self.run}"
