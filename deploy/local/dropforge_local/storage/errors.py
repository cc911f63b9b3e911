"""What the storage server refuses, sorted by the status that a client sees.

StorageError
├── Invalid              400  the request makes no sense
├── NotFound             404  no such bucket, object, generation or upload
├── Conflict             409  the bucket exists, or is not empty
├── PreconditionFailed   412  a condition of the request did not hold
├── NotModified          304  the same, for a read that asked "only if changed"
├── BadRange             416  the range starts beyond the end
├── Unavailable          503  try again
└── NoRoom               507  the disk is full

Source of statuses and reasons: "HTTP status and error codes for JSON", Cloud Storage documentation.
"""

import errno
import sqlite3
from typing import ClassVar


class StorageError(Exception):
    """A refusal with a status and a machine-readable reason; the message is a sentence for people."""

    status: ClassVar[int]
    reason: ClassVar[str]

    def resource(self) -> dict[str, object]:
        """The error as Google's JSON."""
        message = str(self)
        detail = {"message": message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": message, "errors": [detail]}}


class Invalid(StorageError):
    """The request makes no sense."""

    status, reason = 400, "invalid"


class NotFound(StorageError):
    """There is no such bucket, object, generation or upload."""

    status, reason = 404, "notFound"


class Conflict(StorageError):
    """The bucket exists already, or is not empty."""

    status, reason = 409, "conflict"


class PreconditionFailed(StorageError):
    """A condition of the request did not hold; nothing was changed."""

    status, reason = 412, "conditionNotMet"


class NotModified(StorageError):
    """The reader has what is here."""

    status, reason = 304, "notModified"


class BadRange(StorageError):
    """The range starts beyond the object's end."""

    status, reason = 416, "requestedRangeNotSatisfiable"


class Unavailable(StorageError):
    """It may work when tried again."""

    status, reason = 503, "backendError"


class NoRoom(StorageError):
    """The disk is full; nothing was changed."""

    status, reason = 507, "insufficientStorage"


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def no_room(error: OSError | sqlite3.Error) -> NoRoom | None:
    """The refusal to answer with if the system's error says that the disk is full; None for any other error."""
    full = error.errno in _FULL if isinstance(error, OSError) else error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return NoRoom("No room is left on the disk of the local storage server: free some and try again.") if full else None
