"""What the server remembers: resources, long-running operations, and notes of its own, in one SQLite file."""

import sqlite3
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

# A resource or an operation in its JSON form (https://protobuf.dev/programming-guides/json), enums by name.
Resource = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    collection TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS resources_by_collection ON resources (collection);
CREATE INDEX IF NOT EXISTS resources_by_state ON resources (json_extract(body, '$.state'), collection);
CREATE INDEX IF NOT EXISTS resources_by_creation ON resources (collection, json_extract(body, '$.createTime'));
CREATE TABLE IF NOT EXISTS operations (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    effect TEXT NOT NULL,
    arguments TEXT NOT NULL,
    due REAL NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS operations_by_due ON operations (done, due);
CREATE TABLE IF NOT EXISTS notes (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    note BLOB NOT NULL,
    PRIMARY KEY (kind, key)
);
"""


@dataclass(frozen=True)
class PendingOperation:
    """An operation whose effect is still to come: which effect, with which arguments, at which time (Unix seconds)."""

    name: str
    effect: str
    arguments: Resource
    due: float
    body: Resource


class State:
    """Resources by name; a collection is a parent and a kind (`projects/P/locations/L/endpoints`).

    Every call is durable against the death of the process when it returns; calls inside `transaction` are so together
    or not at all. Used by one thread at a time.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "vertex.sqlite3", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        # Survives a killed process, which is all that a laptop stack promises; a power cut may lose the last moments.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    def notes(self, kind: str) -> "Notes":
        """What the server has noted of one kind, which no client is shown."""
        return Notes(self._db, kind)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside take effect together at the end, or none when an exception leaves the block."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def insert(self, name: str, body: Resource) -> None:
        """Add a resource whose name is free."""
        collection = name.rpartition("/")[0]
        self._db.execute(
            "INSERT INTO resources (name, collection, body) VALUES (?, ?, ?)", (name, collection, _text(body))
        )

    def get(self, name: str) -> Resource | None:
        """The resource of that name."""
        row = self._db.execute("SELECT body FROM resources WHERE name = ?", (name,)).fetchone()
        return None if row is None else _read(row[0])

    def replace(self, name: str, body: Resource) -> None:
        """Store a resource's new body."""
        self._db.execute("UPDATE resources SET body = ? WHERE name = ?", (_text(body), name))

    def delete(self, name: str) -> None:
        """Forget a resource."""
        self._db.execute("DELETE FROM resources WHERE name = ?", (name,))

    def members(self, collection: str, *, omit: str = "") -> "Members":
        """A collection's resources, newest first, without the field `omit`."""
        return Members(self._db, collection, omit)

    def named_in_states(self, states: frozenset[str]) -> list[str]:
        """Names of the resources (of every project and location) that are in one of the states, oldest first."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT name FROM resources WHERE json_extract(body, '$.state') IN ({marks}) ORDER BY sequence"  # noqa: S608 - only question marks are put in
        return [name for (name,) in self._db.execute(query, tuple(states))]

    def count_states(self) -> dict[str, int]:
        """How many resources are in each state."""
        query = (
            "SELECT json_extract(body, '$.state') AS state, count(*) FROM resources WHERE state IS NOT NULL GROUP BY 1"
        )
        return dict(self._db.execute(query))

    def count(self, collection: str, *, states: frozenset[str]) -> int:
        """How many resources of a collection are in one of the states."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT count(*) FROM resources WHERE collection = ? AND json_extract(body, '$.state') IN ({marks})"  # noqa: S608 - see above
        return int(self._db.execute(query, (collection, *states)).fetchone()[0])

    def count_created_since(self, collection: str, time: str) -> int:
        """How many resources of a collection were created at `time` (RFC 3339) or later."""
        query = "SELECT count(*) FROM resources WHERE collection = ? AND json_extract(body, '$.createTime') >= ?"
        return int(self._db.execute(query, (collection, time)).fetchone()[0])

    def add_operation(self, operation: PendingOperation) -> None:
        """Remember an operation that has begun."""
        self._db.execute(
            "INSERT INTO operations (name, effect, arguments, due, body) VALUES (?, ?, ?, ?, ?)",
            (
                operation.name,
                operation.effect,
                _text(operation.arguments),
                operation.due,
                _text(operation.body),
            ),
        )

    def pending_operations(self, *, due_by: float = float("inf")) -> list[PendingOperation]:
        """Operations that are not done and due by a time, in the order of their times."""
        rows = self._db.execute(
            "SELECT name, effect, arguments, due, body FROM operations WHERE done = 0 AND due <= ? ORDER BY due, sequence",
            (due_by,),
        )
        return [
            PendingOperation(name, effect, _read(arguments), due, _read(body))
            for name, effect, arguments, due, body in rows
        ]

    def operation(self, name: str) -> Resource | None:
        """The operation of that name."""
        row = self._db.execute("SELECT body FROM operations WHERE name = ?", (name,)).fetchone()
        return None if row is None else _read(row[0])

    def operations(self, collection: str) -> list[Resource]:
        """Operations directly below a collection name (`.../operations`), newest first."""
        query = "SELECT body FROM operations WHERE name GLOB ? ORDER BY sequence DESC"
        return [_read(body) for (body,) in self._db.execute(query, (f"{collection}/*",))]

    def finish_operation(self, name: str, body: Resource) -> None:
        """Store an operation's end."""
        self._db.execute("UPDATE operations SET done = 1, body = ? WHERE name = ?", (_text(body), name))


class Members:
    """The resources of a collection, newest first; each is read when it is asked for."""

    def __init__(self, db: sqlite3.Connection, collection: str, omit: str) -> None:
        self._db = db
        self._collection = collection
        self._omit = omit

    def __iter__(self) -> Iterator[Resource]:
        return self._older_than(sys.maxsize)

    def behind(self, name: str) -> Iterator[Resource] | None:
        """Those that are older than the one of this name; None where there is none of this name."""
        row = self._db.execute("SELECT sequence FROM resources WHERE name = ?", (name,)).fetchone()
        return None if row is None else self._older_than(row[0])

    def _older_than(self, sequence: int) -> Iterator[Resource]:
        rows = self._db.execute(
            "SELECT CASE ? WHEN '' THEN body ELSE json_remove(body, ?) END FROM resources "
            "WHERE collection = ? AND sequence < ? ORDER BY sequence DESC",
            (self._omit, f"$.{self._omit}", self._collection, sequence),
        )
        return (_read(body) for (body,) in rows)


class Notes(MutableMapping[str, bytes]):
    """Notes of one kind by key, oldest first; as durable as the rest of the state, and part of its transactions."""

    def __init__(self, db: sqlite3.Connection, kind: str) -> None:
        self._db = db
        self._kind = kind

    def __getitem__(self, key: str) -> bytes:
        row = self._db.execute("SELECT note FROM notes WHERE kind = ? AND key = ?", (self._kind, key)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def __setitem__(self, key: str, note: bytes) -> None:
        self._db.execute(
            "INSERT INTO notes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET note = excluded.note",
            (self._kind, key, note),
        )

    def __delitem__(self, key: str) -> None:
        if not self._db.execute("DELETE FROM notes WHERE kind = ? AND key = ?", (self._kind, key)).rowcount:
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        rows = self._db.execute("SELECT key FROM notes WHERE kind = ? ORDER BY rowid", (self._kind,)).fetchall()
        return iter([key for (key,) in rows])

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM notes WHERE kind = ?", (self._kind,)).fetchone()[0])


def timestamp(seconds: float) -> str:
    """Unix seconds as RFC 3339 with microseconds, as the service writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(resource: Resource) -> str:
    return msgspec.json.encode(resource).decode()


def _read(text: str) -> Resource:
    resource: Resource = msgspec.json.decode(text)
    return resource
