"""The local Cloud Storage server as a process of its own, Google's client for it, and a receiver of its notifications."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

import psutil
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from support.servers import Server


class StorageServer(Server):
    """Cloud Storage on a folder."""

    def __init__(self, folder: Path, *options: str, **popen: Any) -> None:
        super().__init__("dropforge_local.storage.server", "--dir", folder, *options, **popen)

    def outbox(self) -> dict[str, float]:
        with urlopen(f"{self.url}/_local/outbox") as response:
            return json.load(response)

    def resident_bytes(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss

    @contextmanager
    def client(self) -> Iterator[storage.Client]:
        with closing(
            storage.Client("test", credentials=AnonymousCredentials(), client_options={"api_endpoint": self.url})
        ) as client:
            yield client


def put(bucket: storage.Bucket, name: str, data: bytes = b"x", **conditions: int) -> storage.Blob:
    """Store an object; give it as it was stored."""
    blob = bucket.blob(name)
    blob.upload_from_string(data, **conditions)
    return blob


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
