"""A floor: adding up the checksum that Cloud Storage keeps."""

from pathlib import Path

import google_crc32c

from validation.folder import LABELS, RECORDS, Place

_CHUNK = 1024 * 1024


def check(folder: Path) -> set[Place]:
    """Check nothing."""
    total = google_crc32c.Checksum()
    for name in (*RECORDS, *LABELS):
        with (folder / name).open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                total.update(chunk)
    return set()
