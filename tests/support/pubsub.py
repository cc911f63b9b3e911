"""Pub/Sub servers as processes of their own, and clients that talk to them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import grpc
import httpx
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient as PlainPublisher
from google.pubsub_v1.services.publisher.transports.grpc import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports.grpc import SubscriberGrpcTransport

PROJECT = "projects/test"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition: Callable[[], object], within: float = 10) -> None:
    """Wait until the condition holds; fail when it does not within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.02)


class LocalServer:
    """Our server. It can be killed and started again on the same ports and folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, self.rest_port = free_port(), free_port()
        self.host, self.url = f"127.0.0.1:{self.port}", f"http://127.0.0.1:{self.rest_port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "dropforge_local.pubsub.server", "--port", str(self.port)]
        command += ["--rest-port", str(self.rest_port), "--dir", str(self.directory)]
        self._process = subprocess.Popen(command)
        eventually(self._is_healthy)

    def kill(self) -> None:
        """As the machine's out-of-memory killer would: no farewell."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to stop; the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=10)

    def status(self) -> dict[str, dict[str, float]]:
        return httpx.get(f"{self.url}/_local/status").json()

    def _is_healthy(self) -> bool:
        assert self._process.poll() is None, "the server has ended"
        with suppress(httpx.TransportError):
            return httpx.get(self.url).status_code == 200
        return False


@contextmanager
def local_server(directory: Path) -> Iterator[LocalServer]:
    server = LocalServer(directory)
    try:
        yield server
    finally:
        server.kill()


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
        eventually(lambda: _listens(port), within=30)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
