"""A folder on this machine, read as if it were a bucket's."""

import base64
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from dropforge.domain.datasets import MANIFEST
from dropforge.domain.errors import Missing, Unavailable
from dropforge.domain.files import StoredFile

_CHUNK = 1024 * 1024


class Directory:
    """One folder: a `Reader`, whose names are those of its files. A file's generation is when it was written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def list(self, prefix: str) -> Iterator[StoredFile]:
        """See `Reader.list`; links are followed, folders left out. Checksums are there when a manifest is."""
        with _translated(self._path):
            names = sorted(path.name for path in self._path.iterdir() if path.name.startswith(prefix))
        for name in names:
            path = self._path / name
            with _translated(path):
                about = path.stat()
                if stat.S_ISREG(about.st_mode):
                    yield StoredFile(
                        bucket=str(self._path),
                        name=name,
                        generation=about.st_mtime_ns,
                        size=about.st_size,
                        crc32c=_checksum(path) if MANIFEST in names else "",
                        updated=datetime.fromtimestamp(about.st_mtime, UTC),
                    )

    def open(self, file: StoredFile) -> BinaryIO:
        """See `Reader.open`."""
        path = self._path / file.name
        with _translated(path):
            if path.stat().st_mtime_ns != file.generation:
                raise Missing(f"{path} was written to meanwhile")
            return path.open("rb")


def _checksum(path: Path) -> str:
    checksum = google_crc32c.Checksum()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            checksum.update(chunk)
    return base64.b64encode(checksum.digest()).decode()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(f"{path} is not there") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
