"""A dataset folder: which files it has, whether it is complete, which file speaks for it."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cached_property

from dropforge.domain.files import Pin, StoredFile

ROOT = "datasets/"
CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
TRAINING_LABELS = "training_label.tsv"
TEST_LABELS = "test_label.tsv"
VALIDATION_LABELS = "validation_label.tsv"
TUNING = "tuning.yaml"
MANIFEST = "MANIFEST.json"

REQUIRED = (CORPUS, QUERIES, TRAINING_LABELS, TEST_LABELS)
DATA = (*REQUIRED, VALIDATION_LABELS)
KNOWN = (*DATA, TUNING, MANIFEST)

_LOOKED_AT = 100  # unknown files, where a folder has thousands of them
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
# Left by uploaders on their way: a partial download's name, an editor's backup, a hidden file, a folder's placeholder.
_PASSING = re.compile(r"(^|/)\.|\.(part|tmp|crdownload|gstmp)$|~$|/$|^$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies: the folder's path below `datasets/` (not yet checked), and the file's name in it."""

    dataset: str
    file: str


def place_of(object_name: str) -> Place | None:
    """Read `datasets/NAME/FILE`; None for whatever is no file of a dataset: other prefixes, uploaders' leftovers.

    A dataset's file in a deeper folder (`cp -r` onto a folder that exists does that) has a place too: one whose name
    cannot be used, so that somebody is told.
    """
    if not object_name.startswith(ROOT):
        return None
    dataset, slash, file = object_name.removeprefix(ROOT).rpartition("/")
    if not slash or _PASSING.search(file) or ("/" in dataset and file not in KNOWN):
        return None
    return Place(dataset, file)


@dataclass(frozen=True)
class Folder:
    """What a dataset's folder holds at one moment."""

    dataset: str
    files: tuple[StoredFile, ...]

    @classmethod
    def of(cls, dataset: str, listing: Iterable[StoredFile]) -> "Folder":
        """Keep the files of `datasets/DATASET/`, leaving out uploaders' leftovers and zero-byte ghosts.

        A bucket mounted as a file system writes an empty object first (gcsfuse), so an empty file is one that has
        not arrived.
        """
        mine = (file for file in listing if (place := place_of(file.name)) and place.dataset == dataset)
        return cls(dataset, tuple(file for file in mine if file.size > 0))

    @classmethod
    def anywhere(cls, prefix: str, listing: Iterable[StoredFile]) -> "Folder":
        """Keep the files directly below a prefix, wherever it is. An empty file counts: nobody waits for more."""
        names = ((file, file.name.removeprefix(prefix)) for file in listing)
        mine = (file for file, name in names if "/" not in name and not _PASSING.search(name))
        return cls(prefix.rstrip("/").rpartition("/")[2], tuple(mine))

    @cached_property
    def by_name(self) -> dict[str, StoredFile]:
        """The files by their name in the folder."""
        return {file.name.rpartition("/")[2]: file for file in self.files}

    @property
    def prefix(self) -> str:
        """The folder's prefix, ending in a slash."""
        return f"{ROOT}{self.dataset}/"

    @property
    def newest(self) -> StoredFile | None:
        """The file that was finalized last: its event speaks for the folder, so that one handler settles a drop."""
        return max(self._speaking.values(), key=lambda file: (file.updated, file.generation, file.name), default=None)

    @cached_property
    def _speaking(self) -> dict[str, StoredFile]:
        """The files that make the folder what it is: those of a dataset, or all where none is."""
        known = {name: file for name, file in self.by_name.items() if name in KNOWN}
        return known or self.by_name

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names that mean nothing to a dataset, sorted."""
        return tuple(sorted(name for name in self.by_name if name not in KNOWN))

    def missing(self, *, split_test_labels: bool) -> tuple[str, ...]:
        """The required files that are not there; the test labels are optional when the service splits them off."""
        optional = {TEST_LABELS} if split_test_labels else set()
        return tuple(name for name in REQUIRED if name not in self.by_name and name not in optional)

    @cached_property
    def probably_meant(self) -> dict[str, str]:
        """For each data file that is missing, the unknown file that was most likely meant to be it, if any.

        It may differ in case or extension, or by a typing error; the first `_LOOKED_AT` unknown files are looked at.
        """
        by_shape = {_shape(name): name for name in self.unknown[:_LOOKED_AT]}
        absent = (name for name in DATA if name not in self.by_name)
        close = {name: get_close_matches(_shape(name), by_shape, n=1, cutoff=0.8) for name in absent}
        return {name: by_shape[found[0]] for name, found in close.items() if found}

    def quiet_for(self, now: datetime) -> timedelta:
        """How long nothing has landed; never negative, whatever the clocks say."""
        return max(now - self.newest.updated, timedelta()) if self.newest else timedelta()

    @property
    def pins(self) -> tuple[Pin, ...]:
        """The data files, pinned, in the order of `DATA`."""
        found = ((name, self.by_name[name]) for name in DATA if name in self.by_name)
        return tuple(Pin(name, file.generation, file.size, file.crc32c) for name, file in found)

    @property
    def drop(self) -> str:
        """Eight hexadecimal digits that tell one drop from the next, whatever its bytes: a digest of generations."""
        generations = sorted((name, file.generation) for name, file in self._speaking.items() if name != MANIFEST)
        return hashlib.sha256(repr(generations).encode()).hexdigest()[:8]

    def differing(self, manifest: Iterable[Pin]) -> tuple[str, ...]:
        """The files that are missing, or not as the manifest lists them by size and checksum."""
        here = {name: (file.size, file.crc32c) for name, file in self.by_name.items()}
        return tuple(pin.name for pin in manifest if here.get(pin.name) != (pin.size, pin.crc32c))


def name_like(text: str) -> str:
    """A name that a dataset can have and that comes near to the text; empty where nothing of it can be used."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).lstrip("0123456789-")[:40].rstrip("-")


def bare(name: str) -> str:
    """What is left of a file's name when case and punctuation do not count."""
    return re.sub(r"[\W_]", "", name).lower()


def _shape(name: str) -> str:
    """What is left of it when its extension does not count either."""
    return bare(name.rpartition(".")[0] or name)
