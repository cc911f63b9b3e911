"""What the figures were taken on; nothing that tells whose machine it is."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from validation.engines import Engine


def described() -> str:
    """Cores, processor, memory and Python."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / 1024**3
    return (
        f"{cores} cores of {_processor()}, {memory:.0f} GiB of memory, {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def load() -> str:
    """The load average of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def versions(engines: Iterable[Engine]) -> str:
    """The packages that the engines are about, with their versions, as far as they are there."""
    found = {}
    for name in sorted({name for engine in engines for name in engine.needs}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return ", ".join(f"{name} {number}" for name, number in found.items())


def _processor() -> str:
    try:
        about = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    return about.partition("model name")[2].partition(":")[2].partition("\n")[0].strip() or platform.machine()
