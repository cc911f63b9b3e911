"""People: who drops which files when, in what order, and who thinks better of it."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random

import google_crc32c
from faults.simulator.chance import Chance
from faults.simulator.fates import Ending, Fate, fate_of
from faults.simulator.nature import Nature
from support.data import dataset

from dropforge.domain.datasets import CORPUS, MANIFEST, QUERIES, TEST_LABELS, TRAINING_LABELS

Files = Mapping[str, bytes]

_LATEST_START = 600  # seconds
_UPLOADING = 120  # seconds, at most, from the first file to the last
_WHILE_VALIDATING = 20  # seconds after the last file
_LATER = (120, 900)  # seconds after the last file
_ONCE_DEPLOYED = 900  # seconds, in a world where everything is fast
_OTHER = {  # what another content of a file is made by; the dataset stays in order
    CORPUS: (b"document 0", b"document zero"),
    QUERIES: (b"query 0", b"query zero"),
    TRAINING_LABELS: (b"q0\td0\t1", b"q0\td0\t2"),
    TEST_LABELS: (b"\t1\n", b"\t4\n"),
}


@dataclass(frozen=True, slots=True)
class Deed:
    """Somebody writes a file, or deletes it.

    Attributes:
        time: In seconds.
        file: Its name in the folder.
        data: What is written; None deletes.
    """

    time: float
    file: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What people do with a folder.

    Attributes:
        folder: Its name.
        is_good: Whether its datasets are accepted.
        fate: What is in store for its runs.
        deeds: In the order of time.
    """

    folder: str
    is_good: bool
    fate: Fate
    deeds: tuple[Deed, ...]

    @property
    def last(self) -> float:
        """When the last file was written, in seconds."""
        return self.deeds[-1].time


def plan(number: int, chance: Chance, nature: Nature) -> Plan:
    """What people do with their folder of this number."""
    folder = f"folder-{number:02d}"
    drawn = chance.stream("people", folder)
    fate = fate_of(folder, chance, nature)
    is_bad, completes_itself, comes_twice = drawn.random() < 0.1, drawn.random() < 0.15, drawn.random() < 0.1
    is_changed, is_taken_away = drawn.random() < nature.reuploads, drawn.random() < 0.05
    start = drawn.uniform(1, 30 if nature.ends else _LATEST_START)
    files = dict(_files(large=fate.ending is Ending.WORSE))
    if nature.ends:
        deeds = list(_upload(files, start, drawn))
        if nature.renewed:
            name, (old, new) = next(iter(_OTHER.items()))
            deeds.append(Deed(deeds[-1].time + _ONCE_DEPLOYED, name, files[name].replace(old, new, 1)))
        return Plan(folder, is_good=True, fate=fate, deeds=tuple(deeds))
    if is_bad:
        files[TRAINING_LABELS] += b"q1\tnowhere\t1\n"
    whole = files | {MANIFEST: _manifest(files)} if completes_itself else files
    deeds = list(_upload(whole, start, drawn))
    last = deeds[-1].time
    if comes_twice:
        deeds += _upload(whole, last + drawn.uniform(*_LATER), drawn)
    elif is_changed and not completes_itself:
        wait = drawn.uniform(0, _WHILE_VALIDATING) if drawn.random() < 0.4 else drawn.uniform(*_LATER)
        name = drawn.choice(list(_OTHER))
        deeds.append(Deed(last + wait, name, files[name].replace(*_OTHER[name], 1)))
    elif is_taken_away:
        name, gone = drawn.choice(list(files)), last + drawn.uniform(0, _LATER[0])
        deeds += [Deed(gone, name, None), Deed(gone + drawn.uniform(5, _LATER[0]), name, files[name])]
    return Plan(folder, not is_bad, fate, tuple(deeds))


def _upload(files: Files, start: float, drawn: Random) -> Iterator[Deed]:
    names, pause = list(files), drawn.uniform(0.1, _UPLOADING / len(files))
    drawn.shuffle(names)
    for place, name in enumerate(names):
        yield Deed(start + place * pause, name, files[name])


@cache
def _files(*, large: bool = False) -> Files:
    """The smaller has too few test queries for the gate to say that a model is worse."""
    return dataset(queries=64, documents=12) if large else dataset(queries=20, documents=10)


def _manifest(files: Files) -> bytes:
    listed = [
        {
            "name": name,
            "size": len(data),
            "crc32c": base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode(),
        }
        for name, data in files.items()
    ]
    return json.dumps({"files": listed}).encode()
