"""People: who drops which files when, in what order, who thinks better of it, and who asks for what by hand."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random

import google_crc32c
from faults.simulator.chance import Chance
from faults.simulator.fates import Fate, fate_of
from faults.simulator.nature import Asked, Ending, Kind, Nature, Span
from support.data import dataset

from dropforge.domain.datasets import CORPUS, MANIFEST, QUERIES, TEST_LABELS, TRAINING_LABELS
from dropforge.domain.runs import State

Files = Mapping[str, bytes]

_MEASURED = 0.2  # share of the other folders whose models are measured, too
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
_SOON: Span = (0, 8)  # seconds: about as long as the next function takes to hear of it
_SLOWLY: Span = (10, 400)
# What people ask for by hand once a run of theirs has come so far, and how likely each is.
_ASKED = {
    Asked(Kind.CANCEL, State.VALIDATED, _SOON): 3,
    Asked(Kind.CANCEL, State.SUBMITTED, _SOON): 2,
    Asked(Kind.CANCEL, State.RUNNING, (0, 1_500)): 2,
    Asked(Kind.CANCEL, State.SUCCEEDED, _SOON): 3,
    Asked(Kind.CANCEL, State.DEPLOYING, (0, 1_200)): 3,
    Asked(Kind.CANCEL, State.DEPLOYED, _SOON): 1,
    Asked(Kind.RERUN, State.CANCELLED, _SLOWLY): 3,
    Asked(Kind.RERUN, State.FAILED, _SLOWLY): 3,
    Asked(Kind.RERUN, State.WITHHELD, _SLOWLY): 1,
    Asked(Kind.RERUN, State.RUNNING, _SLOWLY): 1,
    Asked(Kind.APPROVE, State.WITHHELD, _SOON): 2,
    Asked(Kind.APPROVE, State.WITHHELD, _SLOWLY): 3,
    Asked(Kind.APPROVE, State.DEPLOY_FAILED, _SLOWLY): 3,
    Asked(Kind.APPROVE, State.RETIRED, _SLOWLY): 4,
    Asked(Kind.ROLLBACK, State.DEPLOYED, _SLOWLY, nth=2): 8,
    Asked(Kind.ROLLBACK, State.DEPLOYED, _SLOWLY, nth=2, former=True): 8,
    Asked(Kind.ROLLBACK, State.DEPLOYED, (1_500, 2_500), nth=2, former=True): 8,  # as the space before is retired
    Asked(Kind.RETIRE, State.DEPLOYED, _SLOWLY, nth=2, former=True): 3,
    Asked(Kind.RETIRE, State.DEPLOYED, _SLOWLY): 1,
    Asked(Kind.RETIRE, State.DEPLOYED, _SLOWLY, even_current=True): 2,
}
_MOST_ASKED = 6


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
        asks: What people ask for by hand.
    """

    folder: str
    is_good: bool
    fate: Fate
    deeds: tuple[Deed, ...]
    asks: tuple[Asked, ...] = ()

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
    start = drawn.uniform(*(nature.starts or (1, 30 if nature.ends else _LATEST_START)))
    files = dict(_files(is_large=fate.ending in {Ending.WORSE, Ending.DECEPTIVE} or drawn.random() < _MEASURED))
    if nature.ends:
        deeds = list(_upload(files, start, drawn))
        if nature.renewed:
            name, (old, new) = next(iter(_OTHER.items()))
            deeds.append(Deed(deeds[-1].time + _ONCE_DEPLOYED, name, files[name].replace(old, new, 1)))
        return Plan(folder, is_good=True, fate=fate, deeds=tuple(deeds), asks=drawn.choice(nature.asks))
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
    asks = drawn.choices(list(_ASKED), list(_ASKED.values()), k=drawn.randint(1, _MOST_ASKED))
    asks = asks if drawn.random() < nature.wishes else []
    return Plan(folder, not is_bad, fate, tuple(deeds), tuple(dict.fromkeys(asks)))


def _upload(files: Files, start: float, drawn: Random) -> Iterator[Deed]:
    names, pause = list(files), drawn.uniform(0.1, _UPLOADING / len(files))
    drawn.shuffle(names)
    for place, name in enumerate(names):
        yield Deed(start + place * pause, name, files[name])


@cache
def _files(*, is_large: bool) -> Files:
    """The smaller has too few test queries for the gate to measure anything."""
    return dataset(queries=80, documents=20) if is_large else dataset(queries=20, documents=10)


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
