"""Pub/Sub as an event bus.

`PUBSUB_EMULATOR_HOST`, read by Google's client itself, points it to a local server.
"""

from typing import Any

from google.cloud import pubsub_v1

from dropforge import wire
from dropforge.adapters.google.faults import translated
from dropforge.domain.errors import Misconfigured, Missing
from dropforge.domain.event import Event

_PATIENCE = 30.0  # seconds, below every function's own limit


class PubSubBus:
    """Publishes to the topics of one project, each event at once: a worker acknowledges only after it."""

    def __init__(self, project: str) -> None:
        self._project = project
        with translated("connecting to Pub/Sub"):
            self._publisher: Any = pubsub_v1.PublisherClient(
                batch_settings=pubsub_v1.types.BatchSettings(max_messages=1)
            )

    def publish(self, event: Event) -> None:
        """See `EventBus.publish`."""
        data, attributes = wire.publishable(event, self._project)
        topic = f"projects/{self._project}/topics/{event.TOPIC}"
        try:
            with translated(f"publishing {event.id} to {topic}"):
                self._publisher.publish(topic, data, **attributes).result(timeout=_PATIENCE)
        except Missing as error:
            raise Misconfigured(f"{error}: create the topic (the deployment does)") from error
