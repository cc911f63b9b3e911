"""From `publish` to the push endpoint: messages a second, and how long each is under way."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Self

from support.pubsub import Clients, Pair, PubSubServer, emulator_jar, official_emulator
from support.servers import running

BODY = "x" * 1_000
WARM_UP = 1_000  # messages: a virtual machine compiles what runs often


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a crowd of messages took."""

    a_second: float
    median: float
    slow: float

    @classmethod
    def typical(cls, tries: list[Self]) -> Self:
        return cls(*(median(getattr(each, name) for each in tries) for name in ("a_second", "median", "slow")))


class Receiver:
    """The process that messages are pushed to."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("receiver.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self._line().strip()}/push"

    def expect(self, count: int) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()

    def told(self) -> tuple[float, list[float]]:
        answer = json.loads(self._line())
        return answer["ended"], answer["milliseconds"]

    def close(self) -> None:
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


def servers() -> dict[str, object]:
    """How to start each, by its name; the official emulator only where it and Java are installed."""
    found = {"ours": _ours}
    if (jar := emulator_jar()) and shutil.which("java"):
        found["official emulator"] = lambda: official_emulator(jar)
    return found


@contextmanager
def _ours() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, running(PubSubServer(Path(folder))) as server:
        yield server.host


def pushed(host: str, publishers: int, count: int, repeats: int) -> Pushed:
    """Publish messages of 1 KB, each by a call of its own, to a topic with one push subscription."""
    with closing(Clients(host)) as clients, closing(Receiver()) as receiver:
        pair = Pair(clients, push_config={"push_endpoint": receiver.url})
        _once(pair, receiver, publishers, WARM_UP)
        return Pushed.typical([_once(pair, receiver, publishers, count) for _ in range(repeats)])


def _once(pair: Pair, receiver: Receiver, publishers: int, count: int) -> Pushed:
    receiver.expect(count)
    began = time.time()
    with ThreadPoolExecutor(publishers) as crowd:
        for _ in crowd.map(lambda _: pair.publish(BODY, sent=repr(time.time())), range(count)):
            pass
    ended, milliseconds = receiver.told()
    percentiles = quantiles(milliseconds, n=100)
    return Pushed(count / (ended - began), percentiles[49], percentiles[98])
