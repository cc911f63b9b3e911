"""A tuner process: a `TuningSpec` line on standard input, `Event` lines on standard output.

It ends when its standard input closes, so that no tuner outlives the server that started it.
"""

import os
import sys
import threading

from dropforge_local.vertex.embedding.wordllama_base import bundled_base
from dropforge_local.vertex.tuning.job import run_job
from dropforge_local.vertex.tuning.objects import StorageObjects
from dropforge_local.vertex.tuning.protocol import IMPORTER, SPEC_DECODER, Event, Failed, TaskFailed, line


def main() -> int:
    """Run one job; the exit status is 0 when it succeeded and 1 when a task failed."""
    spec = SPEC_DECODER.decode(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        objects = StorageObjects()
    except TaskFailed as failure:
        _tell(Failed(IMPORTER, failure.status, failure.message))
        return 1
    return 0 if run_job(spec, objects, bundled_base(), _tell) else 1


def _tell(event: Event) -> None:
    sys.stdout.buffer.write(line(event))
    sys.stdout.buffer.flush()


def _end_with_the_server() -> None:
    # Not through sys.stdin, whose lock a blocked reader would still hold when the interpreter wants to end.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
