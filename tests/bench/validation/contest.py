"""Runs engines in turn, each trial in a process of its own, and measures it from outside."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from validation.engines import Engine
from validation.folder import Place
from validation.trial import BEGINNING

_LONGEST = 600  # seconds of a trial
_SAMPLED_EVERY = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run took.

    Attributes:
        cpu: Seconds of user and system time, its children's too, from the interpreter's start to its end.
        wall: Seconds for the same.
        work_cpu: CPU seconds from after the imports on.
        work_wall: Seconds for the same.
        peak: The most bytes that its largest process had resident.
        named: The lines that it named.
    """

    cpu: float
    wall: float
    work_cpu: float
    work_wall: float
    peak: int
    named: frozenset[Place]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several measurements, the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of these; there is at least one."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Standing:
    """An engine's trials, or why there are none."""

    engine: Engine
    trials: tuple[Trial, ...] = ()
    failure: str = ""

    def spread(self, measure: str) -> Spread:
        """Of one of a trial's measures."""
        return Spread.of([getattr(trial, measure) for trial in self.trials])


class FailedError(Exception):
    """A trial ended without a result; says why in a few words."""


def compete(
    engines: Sequence[Engine], folder: Path, repeats: int, environment: Mapping[str, str]
) -> tuple[Standing, ...]:
    """Let engines check a dataset in turn, so that whatever else the machine does meets them alike."""
    trials: dict[str, list[Trial]] = {engine.name: [] for engine in engines}
    failures = dict[str, str]()
    for turn in range(repeats):
        for engine in engines:
            if engine.name in failures:
                continue
            try:
                trials[engine.name].append(trial := attempt(engine, folder, environment))
            except FailedError as error:
                failures[engine.name] = str(error)
                tell(f"  {engine.title}: {error}")
            else:
                tell(f"  {turn + 1}/{repeats} {engine.title}: {trial.cpu:.2f} CPU s, {trial.wall:.2f} s")
    return tuple(Standing(engine, tuple(trials[engine.name]), failures.get(engine.name, "")) for engine in engines)


def attempt(engine: Engine, folder: Path, environment: Mapping[str, str]) -> Trial:
    """Run one trial.

    Raises:
        FailedError: It gave no result.
    """
    with _started(engine, folder, environment) as (process, output):
        began = time.perf_counter()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        told = _told(process.returncode, output)
    return Trial(
        cpu=used.ru_utime + used.ru_stime,
        wall=wall,
        work_cpu=told["cpu"],
        work_wall=told["wall"],
        peak=told["peak"],
        named=frozenset((file, line) for file, line in told["named"]),
    )


def peak_of_all(engine: Engine, folder: Path, environment: Mapping[str, str]) -> int:
    """The most bytes that all processes of a run held together, in a run of its own: looking slows it down.

    What several of them share counts once (their proportional set sizes are added up). Sampled: a short peak may be
    missed.

    Raises:
        FailedError: It gave no result.
    """
    most = 0
    with _started(engine, folder, environment) as (process, output):
        while process.poll() is None:
            most = max(most, _held(process.pid))
            time.sleep(_SAMPLED_EVERY)
        _told(process.returncode, output)
    return most


def _held(pid: int) -> int:
    held = 0
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.Error):
                held += process.memory_full_info().pss
    return held


@contextmanager
def _started(
    engine: Engine, folder: Path, environment: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[bytes]", "tempfile._TemporaryFileWrapper[bytes]"]]:
    """A trial's process, which is ended when it takes too long, and the file that it writes to.

    What it writes elsewhere is temporary, and goes with it.
    """
    command = [sys.executable, "-m", "validation.trial", engine.module, str(folder)]
    with tempfile.TemporaryDirectory() as scratch, tempfile.NamedTemporaryFile() as output:
        # Bytecode is kept, as it is for everybody who runs a tool twice: an installer writes that of the others.
        here = {"PYTHONPATH": str(Path(__file__).parents[1]), "TMPDIR": scratch, "PYTHONDONTWRITEBYTECODE": ""}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | environment | here)
        watch = threading.Timer(_LONGEST, process.kill)
        watch.start()
        try:
            yield process, output
        finally:
            watch.cancel()
            if process.poll() is None:
                process.kill()
                process.wait()


def _told(status: int, output: "tempfile._TemporaryFileWrapper[bytes]") -> dict[str, Any]:
    written = Path(output.name).read_text(errors="replace").strip().splitlines() or [""]
    result = next((line for line in reversed(written) if line.startswith(BEGINNING)), None)
    if status == 0 and result:
        told: dict[str, Any] = json.loads(result)
        return told
    if "ModuleNotFoundError" in written[-1]:
        raise FailedError("not installed")
    tell(f"  {written[-1]}")  # here only: it may name folders of this machine
    raise FailedError(written[-1].partition(":")[0] if status >= 0 else f"ended by signal {-status}")


def tell(line: str) -> None:
    """Tell whoever waits how far things are."""
    print(line, file=sys.stderr, flush=True)
