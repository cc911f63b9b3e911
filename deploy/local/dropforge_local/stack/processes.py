"""One child process: started, watched, started again, stopped."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from dropforge_local.stack import health
from dropforge_local.stack.environment import url
from dropforge_local.stack.errors import StackError
from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.programs import Program
from dropforge_local.stack.record import Identity, ProcessRecord, State

log = logging.getLogger(__name__)

FAILED_STARTS_ALLOWED: Final = 5
# A cold disk and a busy machine make imports slow; nothing that works takes this long.
START_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 10.0
_PROBE_SECONDS = 0.1
# Whoever was ready this long has recovered: its next end starts a new count.
_STEADY_SECONDS = 30.0


class Child:
    """Keeps one program running in a process group of its own."""

    def __init__(self, program: Program, *, folder: StackFolder, leash: int) -> None:
        """`leash` is the file descriptor that the child gets as its standard input (see `leash`)."""
        self.program = program
        self.restarts = 0
        self._folder = folder
        self._leash = leash
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: Identity | None = None
        self._answered = threading.Event()
        self._state = State.WAITING
        self._since = 0.0
        self._start_at = 0.0
        self._ends = 0
        self._failed_starts = 0

    @property
    def state(self) -> State:
        """Where the child stands since the last `watch`."""
        return self._state

    def watch(self, now: float) -> bool:
        """Do what is due at `now` (monotonic seconds); True if something changed.

        Raises:
            StackError: it ended without ever answering, several times in a row, or runs without answering.
        """
        before = (self._state, self._identity)
        if self._process is None:
            if now >= self._start_at:
                self._start(now)
        elif (status := self._process.poll()) is not None:
            self._ended(status, now)
        elif self._state is State.STARTING:
            self._await_ready(now)
        return before != (self._state, self._identity)

    def record(self) -> ProcessRecord:
        """What to write down about the child."""
        program = self.program
        return ProcessRecord(program.name, self._identity, program.port, url(program.port), self._state, self.restarts)

    def terminate(self) -> None:
        """Ask the child to stop."""
        if self._process is not None:
            self._process.terminate()

    def kill_after(self, deadline: float) -> None:
        """Wait for the end until `deadline` (monotonic seconds), then end the child and all that it started."""
        if self._process is None:
            return
        with suppress(subprocess.TimeoutExpired):  # busy or only slow: what it was doing goes on at the next start
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._kill_group()
        self._process.wait()

    def _start(self, now: float) -> None:
        program = self.program
        # -P: whatever lies in the current folder must not be imported in place of a library.
        command = [sys.executable, "-P", "-m", "dropforge_local.stack.leash", program.module, *program.arguments]
        with self._folder.open_log(program.name) as output:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and arguments from the topology
                    command,
                    stdin=self._leash,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **program.variables, "PYTHONUNBUFFERED": "1"},
                    start_new_session=True,  # Ctrl-C is for the supervisor, which then stops its children in order
                )
            except OSError as error:
                raise StackError(f"{program.name} cannot be started ({error.strerror}).") from error
        self._identity = Identity.of(self._process.pid)
        self._answered = threading.Event()
        self._state, self._since = State.STARTING, now
        threading.Thread(target=_await_answer, args=(program, self._process, self._answered), daemon=True).start()

    def _await_ready(self, now: float) -> None:
        if self._answered.is_set():
            self._state, self._since, self._failed_starts = State.READY, now, 0
        elif now - self._since > START_SECONDS:
            address = url(self.program.health_port or self.program.port)
            raise StackError(
                f"{self.program.name} runs, but {address}/ gave no good answer in {START_SECONDS:g} s; {self._log_end()}"
            )

    def _ended(self, status: int, now: float) -> None:
        name, was_ready = self.program.name, self._state is State.READY
        self._kill_group()
        self._process, self._identity, self._state = None, None, State.WAITING
        self._failed_starts += not was_ready
        if self._failed_starts >= FAILED_STARTS_ALLOWED:
            raise StackError(
                f"{name} did not start in {FAILED_STARTS_ALLOWED} attempts ({_how(status)}); {self._log_end()}"
            )
        self._ends = 1 if was_ready and now - self._since > _STEADY_SECONDS else self._ends + 1
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** (self._ends - 1), _LONGEST_PAUSE_SECONDS)
        self.restarts += 1
        self._start_at = now + pause
        log.warning("%s ended (%s); starting it again in %.3g s", name, _how(status), pause)

    def _log_end(self) -> str:
        name = self.program.name
        return f"its log {self._folder.log(name)} ends:\n{self._folder.log_end(name)}"

    def _kill_group(self) -> None:
        """End what is left of the child's process group: a killed gunicorn leaves workers that hold its port."""
        if self._process is not None:
            # macOS answers "not permitted" for a group of which only zombies are left.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _await_answer(program: Program, process: subprocess.Popen[bytes], answered: threading.Event) -> None:
    """Set `answered` once the program serves; give up when its process has ended."""
    while process.returncode is None:
        if health.answers(program.health_port or program.port) and health.accepts(program.port):
            answered.set()
            return
        time.sleep(_PROBE_SECONDS)


def _how(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"
