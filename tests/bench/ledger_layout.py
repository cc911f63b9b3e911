"""Compare two layouts of the ledger over Google's storage client: one object a run, one object a transition.

Run it: `.venv/bin/python tests/bench/ledger_layout.py [--runs 1000]`. It starts the local storage server on a free
port, in a temporary folder. Figures are of that server on this machine: read the number of calls, and the ratios.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from urllib.error import URLError
from urllib.request import urlopen

from dropforge.adapters.google.storage import CloudStorage

TRANSITIONS = 6
PAGE = 1000  # objects that Cloud Storage lists in one call
RECORD = b"x" * 4_000  # a run's record is about this long


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [sys.executable, "-m", "dropforge_local.storage.server", "--port", str(port), "--dir", folder]
        server = subprocess.Popen([*command, "--bucket", "state"])
        try:
            os.environ["STORAGE_EMULATOR_HOST"] = f"http://127.0.0.1:{port}"
            _wait(os.environ["STORAGE_EMULATOR_HOST"])
            _compare(runs)
        finally:
            server.terminate()
            server.wait(10)


def _wait(address: str) -> None:
    for _ in range(100):
        try:
            urlopen(address, timeout=1).close()
        except (URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the storage server did not start")


class OneObject:
    """A run is an object, replaced at each transition; its state is in its metadata too."""

    def __init__(self, state: CloudStorage, runs: int) -> None:
        self._state, self._runs = state, runs

    def write(self) -> None:
        for run in range(self._runs):
            generation = 0
            for step in range(TRANSITIONS):
                generation = self._state.write(
                    f"one/{run:06}.json", RECORD, replacing=generation, metadata={"state": f"s{step}"}
                )

    def read(self) -> None:
        for run in range(0, self._runs, 10):
            self._state.read(f"one/{run:06}.json")

    def list(self) -> int:
        return len({file.name: file.metadata["state"] for file in self._state.list("one/")})


class OneEach:
    """A transition is an object, created once; the last is the state."""

    def __init__(self, state: CloudStorage, runs: int) -> None:
        self._state, self._runs = state, runs

    def write(self) -> None:
        for run in range(self._runs):
            for step in range(TRANSITIONS):
                self._state.write(f"each/{run:06}/{step:04}", RECORD, replacing=0, metadata={"state": f"s{step}"})

    def read(self) -> None:
        for run in range(0, self._runs, 10):
            *_, last = self._state.list(f"each/{run:06}/")
            self._state.read(last.name)

    def list(self) -> int:
        return len({file.name.rpartition("/")[0]: file.metadata["state"] for file in self._state.list("each/")})


def _compare(runs: int) -> None:
    state = CloudStorage("p", "state")
    one, each = OneObject(state, runs), OneEach(state, runs)
    print(f"{runs:,} runs of {TRANSITIONS} transitions; a record of {len(RECORD):,} bytes")
    print(f"{'':34}{'one object':>12}{'one each':>12}{'ratio':>8}")
    _row("write every transition, s", _timed(one.write), _timed(each.write))
    _row("read the state of every tenth, s", _timed(one.read), _timed(each.read))
    _row("list every run with its state, s", _timed(one.list), _timed(each.list))
    _row("  pages of that list", -(-runs // PAGE), -(-runs * TRANSITIONS // PAGE))


def _row(what: str, one: float, each: float) -> None:
    print(f"{what:34}{one:12.2f}{each:12.2f}{each / one:8.1f}")


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
