"""What runs right now: the record, checked against the processes of the machine."""

import time
from typing import Any

import msgspec
import psutil

from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.record import Identity, ProcessRecord, Record, State


class ProcessStatus(msgspec.Struct, frozen=True):
    """One process and what it started; memory is the proportional share (PSS) where the system tells it, else unique."""

    name: str
    state: State
    pid: int | None
    port: int
    url: str
    uptime_seconds: float | None
    memory_bytes: int
    restarts: int


class StackStatus(msgspec.Struct, frozen=True):
    """The whole stack; its JSON is what `status --json` prints."""

    state: State
    console: str
    pid: int
    uptime_seconds: float
    memory_bytes: int
    processes: tuple[ProcessStatus, ...]
    variables: dict[str, str]


def running(folder: StackFolder) -> Record:
    """The record of the stack that runs in the folder.

    Raises:
        NotRunning: no supervisor runs there.
    """
    record = folder.read()
    if record is None or record.supervisor.process() is None:
        raise folder.not_running()
    return record


def status(folder: StackFolder) -> StackStatus:
    """Look at the stack in the folder.

    Raises:
        NotRunning: no supervisor runs there.
    """
    record = running(folder)
    processes = tuple(map(_process_status, record.processes))
    own = record.supervisor.process()
    return StackStatus(
        state=State.READY if all(process.state is State.READY for process in processes) else State.STARTING,
        console=record.console,
        pid=record.supervisor.pid,
        uptime_seconds=_uptime(record.supervisor),
        memory_bytes=(_memory(own) if own else 0) + sum(process.memory_bytes for process in processes),
        processes=processes,
        variables=record.variables,
    )


def _process_status(child: ProcessRecord) -> ProcessStatus:
    identity = child.identity
    process = identity.process() if identity else None
    return ProcessStatus(
        name=child.name,
        # It may have ended since the record was written; the supervisor notices within a tenth of a second.
        state=child.state if process else State.WAITING,
        pid=process.pid if process else None,
        port=child.port,
        url=child.url,
        uptime_seconds=_uptime(identity) if process and identity else None,
        memory_bytes=_memory_of_all(process) if process else 0,
        restarts=child.restarts,
    )


def _uptime(identity: Identity) -> float:
    return round(max(0.0, time.time() - identity.created), 1)


def _memory_of_all(process: psutil.Process) -> int:
    try:
        return sum(map(_memory, [process, *process.children(recursive=True)]))
    except psutil.NoSuchProcess:
        return 0


def _memory(process: psutil.Process) -> int:
    try:
        memory: Any = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
    return int(getattr(memory, "pss", memory.uss))
