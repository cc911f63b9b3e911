"""Local servers as processes of their own, and waiting for what takes its time."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any, TypeVar

Value = TypeVar("Value")


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def eventually(
    condition: Callable[[], Value], *, seconds: float = 10.0, otherwise: Callable[[], object] | None = None
) -> Value:
    """The first true value of a condition.

    Fails when there is none within `seconds`, and says what `otherwise` gives.
    """
    __tracebackhide__ = True  # the line that waited is what a reader wants to see
    deadline, pause = time.monotonic() + seconds, 0.01
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds} s" + (f": {otherwise()}" if otherwise else ""))
        time.sleep(pause)
        pause = min(2 * pause, 0.1)  # whom it waits for needs the processor more
    return value


class Server:
    """A local server as a process of its own.

    It answers once `start` returns, and can be started again on the same port after it was stopped or killed.
    """

    process: subprocess.Popen[bytes]

    def __init__(
        self, module: str, *arguments: object, env: Mapping[str, str] | None = None, url: str = "", **popen: Any
    ) -> None:
        """Nothing runs yet.

        Args:
            module: What `python -m` runs; it takes `--port`.
            arguments: What else it is told.
            env: Variables beside those of the tests.
            url: What answers a GET with success once it is ready; its own port when empty.
            popen: Further options of `subprocess.Popen`.
        """
        self.port = free_port()
        self.url = url or f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", module, "--port", str(self.port), *map(str, arguments)]
        self._env = dict(env or {})
        self._popen = popen

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, env=os.environ | self._env, **self._popen)
        try:
            eventually(self.answers, seconds=30)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int:
        """Ask it to end; its exit status. One that has ended, or does not within 10 s, is no longer there either."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it as the machine's out-of-memory killer would: no farewell."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def answers(self) -> bool:
        """Whether it is ready; fails when it has ended."""
        status = self.process.poll()
        assert status is None, f"{' '.join(self._command[1:])} has ended with status {status}"
        with suppress(OSError, HTTPException), urllib.request.urlopen(self.url, timeout=10):
            return True
        return False


AServer = TypeVar("AServer", bound=Server)


@contextmanager
def running(server: AServer) -> Iterator[AServer]:
    """Start a server, and leave nothing of it behind."""
    server.start()
    try:
        yield server
    finally:
        server.stop()
