"""Run a module as `python -m` would, in a process that ends when the supervisor does.

    python -m dropforge_local.stack.leash MODULE [ARGUMENT ...]

Standard input is a pipe whose other end only the supervisor holds and never writes to. However the supervisor ends,
SIGKILL included, the pipe closes, and this process asks itself to stop. Unlike Linux's parent-death signal this works
on macOS too, and it needs no code between fork and exec.
"""

import os
import runpy
import signal
import sys
import threading
import time

STDIN = 0
GRACE_SECONDS = 3.5


def main() -> None:
    """Run the module named by the first argument, with the arguments after it."""
    threading.Thread(target=_end_with_the_supervisor, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_the_supervisor() -> None:
    os.read(STDIN, 1)  # returns at the end of the file, which is the only thing that can happen
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)  # the group holds this process and what it started: the supervisor gave it its own


if __name__ == "__main__":
    main()
