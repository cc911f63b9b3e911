"""Every measurement of `docs/performance.md`, one after the other, each within its time.

Run it: `make bench`, or `.venv/bin/python tests/bench/all.py [--write docs/performance.md] [NAME...]`; it takes at most a
quarter of an hour on two idle cores. What is left out is said with the reason; it fails if one of them does.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from serving import pushing, storing
from validation.engines import ENGINES
from validation.machine import described, load

_HERE = Path(__file__).parent
_FAREWELL = 30.0  # seconds to end the servers that it has started
_BUSY = 0.5  # load average: above it, the figures show what else the machine does


@dataclass(frozen=True, slots=True)
class Part:
    """One program.

    Attributes:
        name: Of the program.
        seconds: That it may take.
        options: With which it stays within them.
    """

    name: str
    seconds: float
    options: Sequence[str] = ()


LEFT_OUT = {
    "tuning": "it needs datasets of your own, and writes docs/tuning.md",
    "gate": "it needs datasets of your own, and times nothing",
    "soak": "it takes an hour",
    "archives": "it downloads what the archives require, and times nothing",
    "ledger_layout": "what it compared is decided",
}


def parts() -> list[Part]:
    """The programs, the quickest first."""
    engines = [name for name, engine in ENGINES.items() if all(map(_is_installed, engine.needs))]
    return [
        Part("operations", 10),
        Part("lists", 50, ["--runs", "1000", "10000"]),
        Part("cold_start", 60, ["--repeats", "3"]),
        Part("servers", 100, ["--repeats", "3", "--objects", "200"]),
        Part("sweeping", 110, ["--repeats", "3"]),
        Part("burst", 150),
        Part("latency", 150, ["--folders", "15"]),
        Part("validate", 260, ["--repeats", "3", "--engines", ",".join(engines)]),
        Part("goals", 10),
    ]


def left_out() -> dict[str, str]:
    """What is not measured, and why."""
    engines = [engine.title for engine in ENGINES.values() if not all(map(_is_installed, engine.needs))]
    stores = {"gcp-storage-emulator", "fake-gcs-server"} - storing.places().keys()
    rivals = dict.fromkeys([*engines, *sorted(stores)], "not installed: `make bench` installs it")
    if len(pushing.servers()) == 1:
        rivals["Google's Pub/Sub emulator"] = "not installed, or no Java"
    return LEFT_OUT | rivals


def measured(part: Part, more: Sequence[str], patience: float) -> str:
    """Run one; why it failed, or nothing."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell runs in the background would not hear it
    command = [sys.executable, str(_HERE / f"{part.name}.py"), *part.options, *more]
    most = part.seconds * patience
    with subprocess.Popen(command) as process:
        try:
            status = process.wait(most)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # it ends what it has started
            try:
                process.wait(_FAREWELL)
            except subprocess.TimeoutExpired:
                process.kill()
            return f"it took more than {most:.0f} s: on a slow machine, or a busy one, --patience 3"
    return f"exit status {status}" if status else ""


def main() -> None:
    known = {part.name: part for part in parts()}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which, instead of all: {', '.join(known)}")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose tables are written anew")
    parser.add_argument("--patience", type=float, default=1.0, help="how many times as much time each may take")
    asked = parser.parse_args()
    if unknown := set(asked.names).difference(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}: {', '.join(known)} are")
    tell(f"{described()}; load average {load()}")
    if float(load()) > _BUSY:
        tell("this machine is busy, and the figures will show it")
    failed = {}
    for name in asked.names or known:
        began = time.monotonic()
        tell(f"{name}: at most {known[name].seconds * asked.patience:.0f} s")
        why = measured(known[name], ["--write", str(asked.write)] if asked.write else [], asked.patience)
        if why:
            failed[name] = why
        tell(f"{name}: {why or 'done'}, after {time.monotonic() - began:.0f} s")
    if not asked.names:
        for name, why in left_out().items():
            tell(f"left out: {name} ({why})")
    for name, why in failed.items():
        tell(f"failed: {name} ({why})")
    raise SystemExit(bool(failed))


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
