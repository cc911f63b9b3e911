"""Starts the children, starts them again when they end, and stops them."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping

from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.processes import Child
from dropforge_local.stack.programs import Program
from dropforge_local.stack.record import Identity, Record, State

log = logging.getLogger(__name__)

STOP_SECONDS = 3.5
_WATCH_SECONDS = 0.1


class Supervisor:
    """Keeps programs running until it is asked to stop."""

    def __init__(
        self, programs: Iterable[Program], *, folder: StackFolder, console: str, variables: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._console = console
        self._variables = dict(variables)
        # The writing end is never written to and never inherited: it closes when this process ends.
        leash, self._leash_end = os.pipe()
        self._children = [Child(program, folder=folder, leash=leash) for program in programs]
        self._prepared: set[str] = set()
        self._stopping = False

    def stop(self) -> None:
        """Make `run` stop the children and return; callable from a signal handler."""
        self._stopping = True

    def run(self, on_ready: Callable[[Record], None]) -> None:
        """Start everything, call `on_ready` once all of it answers, and go on until `stop`.

        Raises:
            StackError: a program cannot be started; everything else has been stopped.
        """
        self._write()
        announced = False
        try:
            while not self._stopping:
                if self._watch():
                    self._write()
                if not announced and self._ready():
                    announced = True
                    on_ready(self._record())
                time.sleep(_WATCH_SECONDS)
            log.info("stopping")
        finally:
            self._stop_children()
            self._folder.forget()

    def _watch(self) -> bool:
        changed = False
        for child in self._children:
            if self._prepared.issuperset(child.program.needs):
                changed |= child.watch(time.monotonic())
            if child.state is State.READY and child.program.name not in self._prepared:
                if child.program.once_ready is not None:
                    child.program.once_ready()
                self._prepared.add(child.program.name)
        return changed

    def _ready(self) -> bool:
        return all(child.state is State.READY for child in self._children)

    def _record(self) -> Record:
        return Record(
            supervisor=Identity.of(os.getpid()),
            state=State.READY if self._ready() else State.STARTING,
            console=self._console,
            processes=tuple(child.record() for child in self._children),
            variables=self._variables,
        )

    def _write(self) -> None:
        self._folder.write(self._record(), self._variables)

    def _stop_children(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.kill_after(deadline)
