"""Inspects large local files on several cores: each process reads a span of the file by itself.

Processes are forked, so that they begin at once and share the secret that keys their hashes; therefore Linux only. For
each line of a span, a few numbers come back.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from dropforge.adapters.directory import open_exactly, translated
from dropforge.domain.errors import Unavailable
from dropforge.domain.validator.blocks import blocks
from dropforge.domain.validator.check import Inspect, Inspection, in_turn
from dropforge.domain.validator.dataset import Kind

_SPAN = 4 * 1024 * 1024  # bytes that a process is given at a time
_MOST = 4  # processes; the parent, which takes in what they find, keeps up with no more


@contextmanager
def processes() -> Iterator[Inspection]:
    """An inspection that uses the cores of this machine, where it has several."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores == 1:
        yield in_turn
        return
    count, context = min(cores, _MOST), multiprocessing.get_context("fork")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_follow_the_parent) as pool:
        # All are forked now, while nobody else runs here: a lock that another thread holds stays locked in a fork.
        pool.submit(int).result()
        yield partial(_inspected, pool, 2 * count)


def _follow_the_parent() -> None:
    """Leave interrupts to the parent, and end when the parent does, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it was when it was opened; in another process too."""

    path: Path
    generation: int

    def inspected(self, inspect: Inspect[Kind], name: str, begin: int, end: int) -> list[Kind]:
        """What the blocks from one offset to another hold."""
        with translated(self.path), open_exactly(self.path, self.generation) as stream:
            stream.seek(begin)
            return [
                inspect(name, block, partial(self.read, block.offset, block.size))
                for block in blocks(stream, offset=begin, upto=end)
            ]

    def read(self, offset: int, size: int) -> bytes:
        """Some of its bytes."""
        with translated(self.path), open_exactly(self.path, self.generation) as stream:
            stream.seek(offset)
            return stream.read(size)


def _inspected(pool: Executor, ahead: int, inspect: Inspect[Kind], name: str, stream: BinaryIO) -> Iterator[Kind]:
    """What a file's blocks hold, in their order; `ahead` spans are given out before what they hold is taken in."""
    file = _File(Path(stream.name), os.fstat(stream.fileno()).st_mtime_ns)
    pending = deque[Future[list[Kind]]]()
    try:
        for begin, end in _spans(stream):
            pending.append(pool.submit(file.inspected, inspect, name, begin, end))
            if len(pending) > ahead:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool as error:
        raise Unavailable(
            f"a process that read {name} was ended from outside, perhaps for want of memory: check again when there is more"
        ) from error
    finally:
        for future in pending:
            future.cancel()


def _spans(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Where whole lines begin and end, about `_SPAN` apart."""
    begin, size = 0, os.fstat(stream.fileno()).st_size
    while stream.seek(begin + _SPAN) < size:
        while (piece := stream.readline(_SPAN)) and not piece.endswith(b"\n"):
            pass
        yield begin, stream.tell()
        begin = stream.tell()
    if begin < size:
        yield begin, size
