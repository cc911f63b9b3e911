"""Which tick is due, and what became of the earlier ones."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

_SCHEMA = """
CREATE TABLE IF NOT EXISTS progress (
    name TEXT PRIMARY KEY,
    scheduled_for REAL,
    last_run REAL,
    runs INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0
) STRICT
"""


@dataclass(frozen=True)
class Schedule:
    """A tick to `topic` every `seconds`."""

    name: str
    topic: str
    seconds: float


class Report(msgspec.Struct, frozen=True):
    """One schedule's past and future; times are RFC 3339 in UTC, `last_run` is null before the first."""

    name: str
    topic: str
    every_seconds: float
    last_run: str | None
    next_run: str
    runs: int
    failures: int


class Schedules:
    """Every schedule's progress, kept in a file; times are seconds since 1970.

    Ticks stand on a grid: the multiples of the interval. A tick is due when its place on the grid is not the one served
    last, so a restart or a stall makes up for the latest missed tick and never for the ones before it, and a clock that
    is set back does not stop a schedule.
    """

    def __init__(self, schedules: Iterable[Schedule], folder: Path) -> None:
        self._schedules = {schedule.name: schedule for schedule in schedules}
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "schedules.sqlite", isolation_level=None)
        # NORMAL loses nothing when the process is killed; a power cut could repeat a tick, which is allowed.
        self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")
        names = [(name,) for name in self._schedules]
        self._database.executemany("INSERT OR IGNORE INTO progress (name) VALUES (?)", names)

    def __iter__(self) -> Iterator[Schedule]:
        return iter(self._schedules.values())

    def __getitem__(self, name: str) -> Schedule:
        return self._schedules[name]

    def due(self, schedule: Schedule, now: float) -> float | None:
        """What time the tick now due was scheduled for; None when it has been served."""
        tick = _tick(schedule, now)
        (served,) = self._database.execute(
            "SELECT scheduled_for FROM progress WHERE name = ?", (schedule.name,)
        ).fetchone()
        return None if tick == served else tick

    def serve(self, schedule: Schedule, tick: float) -> None:
        """Take a tick off the grid: whether it can be published or not, the next one replaces it."""
        self._database.execute("UPDATE progress SET scheduled_for = ? WHERE name = ?", (tick, schedule.name))

    def ran(self, schedule: Schedule, *, at: float, published: bool) -> None:
        """Count a run."""
        self._database.execute(
            "UPDATE progress SET last_run = ?, runs = runs + ?, failures = failures + ? WHERE name = ?",
            (at, published, not published, schedule.name),
        )

    def report(self, schedule: Schedule, now: float) -> Report:
        """What to tell about a schedule."""
        last_run, runs, failures = self._database.execute(
            "SELECT last_run, runs, failures FROM progress WHERE name = ?", (schedule.name,)
        ).fetchone()
        return Report(
            name=schedule.name,
            topic=schedule.topic,
            every_seconds=schedule.seconds,
            last_run=None if last_run is None else timestamp(last_run),
            next_run=timestamp(next_tick(schedule, now)),
            runs=runs,
            failures=failures,
        )

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def next_tick(schedule: Schedule, now: float) -> float:
    """When the next place on the schedule's grid comes."""
    return _tick(schedule, now) + schedule.seconds


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _tick(schedule: Schedule, now: float) -> float:
    """The latest place on the schedule's grid that is not in the future."""
    return now // schedule.seconds * schedule.seconds
