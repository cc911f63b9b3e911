"""A live timeline: hears the public events as any subscriber would, and tells each on a line."""

import contextlib
import queue
import time
from collections.abc import Iterator
from typing import Any, Self

from google.api_core.exceptions import AlreadyExists
from google.cloud import pubsub_v1
from rich.table import Table
from rich.text import Text

from dropforge import wire
from dropforge.domain.errors import Unreadable
from dropforge.domain.events import EVERY_TYPE, Event
from dropforge.domain.messages import Message, Tone, message_of
from dropforge.domain.text import printable

_MARKS = {Tone.GOOD: ("✓", "green"), Tone.NEUTRAL: ("·", "cyan"), Tone.BAD: ("✗", "red")}
_LONGEST_VALUE = 40
TOPICS = tuple(sorted({kind.TOPIC for kind in EVERY_TYPE}))


class Timeline:
    """Subscribes to every public topic; gives each event once, in the order of arrival.

    Args:
        project: The stack's project.
        name: Prefix of the subscriptions, which stay: what happens while nobody listens is heard later.
    """

    def __init__(self, project: str, name: str) -> None:
        self._heard: queue.Queue[Event] = queue.Queue()
        self._known: set[str] = set()
        self._subscriber: Any = pubsub_v1.SubscriberClient()
        self._pulls = [self._pull(project, topic, f"{name}-{topic}") for topic in TOPICS]

    def _pull(self, project: str, topic: str, name: str) -> Any:  # noqa: ANN401 - Google's client has no types
        subscription = f"projects/{project}/subscriptions/{name}"
        with contextlib.suppress(AlreadyExists):
            self._subscriber.create_subscription(name=subscription, topic=f"projects/{project}/topics/{topic}")
        return self._subscriber.subscribe(subscription, callback=self._hear)

    def _hear(self, message: Any) -> None:  # noqa: ANN401 - Google's client has no types
        message.ack()
        with contextlib.suppress(Unreadable):  # anybody may publish on a laptop; the functions report it
            self._heard.put(wire.read_message(message.data, message.attributes))

    def events(self, *, until: float = float("inf")) -> Iterator[Event]:
        """Each event once, as it comes.

        Args:
            until: When to stop listening, by `time.monotonic`.
        """
        while (left := until - time.monotonic()) > 0:
            try:
                event = self._heard.get(timeout=min(left, 1))
            except queue.Empty:
                continue
            if event.id not in self._known:
                self._known.add(event.id)
                yield event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pull in self._pulls:
            pull.cancel()
        for pull in self._pulls:
            with contextlib.suppress(Exception):  # a pull that was cut off by a stopping stack ends in its error
                pull.result(timeout=5)
        self._subscriber.close()


def told(event: Event, moment: str) -> Table | None:
    """An event on a line, after its moment; what went wrong on lines below it. None where people need not hear of it."""
    message = message_of(event)
    if message is None:
        return None
    mark, colour = _MARKS[message.tone]
    line = Text(printable(message.headline), style="" if message.tone is Tone.NEUTRAL else "bold")
    if facts := _facts(message):
        line.append(f"  {facts}", style="dim not bold")
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", min_width=9, style="dim", no_wrap=True)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row(moment, Text(mark, style=colour), line)
    if message.tone is Tone.BAD:
        for detail in (*message.details, message.next_step):
            table.add_row("", "", Text(printable(detail), style=colour))
    return table


def _facts(message: Message) -> str:
    """The figures that are short; resource names are not."""
    wanted = message.facts if message.tone is Tone.BAD else [fact for fact in message.facts if "/" not in fact[1]]
    short = (f"{label}: {value}" for label, value in wanted if len(value) <= _LONGEST_VALUE)
    return printable(", ".join(short))
