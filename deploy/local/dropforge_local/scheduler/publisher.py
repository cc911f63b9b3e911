"""Ticks as Pub/Sub messages."""

import asyncio

import msgspec
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.pubsub_v1 import PublisherClient

_PUBLISH_SECONDS = 5


class NotPublished(Exception):
    """Pub/Sub did not take the tick."""


class TickPublisher:
    """Publishes to the Pub/Sub that `PUBSUB_EMULATOR_HOST` names."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._client = PublisherClient()

    async def publish(self, topic: str, *, schedule: str, scheduled_for: str) -> None:
        """Publish one tick: JSON data `{"schedule", "scheduled_for"}`, the schedule's name as an attribute too.

        Raises:
            NotPublished: Pub/Sub refused it or did not answer within five seconds.
        """
        published = self._client.publish(
            self._client.topic_path(self._project, topic),
            msgspec.json.encode({"schedule": schedule, "scheduled_for": scheduled_for}),
            # The client would go on trying for ten minutes, and then publish every tick of them at once.
            retry=None,
            timeout=_PUBLISH_SECONDS,
            schedule=schedule,
        )
        try:
            await asyncio.wrap_future(published)
        except GoogleAPICallError as error:
            raise NotPublished(f"{error.__class__.__name__}: {error.message}") from error
