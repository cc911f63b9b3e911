"""Bring the stack up in a process that outlives the command which asked for it.

That process runs this module: its log goes to standard output, and if it fails, one sentence to standard error.
"""

import logging
import subprocess
import sys
import time
from pathlib import Path

from dropforge_local.stack import up as foreground
from dropforge_local.stack.errors import StackError
from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.record import Record, State


def up(folder: StackFolder, *, source: Path, port_base: int) -> Record:
    """Start the stack and return when all of it answers.

    Raises:
        StackError: it did not start, in the words of the process that tried.
    """
    folder.prepare()
    errors = folder.log("stack.errors")
    with folder.open_log("stack") as output, errors.open("wb") as error_output:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and these options
            [sys.executable, "-P", "-m", __name__, str(folder.path), str(source), str(port_base)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=error_output,
            start_new_session=True,
        )
    while process.poll() is None:
        record = folder.read()
        if record is not None and record.supervisor.pid == process.pid and record.state is State.READY:
            return record
        time.sleep(0.1)
    said = errors.read_text(errors="replace").strip()
    if said.startswith("Traceback"):
        said = f"The stack could not start ({said.splitlines()[-1]}): {errors} tells more."
    raise StackError(said or f"The stack was killed while it started: see the logs in {errors.parent}.")


def main() -> None:
    """Be that process."""
    path, source, port_base = sys.argv[1:]
    foreground.log_to_stdout()
    log = logging.getLogger(__name__)
    try:
        foreground.up(
            StackFolder(Path(path)),
            source=Path(source),
            port_base=int(port_base),
            on_ready=lambda stack: log.info("ready, the console is at %s", stack.console),
        )
    except StackError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
