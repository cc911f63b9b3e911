"""A handful of known pairs to try a served model with, before readers are pointed to it."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice

import msgspec

PAIRS = 5  # Vertex recommends at most five texts a request on a tuned endpoint
_CANDIDATES = 1_000  # labels looked at for pairs without a query or a document in common
_LONGEST = 8_000  # characters of a text that are sent: about what a model reads, and far below a request's limit


@dataclass(frozen=True, slots=True)
class Text:
    """A query or a document."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What trying a model told: the vectors' length, and what is wrong; empty where nothing is."""

    dimensions: int
    wrong: str


def pairs_of(labels: Iterable[bytes]) -> dict[str, str]:
    """Query id to document id: the best-scored labels of a label file's lines, each id used once, at most `PAIRS`."""
    rows = (line.decode().rstrip("\r\n").split("\t") for line in islice(labels, 1, None))
    pairs: dict[str, str] = {}
    for row in nlargest(_CANDIDATES, rows, key=_score):
        query, document = row[:2]
        if _score(row) and query not in pairs and document not in pairs.values() and len(pairs) < PAIRS:
            pairs[query] = document
    return pairs


def _score(row: Sequence[str]) -> int:
    return int(row[2]) if len(row) > 2 else 1


def texts_of(records: Iterable[bytes], wanted: Collection[str], *, at_least: int = 0) -> dict[str, Text]:
    """The texts of the wanted ids, in their order, from the lines of a corpus or query file.

    Args:
        records: The file's lines.
        wanted: The ids.
        at_least: How many texts to give: others of the file fill up what is missing, after the wanted ones.
    """
    found, others = dict[str, Text](), dict[str, Text]()
    for line in records:
        record = msgspec.json.decode(line)
        identity = record["_id"]
        if identity in wanted or len(others) < at_least:
            text = Text(record.get("title", "")[:_LONGEST], record["text"][:_LONGEST])
            (found if identity in wanted else others)[identity] = text
        if len(found) == len(wanted) and len(found) + len(others) >= at_least:
            break
    ordered = {identity: found[identity] for identity in wanted}
    return dict(islice((ordered | others).items(), max(at_least, len(ordered))))


def assess(queries: Sequence[Sequence[float]], documents: Sequence[Sequence[float]]) -> Answer:
    """Judge the vectors that a served model gave: of queries, and of the documents that answer them, then of others.

    They must be finite, none zero, all of one length, and for most of the queries the right document must rank
    first: a broken or a wrong model gives one of five right by chance, so three of five by chance in 6 of 100.
    """
    lengths = {len(vector) for vector in (*queries, *documents)}
    if len(lengths) != 1 or 0 in lengths:
        return Answer(0, f"vectors of different lengths: {sorted(lengths)}")
    dimensions = lengths.pop()
    if not all(math.isfinite(math.hypot(*vector)) for vector in (*queries, *documents)):
        return Answer(dimensions, "a vector holds a value that is no finite number")
    if not all(math.hypot(*vector) for vector in (*queries, *documents)):
        return Answer(dimensions, "a vector is zero")
    units = [_unit(document) for document in documents]
    right = sum(_nearest(query, units) == place for place, query in enumerate(queries))
    if right * 2 <= len(queries):
        return Answer(dimensions, f"the right document ranks first for only {right} of {len(queries)} known queries")
    return Answer(dimensions, "")


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector)
    return [value / length for value in vector]


def _nearest(query: Sequence[float], documents: Sequence[Sequence[float]]) -> int:
    unit = _unit(query)
    return max(range(len(documents)), key=lambda place: _dot(unit, documents[place]))


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
