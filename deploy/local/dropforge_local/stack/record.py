"""`stack.json`: what a supervisor writes down about the processes that it keeps."""

from enum import StrEnum
from typing import Self

import msgspec
import psutil

# A process's creation time is computed from the boot time, which moves a little when the clock is corrected.
_SAME_CREATION_SECONDS = 2.0


class State(StrEnum):
    """Where a process, or the whole stack, stands."""

    WAITING = "waiting"  # for another process, or for the next attempt after it ended
    STARTING = "starting"  # it runs and does not answer yet
    READY = "ready"


class Identity(msgspec.Struct, frozen=True):
    """One process for certain: numbers are used again, numbers with the same creation time are not."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """The identity of a process that cannot have been reaped yet: this one, or a child that nobody waited for."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, as long as it runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < _SAME_CREATION_SECONDS
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class ProcessRecord(msgspec.Struct, frozen=True):
    """One child; `identity` is None while it waits."""

    name: str
    identity: Identity | None
    port: int
    url: str
    state: State
    restarts: int


class Record(msgspec.Struct, frozen=True):
    """The whole stack."""

    supervisor: Identity
    state: State
    console: str
    processes: tuple[ProcessRecord, ...]
    variables: dict[str, str]
