"""Listening in: what is published from now on, by subscriptions that last as long as somebody listens."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from queue import Empty, Queue
from typing import Any
from uuid import uuid4

from google.api_core.exceptions import GoogleAPIError
from google.cloud import pubsub_v1

from dropforge.adapters.google.faults import translated
from dropforge.domain.errors import Missing, NotPermitted

Received = tuple[bytes, dict[str, str]]  # a message's data and attributes

_PREFIX = "tail"
_DAY = 86_400  # seconds, the least: then the subscription of somebody who was cut off expires by itself
_KEPT = 600  # seconds of messages: the least
_LOOKS_EVERY = 1.0  # second
_PATIENCE = 10.0  # seconds until a stream has ended
_REMEMBERED = 10_000  # ids of events: what comes twice comes within moments
_RIGHTS = (
    "it takes pubsub.topics.attachSubscription on the topic, and pubsub.subscriptions.create, .consume and .delete in the "
    "project of the subscription, as roles/pubsub.editor has them; `--project` makes it in another one, such as your own"
)


class Listening:
    """Makes subscriptions to the topics of one project: nothing is taken from anybody else."""

    def __init__(self, project: str) -> None:
        self._project = project
        with translated("connecting to Pub/Sub"):
            self._subscriber: Any = pubsub_v1.SubscriberClient()

    @contextmanager
    def to(self, topics: Sequence[str], *, dataset: str = "", within: str = "") -> Iterator[Iterator[Received]]:
        """Hear what is published to these topics from now on, until it is no longer wanted; then nothing is left behind.

        An event is given once, by its id, however often it comes.

        Args:
            topics: Names of topics.
            dataset: Only what is about this one; empty for everything.
            within: The project to make the subscriptions in; that of the topics where it is empty.

        Raises:
            Missing: One of the topics is not there.
            NotPermitted: Whoever asks may not subscribe.
            Unavailable: Pub/Sub does not answer.
        """
        token = uuid4().hex[:12]
        named = {
            f"projects/{within or self._project}/subscriptions/{_PREFIX}-{topic}-{token}": topic for topic in topics
        }
        try:
            for name, topic in named.items():
                self._subscribe(name, topic, dataset)
            with closing(self._heard(list(named))) as heard:
                yield once(heard)
        finally:
            for name in named:
                with suppress(GoogleAPIError):  # it was not made; or it expires by itself
                    self._subscriber.delete_subscription(subscription=name)
            self._subscriber.close()

    def _subscribe(self, name: str, topic: str, dataset: str) -> None:
        value = dataset.replace("\\", "\\\\").replace('"', '\\"')
        wanted = {
            "name": name,
            "topic": f"projects/{self._project}/topics/{topic}",
            "labels": {"app": "dropforge", "purpose": _PREFIX},
            "expiration_policy": {"ttl": {"seconds": _DAY}},
            "message_retention_duration": {"seconds": _KEPT},
            "filter": f'attributes.dataset = "{value}"' if dataset else "",
        }
        try:
            with translated(f"subscribing to {wanted['topic']}"):
                self._subscriber.create_subscription(request=wanted)
        except Missing as error:
            raise Missing(f"{error}: `dropforge doctor` tells what the project lacks") from error
        except NotPermitted as error:
            raise NotPermitted(f"{error}: {_RIGHTS}") from error

    def _heard(self, names: Sequence[str]) -> Generator[Received]:
        received: Queue[Received] = Queue()

        def take(message: Any) -> None:  # noqa: ANN401 - Google's client has no types
            received.put((message.data, dict(message.attributes)))
            message.ack()

        pulls = [self._subscriber.subscribe(name, callback=take) for name in names]
        try:
            while True:
                try:
                    one = received.get(timeout=_LOOKS_EVERY)
                except Empty:
                    raise_what_ended(pulls)
                else:
                    yield one
        finally:
            for pull in pulls:
                pull.cancel()
            for pull in pulls:
                with suppress(GoogleAPIError, TimeoutError):
                    pull.result(timeout=_PATIENCE)


def once(heard: Iterable[Received]) -> Iterator[Received]:
    """Each event once, by its id: Pub/Sub may deliver again, and we publish again where an answer was lost."""
    known = Known()
    for data, attributes in heard:
        event_id = attributes.get("ce-id", "")
        if not event_id or known.is_new(event_id):
            yield data, attributes


class Known:
    """The ids of events that were given before, as far as they are remembered."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def is_new(self, event_id: str) -> bool:
        """Whether an event was not given before; it is known from now on."""
        if event_id in self._ids:
            return False
        self._ids[event_id] = None
        if len(self._ids) > _REMEMBERED:
            del self._ids[next(iter(self._ids))]
        return True


def raise_what_ended(pulls: Sequence[Any]) -> None:
    """Raise what a stream has ended with, translated, if one has: it is not taken up again by itself."""
    for pull in pulls:
        if pull.done():
            try:
                with translated("listening"):
                    pull.result()
            except NotPermitted as error:
                raise NotPermitted(f"{error}: {_RIGHTS}") from error
