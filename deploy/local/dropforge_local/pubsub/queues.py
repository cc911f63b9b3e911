# ruff: noqa: D102 - what the methods of both queues promise stands in `Queue`
"""In which order the messages of a subscription become deliverable: as they come, or by ordering key.

Source of the ordering rules: "Order messages", https://cloud.google.com/pubsub/docs/ordering
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from dropforge_local.pubsub.protos import Proto


@dataclass(slots=True, eq=False)
class Entry:
    """One message in the backlog of one subscription."""

    number: int
    """Unique, and rising in the order of publication."""
    message: Proto
    attempts: int = 0
    """Deliveries that came to nothing: refused, or not acknowledged in time."""
    acknowledged: bool = False
    ack_id: str = ""
    """Of the latest delivery. It outlives the lease, since a late acknowledgement is better than a duplicate."""
    leased: bool = False
    holder: "Holder | None" = None


class Holder(Protocol):
    """Who counts what it holds: a streaming pull under flow control."""

    def hold(self, entry: Entry) -> None:
        """The entry was leased to this holder."""

    def release(self, entry: Entry) -> None:
        """The lease ended: acknowledged, refused, expired or withdrawn."""


class Queue(Protocol):
    """What is waiting for delivery. An entry is waiting, taken, or held back after it was put back."""

    def add(self, entry: Entry) -> None:
        """A new entry waits behind all that came before."""

    def peek(self) -> Entry | None:
        """The entry to be taken next; None when nothing is deliverable now."""

    def take(self) -> Entry:
        """Take what `peek` has shown."""

    def pause(self) -> None:
        """The taker has enough for now: what it took since it began is one run."""

    def put_back(self, entry: Entry) -> list[Entry]:
        """A taken entry returns and is held back; the result names the taken entries that return with it."""

    def release(self, entry: Entry) -> None:
        """An entry that was put back need be held back no longer."""

    def finish(self, entry: Entry) -> None:
        """The entry, wherever it stands, is never to be delivered again. It has been marked as acknowledged before."""


class UnorderedQueue:
    """First come, first served; what returns goes to the end, so that one bad message cannot block the rest."""

    def __init__(self) -> None:
        self._waiting: deque[Entry] = deque()

    def add(self, entry: Entry) -> None:
        self._waiting.append(entry)

    def peek(self) -> Entry | None:
        while self._waiting and self._waiting[0].acknowledged:
            self._waiting.popleft()
        return self._waiting[0] if self._waiting else None

    def take(self) -> Entry:
        return self._waiting.popleft()

    def pause(self) -> None:
        """Nothing to do: unordered entries have no runs."""

    def put_back(self, entry: Entry) -> list[Entry]:  # noqa: ARG002 - nothing follows an unordered entry
        return []

    def release(self, entry: Entry) -> None:
        self._waiting.append(entry)

    def finish(self, entry: Entry) -> None:
        """Nothing to do now: an acknowledged entry is skipped when its turn comes."""


@dataclass(slots=True, eq=False)
class _Line:
    """The entries of one ordering key, in order of publication."""

    key: str | int
    waiting: deque[Entry] = field(default_factory=deque)
    taken: dict[int, Entry] = field(default_factory=dict)
    held_back: set[int] = field(default_factory=set)
    offered: bool = False


class OrderedQueue:
    """Messages with the same key are delivered in order of publication.

    A run of them may be out at a time; the next run starts when the whole run is settled. When one of a run is put
    back, those behind it return with it. Messages without a key are lines of their own.
    """

    def __init__(self) -> None:
        self._lines: dict[str | int, _Line] = {}
        # The first line stays here while a run of it is being taken; then it is out until that run is settled.
        self._offered: deque[_Line] = deque()

    def add(self, entry: Entry) -> None:
        line = self._line(entry)
        line.waiting.append(entry)
        self._offer(line)

    def peek(self) -> Entry | None:
        while self._offered:
            line = self._offered[0]
            if line.waiting:
                return line.waiting[0]
            self._withdraw()
        return None

    def take(self) -> Entry:
        line = self._offered[0]
        entry = line.waiting.popleft()
        line.taken[entry.number] = entry
        return entry

    def pause(self) -> None:
        if self._offered and self._offered[0].taken:
            self._withdraw()

    def put_back(self, entry: Entry) -> list[Entry]:
        line = self._line(entry)
        followers = [other for number, other in line.taken.items() if number > entry.number]
        for returning in (*reversed(followers), entry):
            del line.taken[returning.number]
            line.waiting.appendleft(returning)
        line.held_back.add(entry.number)
        return followers

    def release(self, entry: Entry) -> None:
        line = self._line(entry)
        line.held_back.discard(entry.number)
        self._offer(line)

    def finish(self, entry: Entry) -> None:
        line = self._line(entry)
        if not line.taken.pop(entry.number, None):
            line.waiting.remove(entry)
            line.held_back.discard(entry.number)
        self._offer(line)
        if not line.waiting and not line.taken:
            del self._lines[line.key]

    def _line(self, entry: Entry) -> _Line:
        key = entry.message.ordering_key or entry.number
        return self._lines.setdefault(key, _Line(key))

    def _offer(self, line: _Line) -> None:
        if line.waiting and not line.taken and not line.held_back and not line.offered:
            line.offered = True
            self._offered.append(line)

    def _withdraw(self) -> None:
        self._offered.popleft().offered = False
