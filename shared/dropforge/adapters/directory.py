"""A folder on this machine, read as if it were a bucket's."""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from dropforge.domain.datasets import KNOWN, MANIFEST
from dropforge.domain.errors import Missing, Unavailable
from dropforge.domain.files import StoredFile
from dropforge.domain.text import printable

_CHUNK = 1024 * 1024


class Directory:
    """One folder: a `Reader`, whose names are those of its files. A file's generation is when it was written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checksums: dict[tuple[str, int, int], str] = {}

    def list(self, prefix: str) -> Iterator[StoredFile]:
        """See `Reader.list`; links are followed, what is no file is left out. Checksums are only there with a manifest.

        Raises:
            Missing: There is no such folder.
            Unavailable: It cannot be read, or something that is not a file has the name of a dataset's file.
        """
        with translated(self._path):
            names = sorted(path.name for path in self._path.iterdir() if path.name.startswith(prefix))
        for name in names:
            path = self._path / name
            with translated(path):
                if path.is_file():
                    about = path.stat()
                    yield StoredFile(
                        bucket=str(self._path),
                        name=name,
                        generation=about.st_mtime_ns,
                        size=about.st_size,
                        crc32c=self._checksum(path, about) if MANIFEST in names else "",
                        updated=datetime.fromtimestamp(about.st_mtime, UTC),
                    )
                elif name in KNOWN:
                    what = "not a file" if path.exists() else "a link that leads nowhere"
                    raise Unavailable(f"{_shown(path)} is {what}: put the file itself there")

    def open(self, file: StoredFile) -> BinaryIO:
        """See `Reader.open`."""
        return open_exactly(self._path / file.name, file.generation)

    def summed(self, file: StoredFile) -> StoredFile:
        """The file with its checksum, for which it is read.

        Raises:
            Missing: It was written to since it was listed.
            Unavailable: It cannot be read.
        """
        path = self._path / file.name
        with translated(path):
            about = path.stat()
            if about.st_mtime_ns != file.generation:
                raise Missing(f"{_shown(path)} was written to meanwhile")
            return replace(file, crc32c=self._checksum(path, about))

    def _checksum(self, path: Path, about: os.stat_result) -> str:
        """Read a file for its checksum, once as long as it stays as it is."""
        key = path.name, about.st_mtime_ns, about.st_size
        if key not in self._checksums:
            checksum = google_crc32c.Checksum()
            with path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    checksum.update(chunk)
            self._checksums[key] = base64.b64encode(checksum.digest()).decode()
        return self._checksums[key]


def open_exactly(path: Path, generation: int) -> BinaryIO:
    """Open a file that has not been written to since.

    Raises:
        Missing: It has been written to, or is gone.
        Unavailable: It cannot be read.
    """
    with translated(path):
        stream = path.open("rb")
        if os.fstat(stream.fileno()).st_mtime_ns != generation:
            stream.close()
            raise Missing(f"{_shown(path)} was written to meanwhile")
        return stream


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise our errors instead of the system's."""
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(f"{_shown(path)} is not there") from error
    except NotADirectoryError as error:
        raise Unavailable(f"{_shown(path)} is no folder: name the one that the file lies in") from error
    except OSError as error:
        raise Unavailable(
            f"{_shown(path)} cannot be read ({error.strerror}): make it readable for you, and check again"
        ) from error


def _shown(path: Path) -> str:
    return printable(str(path))
