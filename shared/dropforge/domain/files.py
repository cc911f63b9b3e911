"""A stored file, pinned: the bytes that one generation of an object names, for ever."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One generation of one object.

    Attributes:
        bucket: The bucket's name.
        name: The object's full name.
        generation: Which bytes: changes with every write (Cloud Storage, "Object versioning").
        size: Bytes.
        crc32c: Base64 of the big-endian checksum, as the service gives it; composed objects have it too.
        updated: When its bytes or its metadata last changed, by the service's clock.
        encoding: `Content-Encoding` as stored; empty for plain bytes.
        metadata: The object's custom metadata.
    """

    bucket: str
    name: str
    generation: int
    size: int
    crc32c: str
    updated: datetime
    encoding: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """`gs://BUCKET/NAME`."""
        return f"gs://{self.bucket}/{self.name}"


@dataclass(frozen=True, slots=True)
class Pin:
    """One file of a dataset version: its short name and exactly which bytes."""

    name: str
    generation: int
    size: int
    crc32c: str
