"""Contents as files. A file is written once under a name of its own and never changed after it is sealed."""

import base64
import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import google_crc32c

from dropforge_local.storage.errors import Invalid

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Hashes:
    """What a client says the content hashes to, in base64; None where it says nothing."""

    crc32c: str | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """A sealed file: its name, its size in bytes and its hashes in base64 (of big-endian bytes, for the crc32c)."""

    blob: str
    size: int
    crc32c: str
    md5: str | None

    def verify(self, expected: Hashes) -> None:
        """Return if the content is what the client meant to send.

        Raises:
            Invalid: it is not.
        """
        for label, given, actual in (("CRC32C", expected.crc32c, self.crc32c), ("MD5", expected.md5, self.md5)):
            if given is not None and actual is not None and given != actual:
                raise Invalid(f"Provided {label} {given!r} doesn't match calculated {label} {actual!r}.")


class Blobs:
    """A folder of contents."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def create(self) -> str:
        """The name of a new, empty file."""
        blob = uuid4().hex
        self._path(blob).touch(exist_ok=False)
        return blob

    def size(self, blob: str) -> int:
        """Bytes that the file holds now."""
        return self._path(blob).stat().st_size

    def open(self, blob: str) -> BinaryIO:
        """The file, for reading; it can be read to its end even if it is removed meanwhile."""
        return self._path(blob).open("rb")

    def write_at(self, blob: str, offset: int) -> BinaryIO:
        """The file, for writing from an offset on; what was written survives the process once it is closed."""
        file = self._path(blob).open("r+b")
        file.seek(offset)
        return file

    def seal(self, blob: str) -> Content:
        """Measure a file that is complete. Reads all of it."""
        crc32c, md5 = 0, hashlib.md5(usedforsecurity=False)
        size = 0
        with self.open(blob) as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                crc32c = google_crc32c.extend(crc32c, chunk)
                md5.update(chunk)
        return Content(blob, size, _base64(crc32c.to_bytes(4, "big")), _base64(md5.digest()))

    def concatenate(self, sources: Iterable[BinaryIO], into: str) -> None:
        """Write the contents of opened files one after the other."""
        with self.write_at(into, 0) as target:
            for source in sources:
                shutil.copyfileobj(source, target, _CHUNK)

    def remove(self, blob: str) -> None:
        """Forget a file."""
        self._path(blob).unlink(missing_ok=True)

    def remove_all_but(self, blobs: set[str]) -> None:
        """Remove what a killed process left unfinished."""
        for path in self._folder.iterdir():
            if path.name not in blobs:
                path.unlink()

    def _path(self, blob: str) -> Path:
        return self._folder / blob


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
