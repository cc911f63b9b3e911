"""What happened, line by line: the same for the same seed."""

from hashlib import sha256

from faults.simulator.hub import Hub

from dropforge.domain.event import Event
from dropforge.domain.files import StoredFile
from dropforge.domain.jobs import Order
from dropforge.domain.message import Message


class Trace:
    """Lines, each with its second."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.lines: list[str] = []

    def add(self, what: str) -> None:
        """Note what happens now."""
        self.lines.append(f"{self._hub.time:10.3f}  {what}")

    @property
    def digest(self) -> str:
        """Of all lines."""
        return sha256("\n".join(self.lines).encode()).hexdigest()

    def about(self, *names: str, last: int = 60) -> list[str]:
        """The last lines that hold one of these names."""
        return [line for line in self.lines if any(name in line for name in names)][-last:]


def shown(value: object) -> str:
    """What a call is about, in a word."""
    if isinstance(value, str):
        return value
    if isinstance(value, StoredFile):
        return f"{value.name}#{value.generation}"
    return value.id if isinstance(value, Event | Order | Message) else ""
