"""Cloud Storage as an object store.

`STORAGE_EMULATOR_HOST`, read by Google's client itself, points it to a local server.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, cast

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import storage
from google.cloud.storage.fileio import BlobReader
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import ConnectionError, Response  # noqa: A004 - the one that requests raises
from requests.adapters import HTTPAdapter

from dropforge.adapters.google.faults import translated
from dropforge.domain.errors import Refused
from dropforge.domain.files import StoredFile
from dropforge.ports import NEW

_BINARY = "application/octet-stream"
_CHUNK = 8 * 1024 * 1024  # bytes asked for at a time when a file is read through
_PIECE = 16 * 1024 * 1024  # bytes sent at a time: what an interrupted request repeats
_BUFFER = 1024 * 1024  # iterating Google's reader itself is slower by a factor of thirty: it is buffered once more
_CONNECTIONS = 64  # as many as a function has threads: connections beyond it are opened and thrown away
_LISTED = "items(name,generation,size,crc32c,updated,contentEncoding,metadata),nextPageToken"


class CloudStorage:
    """One bucket of Cloud Storage.

    Args:
        project: The project that asks; empty for that of the credentials.
        bucket: Its name.
        lost: Called where the service does not answer, before Google's client tries again; it may raise instead.
    """

    def __init__(self, project: str, bucket: str, *, lost: Callable[[], None] = lambda: None) -> None:
        with translated("connecting to Cloud Storage"):
            self._client: Any = storage.Client(project=project or None)
        for scheme in ("http://", "https://"):
            self._client._http.mount(scheme, _Connections(lost))  # noqa: SLF001 - there is no other way
        self._bucket: Any = self._client.bucket(bucket)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return str(self._bucket.name)

    def list(self, prefix: str) -> Iterator[StoredFile]:
        """See `ObjectStore.list`."""
        return self._listed(prefix)

    def page(self, prefix: str, *, after: str = "", most: int) -> Sequence[StoredFile]:
        """See `ObjectStore.page`."""
        # The service's answer begins with the name itself, where an object has it.
        found = self._listed(prefix, start_offset=after or None, max_results=most + bool(after))
        return [file for file in found if file.name > after][:most]

    def _listed(self, prefix: str, **which: object) -> Iterator[StoredFile]:
        with translated(f"listing {self._uri(prefix)}"):
            for blob in self._client.list_blobs(self._bucket, prefix=prefix, fields=_LISTED, **which):
                yield StoredFile(
                    bucket=self.bucket,
                    name=blob.name,
                    generation=int(blob.generation),
                    size=int(blob.size),
                    crc32c=blob.crc32c,
                    updated=blob.updated,
                    encoding=blob.content_encoding or "",
                    metadata=blob.metadata or {},
                )

    def read(self, name: str) -> tuple[bytes, int]:
        """See `ObjectStore.read`."""
        blob = self._bucket.blob(name)
        with translated(f"reading {self._uri(name)}"):
            data = blob.download_as_bytes()
        return data, int(blob.generation)  # of this very download: the client takes it from its headers

    def open(self, file: StoredFile) -> BinaryIO:
        """See `ObjectStore.open`."""
        blob = self._client.bucket(file.bucket).blob(file.name, generation=file.generation)
        size = None if file.encoding else file.size  # what is unpacked on the way has another size
        raw = _Translated(BlobReader(blob, chunk_size=_CHUNK), f"reading {file.uri}#{file.generation}", size)
        return cast("BinaryIO", io.BufferedReader(raw, _BUFFER))

    def write(self, name: str, data: bytes, *, replacing: int | None, metadata: Mapping[str, str] | None = None) -> int:
        """See `ObjectStore.write`."""
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata) if metadata else None
        kind = "application/json" if name.endswith(".json") else _BINARY
        with translated(f"writing {self._uri(name)}"):
            blob.upload_from_string(data, content_type=kind, if_generation_match=replacing, checksum="crc32c")
        return int(blob.generation)

    def upload(self, name: str, content: BinaryIO, *, size: int, crc32c: str, replacing: int) -> int:
        """See `ObjectStore.upload`. The service itself compares the checksum; a large object is sent in pieces."""
        blob = self._bucket.blob(name, chunk_size=_PIECE)
        blob.crc32c = crc32c
        with translated(f"uploading {self._uri(name)}"):
            try:
                blob.upload_from_file(
                    content, size=size, content_type=_BINARY, if_generation_match=replacing, checksum=None
                )
            except ValueError as error:  # Google's client read to the end too soon
                raise Refused(f"uploading {self._uri(name)}: its content has fewer than {size:,} bytes") from error
        return int(blob.generation)

    def annotate(self, name: str, metadata: Mapping[str, str]) -> None:
        """See `ObjectStore.annotate`."""
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        with translated(f"annotating {self._uri(name)}"):
            blob.patch(retry=DEFAULT_RETRY)  # harmless when it happens twice

    def copy_from(self, file: StoredFile, name: str) -> None:
        """See `ObjectStore.copy_from`."""
        source = self._client.bucket(file.bucket).blob(file.name, generation=file.generation)
        target = self._bucket.blob(name)
        with translated(f"copying {file.uri}#{file.generation} to {self._uri(name)}"):
            try:
                token, _, _ = target.rewrite(source, if_generation_match=NEW)
                while token:  # a large copy between regions takes several calls
                    token, _, _ = target.rewrite(source, token=token, if_generation_match=NEW)
            except PreconditionFailed:
                return  # copied before

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """See `ObjectStore.delete`."""
        with translated(f"deleting {self._uri(name)}"):
            try:
                self._bucket.blob(name).delete(if_generation_match=generation)
            except (NotFound, PreconditionFailed):
                return

    def _uri(self, name: str) -> str:
        return f"gs://{self.bucket}/{name}"


class _Connections(HTTPAdapter):  # type: ignore[misc]  # requests has no types
    """Connections that tell when they are lost: Google's client by itself tries again for two minutes."""

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__(pool_maxsize=_CONNECTIONS)
        self._lost = lost

    def send(self, *request: Any, **how: Any) -> Response:  # noqa: ANN401 - as the base class takes them
        try:
            return super().send(*request, **how)
        except ConnectionError:
            self._lost()
            raise


class _Translated(io.RawIOBase):
    """Google's reader, its errors translated, in the form that Python's own buffer takes.

    It asks for nothing more once at the end: Google's does, and is refused, which costs a request for each file.
    """

    def __init__(self, reader: Any, what: str, size: int | None) -> None:  # noqa: ANN401 - Google's client has no types
        self._reader = reader
        self._what = what
        self._size = size
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any, /) -> int:  # noqa: ANN401 - any buffer
        if self._given and self._given == self._size:
            return 0
        view = memoryview(into).cast("B")
        with translated(self._what):
            data = self._reader.read(len(view))
        view[: len(data)] = data
        self._given += len(data)
        return len(data)
