"""What survives a kill: every topic, subscription and snapshot, and every message that somebody is still owed.

The service changes its memory first and tells the journal; the journal writes what has gathered since its last
transaction in the next one. Whoever must not answer before the disk knows awaits `committed`.

A transaction is appended to SQLite's log and waits for no disk: that takes less time than to wake a thread. What does
wait for the disk, carrying the log over into the database, is done in a thread.
"""

import asyncio
import json
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_ROWS_A_STATEMENT = 500
_PAGE = 4096  # bytes: the least that a change adds to the log
_LONGEST_LOG = 4 << 20  # bytes, as SQLite has it by itself

# WAL with synchronous=NORMAL: a committed transaction survives the end of the process at any point, though not
# a power cut within the last moments.
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 0;
CREATE TABLE IF NOT EXISTS resources (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS backlog (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    message BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL
);
"""


class Row(NamedTuple):
    """A message that a subscription or a snapshot (`owner`, by its full name) keeps."""

    number: int
    owner: str
    message: bytes
    attempts: int = 0
    acknowledged: bool = False


class _Batch:
    """Everything that changed since the last transaction, as it is now; None for what is to be removed."""

    def __init__(self) -> None:
        self.resources: dict[str, bytes | None] = {}
        self.backlog: dict[int, Row | None] = {}
        self.done = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self.resources or self.backlog)

    def size(self) -> int:
        """About how many bytes it adds to the log."""
        messages = sum(len(row.message) for row in self.backlog.values() if row)
        return messages + _PAGE * (len(self.resources) + len(self.backlog))


class Journal:
    """The service's memory on disk: one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._batch = _Batch()
        self._changed = asyncio.Event()
        self._log_size = 0

    def resources(self) -> dict[str, bytes]:
        """The serialized resources by their full names, as of the last transaction."""
        return dict(self._database.execute("SELECT name, body FROM resources ORDER BY name"))

    def backlog(self) -> list[Row]:
        """The kept messages in order of publication, as of the last transaction."""
        return [Row(*row) for row in self._database.execute("SELECT * FROM backlog ORDER BY number")]

    def last_number(self) -> int:
        """The greatest number of a kept message, as of the last transaction; 0 when there is none."""
        [(number,)] = self._database.execute("SELECT coalesce(max(number), 0) FROM backlog")
        return int(number)

    def put_resource(self, name: str, body: bytes) -> None:
        """Remember a resource as it is now."""
        self._batch.resources[name] = body
        self._changed.set()

    def drop_resource(self, name: str) -> None:
        """Forget a resource (its messages are dropped one by one, by whoever knows them)."""
        self._batch.resources[name] = None
        self._changed.set()

    def put_message(self, row: Row) -> None:
        """Remember a kept message as it is now."""
        self._batch.backlog[row.number] = row
        self._changed.set()

    def drop_message(self, number: int) -> None:
        """Forget a kept message."""
        self._batch.backlog[number] = None
        self._changed.set()

    async def committed(self) -> None:
        """Return when what the caller has just told is on disk; to be called before the next await."""
        if self._batch:
            await self._batch.done.wait()

    async def run(self) -> None:
        """Write batch after batch, until cancelled.

        A batch is what has gathered until it is this task's turn: the more there is to do, the more a transaction holds.
        A change that is made in one step of the event loop is never torn between two batches.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            batch, self._batch = self._batch, _Batch()
            await self._write(batch)
            batch.done.set()
            self._log_size += batch.size()
            if self._log_size > _LONGEST_LOG:
                await self._shorten_log()

    def close(self) -> None:
        """Write what is left and close the file."""
        self._thread.shutdown(wait=True)
        if self._batch:
            self._transact(self._batch)
        self._database.close()

    async def _write(self, batch: _Batch) -> None:
        while True:
            try:
                return self._transact(batch)
            except sqlite3.OperationalError:
                # A full disk holds publishers back until there is room; nothing is answered that is not kept.
                _log.exception("The journal cannot be written. Trying again in %s s.", _RETRY_SECONDS)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _shorten_log(self) -> None:
        """Let the log begin anew. Nothing is written meanwhile: with a writer beside it, it would never get to its end."""
        with suppress(sqlite3.OperationalError):  # a full disk: the next batch comes by here, too
            await asyncio.get_running_loop().run_in_executor(self._thread, self._checkpoint)
            self._log_size = 0

    def _checkpoint(self) -> None:
        self._database.execute("PRAGMA wal_checkpoint").fetchall()

    def _transact(self, batch: _Batch) -> None:
        self._database.execute("BEGIN")
        try:
            self._apply(batch)
            self._database.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    def _apply(self, batch: _Batch) -> None:
        for name, body in batch.resources.items():
            if body is None:
                self._database.execute("DELETE FROM resources WHERE name = ?", (name,))
            else:
                self._database.execute("INSERT OR REPLACE INTO resources VALUES (?, ?)", (name, body))
        # Many rows a statement: SQLite gives up the interpreter's lock once a statement, and under load a thread
        # waits milliseconds to get it back (20 ms instead of 125 ms for a thousand rows).
        rows = [row for row in batch.backlog.values() if row]
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            chunk = rows[start : start + _ROWS_A_STATEMENT]
            values = ", ".join(["(?, ?, ?, ?, ?)"] * len(chunk))
            self._database.execute(
                f"INSERT OR REPLACE INTO backlog VALUES {values}",  # noqa: S608 - question marks only
                [value for row in chunk for value in row],
            )
        dropped = [number for number, row in batch.backlog.items() if row is None]
        if dropped:
            self._database.execute(
                "DELETE FROM backlog WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(dropped),)
            )
