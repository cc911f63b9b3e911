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


WEBHOOKS = "#dropforge"  # the channel of the incoming webhooks


class Message(msgspec.Struct, frozen=True):
    """One message as received.

    Attributes:
        id: Its number.
        time: When it was received, RFC 3339 in UTC.
        text: What a notification would show.
        payload: As it was sent.
        ts: What Slack names it by within its channel: seconds since 1970, and a fraction that makes it unique.
        channel: Where it stands.
        thread: The `ts` of the message that it replies to; empty for none.
    """

    id: int
    time: str
    text: str
    payload: dict[str, Any]
    ts: str
    channel: str
    thread: str = ""

    @property
    def is_in_channel(self) -> bool:
        """Whether the channel shows it, and not only a thread."""
        return not self.thread or bool(self.payload.get("reply_broadcast"))


class Messages:
    """The messages of every channel. Once `add` has returned, a message survives the end of the process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "messages.sqlite", isolation_level=None)
        # NORMAL loses nothing when the process is killed; only a power cut could take the last messages.
        self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")

    def add(self, payload: Mapping[str, Any], *, time: datetime) -> Message:
        """Keep a message."""
        row = (time.isoformat(timespec="milliseconds"), plain_text(payload), msgspec.json.encode(payload))
        added = self._database.execute("INSERT INTO message (time, text, payload) VALUES (?, ?, ?)", row)
        return _message(added.lastrowid or 0, *row)

    def find(self, channel: str, ts: str) -> Message | None:
        """The message of this `ts` in a channel."""
        number = ts.partition(".")[2]
        rows = self._database.execute(
            "SELECT id, time, text, payload FROM message WHERE id = ?", (int(number) if number.isdecimal() else 0,)
        )
        found = [_message(*row) for row in rows]
        return next((message for message in found if (message.channel, message.ts) == (channel, ts)), None)

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
    content = msgspec.json.decode(payload)
    return Message(
        id=number,
        time=time,
        text=text,
        payload=content,
        ts=f"{datetime.fromisoformat(time).timestamp():.0f}.{number:06}",
        channel=content.get("channel") or WEBHOOKS,
        thread=content.get("thread_ts") or "",
    )
