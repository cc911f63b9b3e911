"""Which port each part of the stack listens on."""

import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

import psutil

from dropforge_local.serving import HOST
from dropforge_local.stack.errors import StackError

DEFAULT_BASE = 8460

# Offsets from the base. The console comes first, because it is the address that people type.
_CONSOLE = "console"
_FIXED = {_CONSOLE: 0, "storage": 1, "pubsub": 2, "pubsub-rest": 3, "vertex": 4, "slack": 5, "scheduler": 6}
_FIRST_FUNCTION = 10
_HIGHEST = 65535

# A process that was just killed lets go of its port a moment after it is gone from the list of processes.
_RELEASE_SECONDS = 0.5


def allocate(functions: Iterable[str], base: int) -> Mapping[str, int]:
    """Ports by name: fixed ones counted from `base`, or with `base` 0 whatever is free.

    Raises:
        StackError: a port is taken (named, with its holder where the system tells) or out of range.
    """
    others = [name for name in functions if name != _CONSOLE]
    offsets = _FIXED | {name: offset for offset, name in enumerate(others, start=_FIRST_FUNCTION)}
    if base == 0:
        return dict(zip(offsets, _free(len(offsets)), strict=True))
    if not 1024 <= base <= _HIGHEST - max(offsets.values()):
        raise StackError(
            f"--port-base {base} cannot be used: ports below 1024 are the system's, and the stack takes "
            f"{max(offsets.values()) + 1} of them in a row. Choose 0 (any free ports) or a number from 1024 to "
            f"{_HIGHEST - max(offsets.values())}."
        )
    ports = {name: base + offset for name, offset in offsets.items()}
    for name, port in ports.items():
        _require_free(name, port)
    return ports


def _free(count: int) -> list[int]:
    """Ports that nothing listens on: all are held until the last is found, so that none is found twice."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def _require_free(name: str, port: int) -> None:
    deadline = time.monotonic() + _RELEASE_SECONDS
    while True:
        try:
            socket.create_server((HOST, port)).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise StackError(
                    f"Port {port} (for {name}) is in use{_by_whom(port)}: stop that, or choose other ports with "
                    "--port-base (0 takes any free ones)."
                ) from error
            time.sleep(0.05)
        else:
            return


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:  # macOS tells this only to root, and the holder may just have ended
        pass
    return ""
