"""A dataset's version: the digest of its content and its configuration. The same bytes are the same version."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from dropforge.domain.files import Pin

_SHORT = 12  # 48 bits: two of a million versions of one dataset collide with a chance of 0.2 %, and the ledger notices
_AFTER_NAME = re.compile(rf"-[0-9a-f]{{{_SHORT}}}(-a[0-9]+)?$")


def version_of(pins: Iterable[Pin], configuration: Mapping[str, object]) -> str:
    """The version's digest: 64 hexadecimal digits over each file's name, size and crc32c and the configuration.

    Generations are left out on purpose: dropping the same bytes again is the same version.
    """
    digest = hashlib.sha256()
    for pin in sorted(pins, key=lambda pin: pin.name):
        digest.update(f"{pin.name}\0{pin.size}\0{pin.crc32c}\n".encode())
    for key in sorted(configuration):
        digest.update(f"{key}\0{configuration[key]!r}\n".encode())
    return digest.hexdigest()


LONGEST_RUN_ID = 63  # characters: a name of 40, a dash, 12 digits, and the number of an attempt, with room to spare


def run_id_of(dataset: str, version: str, attempt: int = 1) -> str:
    """`NAME-<12 hex>`, later attempts `-a2`, `-a3`: a legal Vertex pipeline job id."""
    return f"{dataset}-{version[:_SHORT]}" + (f"-a{attempt}" if attempt > 1 else "")


def dataset_of(run_id: str) -> str:
    """The dataset that a run's id names: what `run_id_of` began with."""
    return _AFTER_NAME.sub("", run_id)
