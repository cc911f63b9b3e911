"""Dead letters: events that could not be handled, kept with the reason until somebody has dealt with them.

    aside/FUNCTION/EVENT.json       in the state bucket: what a function gave up, and why
    discarded/FUNCTION/EVENT.json   beside it: what a person took away for good, who, when and why

An event that ends its function without a word (no memory, no time) is given up by Pub/Sub: it lies on the dead-letter
subscriptions (`adapters/google/undelivered.py`), without a reason.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from cloudevents.http import CloudEvent

from dropforge import wire
from dropforge.domain.errors import Conflict, Missing, Unreadable
from dropforge.domain.event import Event
from dropforge.domain.facts import Request
from dropforge.domain.text import printable, shortened, without_secrets
from dropforge.logs import log
from dropforge.ports import NEW, EventBus, ObjectStore

_ASIDE, _DISCARDED = "aside/", "discarded/"
_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that nobody could handle.

    Attributes:
        function: The function that was to handle it.
        id: The message's id.
        type: The CloudEvents type of the delivery: a Pub/Sub message or an object that was finalized.
        source: Where it came from.
        time: When it came about.
        error: The kind of error; `Undelivered` where the function did not live to tell.
        reason: In words.
        data: What was delivered.
    """

    function: str
    id: str
    type: str
    source: str
    time: str = ""
    error: str
    reason: str
    data: Any = field(repr=False)

    @property
    def name(self) -> str:
        """What people call it: `FUNCTION/ID`, with nothing that a shell or a terminal would interpret."""
        return f"{self.function}/{quote(self.id, safe='')}"

    def event(self) -> Event | None:
        """Our event that it carries; None for a hint or an object's event, which the next sweep makes up for.

        Raises:
            Unreadable: It carries no event that this version knows.
        """
        if self.type == wire.FINALIZED:
            return None
        delivered = CloudEvent({"type": self.type, "source": self.source, "id": self.id}, self.data)
        return None if wire.is_hint(delivered) else wire.domain_event(delivered)


class DeadLetters(Protocol):
    """Where dead letters lie."""

    def letters(self) -> Iterator[DeadLetter]:
        """All of them, each once; they stay where they are.

        Raises:
            Unavailable: The service did not answer.
        """
        ...

    def remove(self, letter: DeadLetter) -> None:
        """Remove one; a missing one is no error.

        Raises:
            Unavailable: The service did not answer.
        """
        ...


class SetAside:
    """What functions gave up, in the state bucket."""

    def __init__(self, state: ObjectStore) -> None:
        self._state = state

    def keep(self, event: CloudEvent, function: str, error: Exception) -> None:
        """Set an event aside, once however often it is delivered."""
        letter = DeadLetter(
            function=function,
            id=str(event["id"]),
            type=str(event["type"]),
            source=str(event["source"]),
            time=str(event.get("time") or ""),
            error=type(error).__name__,
            reason=printable(shortened(without_secrets(str(error)), _LONGEST_REASON)),
            data=wire.as_json(event.data),
        )
        try:
            self._state.write(_path(_ASIDE, letter), wire.encode(letter), replacing=NEW)
        except Conflict:
            return

    def letters(self) -> Iterator[DeadLetter]:
        """See `DeadLetters.letters`."""
        for file in self._state.list(_ASIDE):
            try:
                data, _ = self._state.read(file.name)
                letter = wire.decode(data, DeadLetter, file.name)
            except Missing:  # dealt with meanwhile
                continue
            except Unreadable as error:
                log.error("record.failed", object=file.name, reason=str(error))
                continue
            yield letter

    def counts(self) -> Counter[str]:
        """How many each function gave up, from the listing alone."""
        return Counter(file.name.split("/")[1] for file in self._state.list(_ASIDE))

    def remove(self, letter: DeadLetter) -> None:
        """See `DeadLetters.remove`."""
        self._state.delete(_path(_ASIDE, letter))


def retry(letter: DeadLetter, lying: DeadLetters, bus: EventBus) -> Event | None:
    """Have a dead letter delivered again to everybody who subscribes, and take it away.

    Returns:
        What was published; None where nothing needs to be: a sweep does what a tick or a finalized object was to do.

    Raises:
        Unreadable: It carries no event that this version knows.
        Unavailable: It could not be published or removed: it still lies there.
    """
    event = letter.event()
    if event:
        bus.publish(event)
    lying.remove(letter)
    return event


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """A dead letter that was removed for good, and who asked for that."""

    letter: DeadLetter
    request: Request


def discard(letter: DeadLetter, lying: DeadLetters, request: Request, state: ObjectStore) -> None:
    """Take a dead letter away for good. Before it goes, its content is kept, with who wanted that and why.

    Raises:
        Unavailable: It could not be kept or removed: it still lies there.
    """
    state.write(_path(_DISCARDED, letter), wire.encode(Discarded(letter=letter, request=request)), replacing=None)
    lying.remove(letter)
    log.info("event.discarded", letter=letter.name, by=request.by, reason=request.reason)


def _path(folder: str, letter: DeadLetter) -> str:
    return f"{folder}{letter.name}.json"
