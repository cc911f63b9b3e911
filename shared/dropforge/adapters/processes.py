"""Inspects large local files on several cores: each process reads a span of the file by itself.

Processes are forked, so that they begin at once and share the secret that keys their hashes; therefore Linux only. What
comes back of a span is a few numbers a line.
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from dropforge.domain.errors import Unavailable
from dropforge.domain.validator.blocks import blocks
from dropforge.domain.validator.check import Inspect, Inspection, in_turn
from dropforge.domain.validator.dataset import Kind

_SPAN = 4 * 1024 * 1024  # bytes that a process is given at a time
_WORTH_IT = 32 * 1024 * 1024  # bytes of a dataset, from which on processes pay for their start
_MOST = 4  # processes; the parent, which takes in what they find, keeps up with no more


@contextmanager
def processes(size: int) -> Iterator[Inspection]:
    """An inspection that suits a local dataset of this many bytes."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores == 1 or size < _WORTH_IT:
        yield in_turn
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(cores, _MOST), mp_context=context) as pool:
        yield partial(_inspected, pool, min(cores, _MOST))


def _inspected(pool: Executor, count: int, inspect: Inspect[Kind], file: str, stream: BinaryIO) -> Iterator[Kind]:
    pending = deque[Future[list[Kind]]]()
    path = Path(stream.name)
    try:
        for begin, end in _spans(path):
            pending.append(pool.submit(_inspect_span, inspect, file, path, begin, end))
            if len(pending) > 2 * count:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool as error:
        raise Unavailable(f"a process that read {path} was ended from outside, perhaps for want of memory") from error
    finally:
        for future in pending:
            future.cancel()


def _spans(path: Path) -> Iterator[tuple[int, int]]:
    """Where whole lines begin and end, about `_SPAN` apart."""
    with path.open("rb") as stream:
        begin = 0
        while stream.seek(begin + _SPAN) < path.stat().st_size:
            while (piece := stream.readline(_SPAN)) and not piece.endswith(b"\n"):
                pass
            yield begin, stream.tell()
            begin = stream.tell()
        if begin < path.stat().st_size:
            yield begin, path.stat().st_size


def _inspect_span(inspect: Inspect[Kind], file: str, path: Path, begin: int, end: int) -> list[Kind]:
    with path.open("rb") as stream:
        stream.seek(begin)
        return [
            inspect(file, block, partial(_read, path, block.offset, block.size))
            for block in blocks(stream, offset=begin, upto=end)
        ]


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        return stream.read(size)
