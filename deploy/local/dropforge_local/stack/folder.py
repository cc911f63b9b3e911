"""The folder that a stack lives in: its record, its lock, its logs and every server's state.

DIR/.gitignore      keeps all of it out of version control
DIR/stack.json      what runs, while it runs (`Record`)
DIR/stack.lock      held by the supervisor
DIR/env             the environment for tools, KEY=VALUE lines
DIR/logs/NAME.log   what each process wrote
DIR/NAME/           the state of each server
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from dropforge_local.stack.environment import env_file
from dropforge_local.stack.errors import AlreadyRunning, NotRunning, StackError
from dropforge_local.stack.record import Record

DEFAULT_FOLDER = Path(".dropforge")
_LOG_BYTES_KEPT = 1_000_000


class StackFolder:
    """Reads and writes one stack's folder; nothing is created before `prepare`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._record = path / "stack.json"
        self._env = path / "env"

    def prepare(self) -> None:
        """Create the folder and make sure that it can be written.

        Raises:
            StackError: it cannot.
        """
        with self._explaining_failures():
            self.log("stack").parent.mkdir(parents=True, exist_ok=True)
            (self.path / ".gitignore").write_text("*\n")

    def clear(self) -> None:
        """Remove all that a stack left in the folder.

        Raises:
            StackError: the folder holds something that no stack put there, or it cannot be removed.
        """
        if self.path.exists() and any(self.path.iterdir()) and not (self.path / "stack.lock").is_file():
            raise StackError(
                f"{self.path} holds files that are not Dropforge's: name an empty folder, or one of a stack."
            )
        with self._explaining_failures():
            shutil.rmtree(self.path, ignore_errors=not self.path.exists())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for one supervisor; the system lets go of it when the process ends, however it ends.

        Raises:
            AlreadyRunning: another supervisor holds it.
        """
        with self._explaining_failures():
            lock = (self.path / "stack.lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self.already_running() from None
            yield

    def already_running(self) -> AlreadyRunning:
        """The error that says where the running stack is."""
        record = self.read()
        where = f"the console is at {record.console}" if record else "it is just starting"
        return AlreadyRunning(
            f"A stack is already running in {self.path}: {where}. Stop it with `dropforge local down`."
        )

    def not_running(self) -> NotRunning:
        """The error that says how to start a stack."""
        return NotRunning(f"No stack is running in {self.path}: start one with `dropforge local up`.")

    def write(self, record: Record, variables: Mapping[str, str]) -> None:
        """Write down what runs and how to reach it; a reader sees the old record or the new one, never half of one."""
        with self._explaining_failures():
            self._env.write_text(env_file(variables))
            draft = self._record.with_suffix(".part")
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2))
            draft.replace(self._record)

    def read(self) -> Record | None:
        """The record of the stack that runs, or was running when it was killed; None after an orderly stop."""
        try:
            return msgspec.json.decode(self._record.read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise StackError(f"Cannot read {self._record} ({error}): delete it if no stack runs here.") from error

    def forget(self) -> None:
        """Remove the record and the environment of a stack that has stopped."""
        self._record.unlink(missing_ok=True)
        self._env.unlink(missing_ok=True)

    def state_of(self, name: str) -> Path:
        """The folder, made if missing, where one process keeps its state; absolute."""
        with self._explaining_failures():
            folder = self.path.resolve() / name
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.path / "logs" / f"{name}.log"

    def open_log(self, name: str) -> BinaryIO:
        """Open a process's log for appending, after cutting one that has grown long down to its end."""
        file = self.log(name)
        with self._explaining_failures():
            if file.exists() and file.stat().st_size > _LOG_BYTES_KEPT:
                with file.open("rb") as log:
                    log.seek(-_LOG_BYTES_KEPT, os.SEEK_END)
                    log.readline()  # the rest of a line cut in half
                    end = log.read()
                file.write_bytes(end)
            return file.open("ab")

    def log_end(self, name: str, lines: int = 12) -> str:
        """The last lines of a log, for an error message."""
        try:
            return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    @contextmanager
    def _explaining_failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StackError(
                f"Cannot write to {self.path} ({error.strerror}): make room or permission there, "
                "or choose another folder with --dir."
            ) from error
