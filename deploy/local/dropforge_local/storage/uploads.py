"""Resumable uploads: an object that arrives in pieces, over days if need be.

The size of the file says how many bytes have arrived: a second count could be wrong after a crash.
Source: "Resumable uploads" and "Perform resumable uploads", Cloud Storage documentation.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

import msgspec

from dropforge_local.storage.blobs import Blobs, Content, Hashes
from dropforge_local.storage.buckets import Buckets
from dropforge_local.storage.database import Database
from dropforge_local.storage.errors import NotFound, StorageError
from dropforge_local.storage.names import check_object_name
from dropforge_local.storage.objects import Objects
from dropforge_local.storage.preconditions import Preconditions
from dropforge_local.storage.resources import Fields

_LIFE_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Upload:
    """A row of `uploads`; `finished` is the resource of the object that came of it."""

    id: str
    bucket: str
    name: str
    fields: Fields
    when: Preconditions
    expected: Hashes
    blob: str
    finished: dict[str, Any] | None


class Uploads:
    """The uploads of the last seven days, finished or not."""

    def __init__(self, database: Database, blobs: Blobs, buckets: Buckets, objects: Objects) -> None:
        self._database = database
        self._blobs = blobs
        self._buckets = buckets
        self._objects = objects

    def start(self, bucket: str, name: object, fields: Fields, when: Preconditions, expected: Hashes) -> Upload:
        """Begin an upload.

        Raises:
            NotFound: there is no such bucket.
            Invalid: no object may have that name.
            PreconditionFailed: a condition does not hold even now; all are checked again at the end.
        """
        name = check_object_name(name)
        self._buckets.get(bucket)
        when.check(self._objects.find(bucket, name))
        upload = Upload(uuid4().hex, bucket, name, fields, when, expected, self._blobs.create(), finished=None)
        self._database.execute(
            "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            upload.id,
            bucket,
            name,
            msgspec.json.encode(fields).decode(),
            msgspec.json.encode(asdict(when)).decode(),
            expected.crc32c,
            expected.md5,
            upload.blob,
            time.time(),
        )
        return upload

    def get(self, upload: str) -> Upload:
        """The upload of that id.

        Raises:
            NotFound: there is none, it was cancelled, or it is older than seven days.
        """
        row = self._database.row("SELECT * FROM uploads WHERE id = ?", upload)
        if row is None:
            raise NotFound("No such upload: it is unknown, cancelled or expired. Start a new one.")
        identity, bucket, name, fields, when, crc32c, md5, blob, _, finished = row
        return Upload(
            identity,
            bucket,
            name,
            msgspec.json.decode(fields),
            Preconditions(**msgspec.json.decode(when)),
            Hashes(crc32c, md5),
            blob,
            msgspec.json.decode(finished) if finished else None,
        )

    def received(self, upload: Upload) -> int:
        """How many bytes have arrived."""
        return self._blobs.size(upload.blob)

    def finish(self, upload: Upload, content: Content, expected: Hashes) -> dict[str, Any]:
        """Make the object; of two that finish at once, the second gets the object of the first.

        Returns:
            The object's resource, without links.

        Raises:
            Invalid: the content is not what the client meant to send; the upload is gone.
            PreconditionFailed: a condition does not hold; the upload is gone.
        """
        try:
            with self._database.transaction():
                finished = self.get(upload.id).finished
                if finished is None:
                    content.verify(upload.expected)
                    content.verify(expected)
                    new = self._objects.put(upload.bucket, upload.name, content, upload.fields, upload.when)
                    finished = new.resource()
                    self._database.execute(
                        "UPDATE uploads SET finished = ? WHERE id = ?",
                        msgspec.json.encode(finished).decode(),
                        upload.id,
                    )
        except StorageError:
            self.cancel(upload)
            raise
        return finished

    def cancel(self, upload: Upload) -> None:
        """Forget an upload and what has arrived of it; an object that came of it stays."""
        self._database.execute("DELETE FROM uploads WHERE id = ?", upload.id)
        self._objects.remove_unused(upload.blob)

    def forget_old(self) -> None:
        """Forget uploads that began more than seven days ago; their files go with the next cleaning."""
        self._database.execute("DELETE FROM uploads WHERE created < ?", time.time() - _LIFE_SECONDS)
