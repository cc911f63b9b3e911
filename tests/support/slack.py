"""A server that gives the answers that a test wants, one after the other, and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Answers:
    """Status, headers and body of each answer; the last is given again to whoever asks for more."""

    def __init__(self, *answers: tuple[int, Mapping[str, str], str]) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> tuple[int, Mapping[str, str], str]:
        with self._lock:
            self.asked.append(asked)
            return self._answers[min(len(self.asked), len(self._answers)) - 1]


def word(error: str, status: int = 200, **headers: str) -> tuple[int, Mapping[str, str], str]:
    """Slack's answer to a bot's call that it refuses."""
    return status, headers, json.dumps({"ok": False, "error": error})


def posted(channel: str = "C1", ts: str = "1.000001") -> tuple[int, Mapping[str, str], str]:
    """Slack's answer to a message that it took."""
    return 200, {}, json.dumps({"ok": True, "channel": channel, "ts": ts})


@contextmanager
def slack_saying(answers: Answers) -> Iterator[str]:
    """Where those answers are given; no slash at the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, text = answers.answer(Asked(self.path, dict(self.headers.items()), body))
            data = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
