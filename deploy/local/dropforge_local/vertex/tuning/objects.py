"""Reading and writing `gs://` objects from a tuner."""

import os
from typing import Protocol
from urllib.parse import urlsplit

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.exceptions import RequestException

from dropforge_local.vertex.tuning.protocol import TaskFailed

# Long enough for a storage server that is being restarted beside us.
PATIENCE = DEFAULT_RETRY.with_timeout(30)
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Objects(Protocol):
    """The objects a job reads and writes, by `gs://bucket/name` address."""

    def read(self, uri: str) -> bytes:
        """The object's content.

        Raises:
            TaskFailed: there is no such object, or it cannot be read now.
        """

    def write(self, uri: str, content: bytes) -> None:
        """Create or replace the object.

        Raises:
            TaskFailed: the bucket does not exist, or it cannot be written now.
        """


class StorageObjects:
    """Objects in the storage server that `STORAGE_EMULATOR_HOST` names, which must be on this machine."""

    def __init__(self) -> None:
        host = os.environ.get("STORAGE_EMULATOR_HOST", "")
        if urlsplit(host).hostname not in LOOPBACK:
            raise TaskFailed(
                "FAILED_PRECONDITION",
                f"STORAGE_EMULATOR_HOST must name a storage server on this machine, not {host!r}.",
            )
        self._client = storage.Client(project="local", credentials=AnonymousCredentials())

    def read(self, uri: str) -> bytes:
        """See `Objects.read`."""
        try:
            content: bytes = self._blob(uri).download_as_bytes(retry=PATIENCE)
        except NotFound as error:
            raise TaskFailed("NOT_FOUND", f"{uri} does not exist.") from error
        except (GoogleAPIError, RequestException) as error:
            raise TaskFailed("UNAVAILABLE", f"{uri} could not be read: {error}") from error
        return content

    def write(self, uri: str, content: bytes) -> None:
        """See `Objects.write`."""
        try:
            self._blob(uri).upload_from_string(content, content_type="application/octet-stream", retry=PATIENCE)
        except NotFound as error:
            raise TaskFailed("NOT_FOUND", f"{uri} could not be written: its bucket does not exist.") from error
        except (GoogleAPIError, RequestException) as error:
            raise TaskFailed("UNAVAILABLE", f"{uri} could not be written: {error}") from error

    def _blob(self, uri: str) -> storage.Blob:
        address = urlsplit(uri)
        if address.scheme != "gs" or not address.netloc or not address.path.strip("/"):
            raise TaskFailed("INVALID_ARGUMENT", f"{uri!r} is not a Cloud Storage path: gs://BUCKET/OBJECT is needed.")
        return self._client.bucket(address.netloc).blob(address.path.removeprefix("/"))
