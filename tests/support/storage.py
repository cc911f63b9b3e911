"""The local Cloud Storage server as a process of its own, Google's client for it, and a receiver of its notifications."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true value of a condition; fails if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
    return value


@dataclass
class StorageServer:
    """A server process on a folder; it can be killed and started again, on the same port or on another."""

    folder: Path
    options: list[str] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, **popen: Any) -> None:
        command = [sys.executable, "-m", "dropforge_local.storage.server", "--port", str(self.port)]
        self.process = subprocess.Popen([*command, "--dir", str(self.folder), *self.options], **popen)
        eventually(self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the server has ended"
        with suppress(URLError, ConnectionError), urlopen(self.url) as response:
            return response.status == 200
        return False

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process:
            self.process.send_signal(how)
            self.process.wait(10)
            self.process = None

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def outbox(self) -> dict[str, float]:
        with urlopen(f"{self.url}/_local/outbox") as response:
            return json.load(response)

    def resident_bytes(self) -> int:
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @contextmanager
    def client(self) -> Iterator[storage.Client]:
        with closing(
            storage.Client("test", credentials=AnonymousCredentials(), client_options={"api_endpoint": self.url})
        ) as client:
            yield client


@contextmanager
def running(server: StorageServer, **popen: Any) -> Iterator[StorageServer]:
    server.start(**popen)
    try:
        yield server
    finally:
        server.end()


@dataclass(frozen=True)
class Received:
    """One attempt to deliver a notification."""

    at: float
    headers: dict[str, str]
    body: dict[str, Any]


class Receiver:
    """A function that answers with the statuses it is given, the last of them for ever."""

    def __init__(self, *statuses: int, seconds: float = 0.0) -> None:
        self.received: list[Received] = []
        self.at_once = 0
        self._in_flight = 0
        self._statuses = list(statuses) or [204]
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = receiver._receive(dict(self.headers), body, seconds)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/function?kind=finalized"

    def _receive(self, headers: dict[str, str], body: dict[str, Any], seconds: float) -> int:
        with self._lock:
            self.received.append(Received(time.time(), headers, body))
            self._in_flight += 1
            self.at_once = max(self.at_once, self._in_flight)
            status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        time.sleep(seconds)
        with self._lock:
            self._in_flight -= 1
        return status

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
