"""The messages that were received."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from dropforge_local.slack.payload import plain_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    text TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT
"""


class Message(msgspec.Struct, frozen=True):
    """One message as received; `time` is when, RFC 3339 in UTC."""

    id: int
    time: str
    text: str
    payload: dict[str, Any]


class Messages:
    """The channel. What `add` has returned for survives the end of the process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "messages.sqlite", isolation_level=None)
        # NORMAL loses nothing when the process is killed; only a power cut could take the last messages.
        self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")

    def add(self, payload: Mapping[str, Any], *, time: datetime) -> None:
        """Keep a message."""
        self._database.execute(
            "INSERT INTO message (time, text, payload) VALUES (?, ?, ?)",
            (time.isoformat(timespec="milliseconds"), plain_text(payload), msgspec.json.encode(payload)),
        )

    def newest(self, count: int) -> list[Message]:
        """At most `count` messages, the newest last."""
        rows = self._database.execute("SELECT id, time, text, payload FROM message ORDER BY id DESC LIMIT ?", (count,))
        return [_message(*row) for row in reversed(rows.fetchall())]

    def all(self) -> list[Message]:
        """Every message, the newest last."""
        return [
            _message(*row) for row in self._database.execute("SELECT id, time, text, payload FROM message ORDER BY id")
        ]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _message(number: int, time: str, text: str, payload: bytes) -> Message:
    return Message(id=number, time=time, text=text, payload=msgspec.json.decode(payload))
