"""A downstream team that listens to one of our topics."""

import contextlib
import json

from google.api_core import exceptions
from google.cloud import pubsub_v1
from support.servers import eventually
from support.stack import PATIENCE, PROJECT


class Listener:
    """A downstream team's subscription, created before anything happens."""

    def __init__(self, topic: str) -> None:
        self._client = pubsub_v1.SubscriberClient()
        self._name = f"{PROJECT}/subscriptions/listener-{topic}"
        self._client.create_subscription(name=self._name, topic=f"{PROJECT}/topics/{topic}")
        self.heard: dict[str, dict] = {}

    def wait(self, kind: str, **wanted: str) -> dict:
        """The first event of a type whose data is as wanted."""

        def found() -> dict | None:
            with contextlib.suppress(exceptions.DeadlineExceeded):  # nothing came
                self._listen()
            return next(
                (
                    event
                    for event in self.heard.values()
                    if event["ce-type"] == f"dropforge.{kind}.v1" and wanted.items() <= event.items()
                ),
                None,
            )

        return eventually(found, seconds=PATIENCE, otherwise=lambda: f"no {kind} {wanted} among {list(self.heard)}")

    def _listen(self) -> None:
        answer = self._client.pull(subscription=self._name, max_messages=10, timeout=5)
        for one in answer.received_messages:
            attributes = dict(one.message.attributes)
            assert attributes["ce-specversion"] == "1.0"
            self.heard[attributes["ce-id"]] = attributes | json.loads(one.message.data)
        if answer.received_messages:
            acks = [one.ack_id for one in answer.received_messages]
            self._client.acknowledge(subscription=self._name, ack_ids=acks)
