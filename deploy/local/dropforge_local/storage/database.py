"""The SQLite file: its tables, its transactions, and the counter that generations come from."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, generation INTEGER NOT NULL, metageneration INTEGER NOT NULL,
    created TEXT NOT NULL, updated TEXT NOT NULL, fields TEXT NOT NULL, notify TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, metageneration INTEGER NOT NULL,
    blob TEXT NOT NULL, size INTEGER NOT NULL, crc32c TEXT NOT NULL, md5 TEXT, components INTEGER,
    fields TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, deleted TEXT,
    PRIMARY KEY (bucket, name, generation)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS one_live_generation ON objects (bucket, name) WHERE deleted IS NULL;
CREATE INDEX IF NOT EXISTS objects_of_blob ON objects (blob);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, name TEXT NOT NULL, fields TEXT NOT NULL, preconditions TEXT NOT NULL,
    crc32c TEXT, md5 TEXT, blob TEXT NOT NULL, created REAL NOT NULL, finished TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, bucket TEXT NOT NULL, object TEXT NOT NULL,
    created REAL NOT NULL
);
"""


class Database:
    """One connection for one event loop: what happens between two `await`s needs no lock.

    The file is locked for as long as it is open, so that a second server on the same folder fails at its start.
    """

    def __init__(self, path: Path) -> None:
        # Opened in one thread and used by the event loop of another, never by two at a time.
        # A server that is ending may hold the file for as long as a stop takes.
        self._connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        self._after_commit: list[Callable[[], object]] = []
        # NORMAL survives the end of the process at any line, not the loss of power: a laptop's stack needs no more.
        self._connection.executescript(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _TABLES
        )

    def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(statement, parameters)

    def row(self, statement: str, *parameters: object) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        row: tuple[Any, ...] | None = self.execute(statement, *parameters).fetchone()
        return row

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction, part of that one."""
        if self._connection.in_transaction:
            yield
            return
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._after_commit.clear()
            self._roll_back()
            raise
        callbacks, self._after_commit = self._after_commit, []
        for callback in callbacks:
            callback()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # a full disk makes SQLite roll back by itself
            self.execute("ROLLBACK")

    def after_commit(self, callback: Callable[[], object]) -> None:
        """Call back once the current transaction is committed, and not at all if it is rolled back."""
        self._after_commit.append(callback)

    def next_generation(self) -> int:
        """Microseconds since 1970 by the clock, but always greater than every generation before, whatever the clock does.

        Call it inside the transaction that uses it.
        """
        return self._count("generation", "max(value + 1, ?)", time.time_ns() // 1000)

    def count_delivery(self) -> None:
        """One more notification was delivered."""
        self._count("delivered", "value + ?", 1)

    def delivered(self) -> int:
        """How many notifications were delivered since the folder was created."""
        row = self.row("SELECT value FROM counters WHERE name = 'delivered'")
        return row[0] if row else 0

    def _count(self, name: str, update: str, value: int) -> int:
        counted: int = self.execute(
            f"INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = {update} RETURNING value",  # noqa: S608 - constants of this class
            name,
            value,
            value,
        ).fetchone()[0]
        return counted

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
