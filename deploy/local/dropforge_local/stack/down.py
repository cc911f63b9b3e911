"""Stop a stack, and end what a killed one left behind."""

import time
from collections.abc import Sequence
from contextlib import suppress

import psutil

from dropforge_local.stack.errors import StackError
from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.record import Identity
from dropforge_local.stack.supervisor import STOP_SECONDS

_MARGIN_SECONDS = 0.5
_KILL_SECONDS = 0.5


def down(folder: StackFolder) -> None:
    """Stop the stack in the folder; return when all of its processes are gone, after less than five seconds.

    Raises:
        NotRunning: nothing was running.
        StackError: the stack is another user's.
    """
    record = folder.read()
    if record is None:
        raise folder.not_running()
    supervisor = record.supervisor.process()
    if supervisor is not None:
        try:
            supervisor.terminate()
            if not _ended([record.supervisor], within=STOP_SECONDS + _MARGIN_SECONDS):
                supervisor.kill()
        except psutil.NoSuchProcess:
            pass  # it ended by itself meanwhile
        except psutil.AccessDenied as error:
            raise StackError(f"The stack in {folder.path} belongs to another user (pid {supervisor.pid}).") from error
    end_leftovers(folder)


def end_leftovers(folder: StackFolder) -> None:
    """End the processes of a killed stack that still run, recognised by number and creation time, and forget it."""
    record = folder.read()
    if record is None:
        return
    identities = [child.identity for child in record.processes if child.identity is not None]
    for identity in identities:
        with suppress(psutil.NoSuchProcess):
            if (process := identity.process()) is not None:
                for member in [*process.children(recursive=True), process]:
                    member.kill()
    _ended(identities, within=_KILL_SECONDS)
    folder.forget()


def _ended(identities: Sequence[Identity], *, within: float) -> bool:
    """Whether all of these processes end in time.

    A zombie counts as ended, unlike for `psutil.wait_procs`: in a container there may be nobody to reap it.
    """
    deadline = time.monotonic() + within
    while any(identity.process() is not None for identity in identities):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
