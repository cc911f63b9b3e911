"""An archive whose bytes depend on what is in it, and on nothing else."""

import io
import stat
from collections.abc import Mapping
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows
_UNIX = 3
_MODE = stat.S_IFREG | 0o644


def archived(files: Mapping[str, bytes]) -> bytes:
    """These files as a zip: in the order of their names, at one moment, with one mode.

    They are not compressed: another release of zlib makes other bytes of the same text.
    """
    written = io.BytesIO()
    with ZipFile(written, "w", ZIP_STORED) as archive:
        for name in sorted(files):
            entry = ZipInfo(name, _MOMENT)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            archive.writestr(entry, files[name])
    return written.getvalue()
