"""Pub/Sub servers as processes of their own, and clients that talk to them."""

import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import grpc
import httpx
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1
from google.protobuf import field_mask_pb2
from google.pubsub_v1 import PublisherClient as PlainPublisher
from google.pubsub_v1.services.publisher.transports.grpc import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports.grpc import SubscriberGrpcTransport
from support.servers import Server, eventually, free_port

PROJECT = "projects/test"
_numbers = itertools.count()


class PubSubServer(Server):
    """Our Pub/Sub on a folder: gRPC at `host`, REST at `url`."""

    def __init__(self, folder: Path) -> None:
        self.rest_port = free_port()
        url = f"http://127.0.0.1:{self.rest_port}"
        super().__init__("dropforge_local.pubsub.server", "--rest-port", self.rest_port, "--dir", folder, url=url)
        self.host = f"127.0.0.1:{self.port}"

    def status(self) -> dict[str, dict[str, float]]:
        return httpx.get(f"{self.url}/_local/status").json()


class Clients:
    """Google's own clients, without credentials, for the server at `host`."""

    def __init__(self, host: str) -> None:
        self._channel = grpc.insecure_channel(host)
        credentials = AnonymousCredentials()
        transport = PublisherGrpcTransport(channel=self._channel, credentials=credentials)
        self.publisher = pubsub_v1.PublisherClient(
            publisher_options=pubsub_v1.types.PublisherOptions(enable_message_ordering=True), transport=transport
        )
        # The plain one sends a request when it is told to, instead of batching.
        self.plain_publisher = PlainPublisher(transport=transport)
        self.subscriber = pubsub_v1.SubscriberClient(
            transport=SubscriberGrpcTransport(channel=self._channel, credentials=credentials)
        )

    def close(self) -> None:
        self._channel.close()


class Pair:
    """A topic with one subscription, and short words for what tests do with them."""

    def __init__(self, clients, **options):
        self.publisher, self.subscriber = clients.plain_publisher, clients.subscriber
        number = next(_numbers)
        self.topic, self.subscription = f"{PROJECT}/topics/topic-{number}", f"{PROJECT}/subscriptions/sub-{number}"
        self.publisher.create_topic(name=self.topic)
        self.config = self.subscriber.create_subscription(
            request={"name": self.subscription, "topic": self.topic, **options}
        )

    def publish(self, *bodies, **attributes):
        messages = [{"data": body.encode(), "attributes": attributes} for body in bodies]
        return list(self.publisher.publish(topic=self.topic, messages=messages).message_ids)

    def publish_ordered(self, key, *bodies):
        messages = [{"data": body.encode(), "ordering_key": key} for body in bodies]
        self.publisher.publish(topic=self.topic, messages=messages)

    def pull(self, limit=100, within=5.0):
        """Whatever comes first; nothing when nothing comes in time."""
        try:
            answer = self.subscriber.pull(
                subscription=self.subscription, max_messages=limit, timeout=within, retry=None
            )
        except exceptions.DeadlineExceeded:
            return []
        return list(answer.received_messages)

    def pull_until(self, count, within=10.0):
        """So many messages, or an error when they don't come in time."""
        received = []

        def are_there():
            received.extend(self.pull(within=1.0))
            return len(received) >= count

        eventually(are_there, seconds=within, otherwise=lambda: f"{len(received)} of {count}")
        return received

    def ack(self, *received):
        self.subscriber.acknowledge(subscription=self.subscription, ack_ids=[one.ack_id for one in received])

    def deadline(self, seconds, *received):
        self.subscriber.modify_ack_deadline(
            subscription=self.subscription, ack_ids=[one.ack_id for one in received], ack_deadline_seconds=seconds
        )

    def update(self, paths, **fields):
        return self.subscriber.update_subscription(
            subscription={"name": self.subscription, **fields}, update_mask=field_mask_pb2.FieldMask(paths=paths)
        )


def bodies(received):
    return [one.message.data.decode() for one in received]


def emulator_jar() -> Path | None:
    """The official emulator of the Google Cloud SDK, where it is installed."""
    roots = [os.environ.get("CLOUDSDK_ROOT_DIR", "/usr/lib/google-cloud-sdk"), Path.home() / "google-cloud-sdk"]
    jars = (
        jar for root in roots for jar in Path(root).glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar")
    )
    return next(jars, None)


@contextmanager
def official_emulator(jar: Path) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        ["java", "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: listens(port), seconds=30)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
