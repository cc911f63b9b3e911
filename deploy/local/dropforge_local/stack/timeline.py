"""Hears the public events as any subscriber would, for those who wait until something has happened."""

import contextlib
import queue
import time
from collections.abc import Iterator
from typing import Any, Self

from google.api_core.exceptions import AlreadyExists
from google.cloud import pubsub_v1

from dropforge import wire
from dropforge.adapters.google.listening import Known, raise_what_ended
from dropforge.domain.errors import Unreadable
from dropforge.domain.event import Event
from dropforge.domain.topology import PUBLIC


class Timeline:
    """Subscribes to every public topic; gives each event once, in the order of arrival.

    Args:
        project: Whose topics they are.
        name: Prefix of the subscriptions, which stay: what happens while nobody listens is heard later.
    """

    def __init__(self, project: str, name: str) -> None:
        self._heard: queue.Queue[Event] = queue.Queue()
        self._known = Known()
        self._subscriber: Any = pubsub_v1.SubscriberClient()
        self._pulls = [self._pull(project, topic, f"{name}-{topic}") for topic in PUBLIC]

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

        Raises:
            DropforgeError: Pub/Sub has ended a stream for good, such as that of a subscription which was deleted.
        """
        while (left := until - time.monotonic()) > 0:
            try:
                event = self._heard.get(timeout=min(left, 1))
            except queue.Empty:
                raise_what_ended(self._pulls)
            else:
                if self._known.is_new(event.id):
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
