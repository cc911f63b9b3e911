"""Finalize notifications that are still owed. A row is written with the object it tells of, or not at all."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec

from dropforge_local.storage.database import Database
from dropforge_local.storage.resources import StoredObject


@dataclass(frozen=True, slots=True)
class Notification:
    """That an object was finalized.

    `event_id` is the same at every attempt, `object` is the resource as it was then, `created` is in seconds since 1970.
    `url` is where its bucket's notifications go now: None if the bucket is gone.
    """

    event_id: str
    bucket: str
    object: dict[str, Any]
    created: float
    url: str | None


class Outbox:
    """Notifications in the order in which they came to be owed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[int], object]] = []

    def listen(self, listener: Callable[[int], object]) -> None:
        """Call with the id of every notification that is added from now on, once it is committed."""
        self._listeners.append(listener)

    def add(self, new: StoredObject) -> None:
        """Owe a notification. To be called in the transaction that makes the object."""
        added: int = self._database.execute(
            "INSERT INTO outbox (event_id, bucket, object, created) VALUES (?, ?, ?, ?) RETURNING id",
            uuid4().hex,
            new.bucket,
            msgspec.json.encode(new.resource()).decode(),
            time.time(),
        ).fetchone()[0]
        for listener in self._listeners:
            self._database.after_commit(partial(listener, added))

    def pending(self) -> list[int]:
        """The ids of what is owed, oldest first."""
        return [row[0] for row in self._database.execute("SELECT id FROM outbox ORDER BY id")]

    def get(self, notification: int) -> Notification:
        """What is owed under an id of `pending`."""
        row = self._database.row(
            "SELECT event_id, bucket, object, outbox.created, notify"
            " FROM outbox LEFT JOIN buckets ON buckets.name = outbox.bucket WHERE id = ?",
            notification,
        )
        if row is None:
            raise KeyError(notification)
        event_id, bucket, resource, created, url = row
        return Notification(event_id, bucket, msgspec.json.decode(resource), created, url)

    def settle(self, notification: int, *, delivered: bool) -> None:
        """It is owed no more: somebody has it, or it is too old."""
        with self._database.transaction():
            self._database.execute("DELETE FROM outbox WHERE id = ?", notification)
            if delivered:
                self._database.count_delivery()

    def figures(self) -> dict[str, float]:
        """How many are `pending`, how many were ever `delivered`, and the age of the oldest pending in seconds."""
        row = self._database.row("SELECT count(*), min(created) FROM outbox")
        pending, oldest = row or (0, None)
        age = 0.0 if oldest is None else max(0.0, time.time() - oldest)
        return {"pending": pending, "delivered": self._database.delivered(), "oldest_seconds": round(age, 3)}
