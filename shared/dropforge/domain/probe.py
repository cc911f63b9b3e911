"""A handful of known pairs to try a served model with, before readers are pointed to it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice

import msgspec

_CANDIDATES = 1_000  # labels looked at for pairs without a query or a document in common
PAIRS = 5  # Vertex recommends at most five texts a request on a tuned endpoint


@dataclass(frozen=True, slots=True)
class Text:
    """A query or a document."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Queries and the documents that answer them, in the same order; all documents differ."""

    queries: tuple[Text, ...]
    documents: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What trying the probe told: the vectors' length, and what is wrong; empty where nothing is."""

    dimensions: int
    wrong: str


def pairs_of(labels: Iterable[bytes]) -> dict[str, str]:
    """Query id to document id: the best-scored labels of a label file's lines, each id used once, at most `PAIRS`."""
    rows = (line.decode().rstrip("\r\n").split("\t") for line in islice(labels, 1, None))
    best = nlargest(_CANDIDATES, rows, key=_score)
    pairs: dict[str, str] = {}
    for row in best:
        query, document = row[:2]
        if _score(row) and query not in pairs and document not in pairs.values() and len(pairs) < PAIRS:
            pairs[query] = document
    return pairs


def _score(row: Sequence[str]) -> int:
    return int(row[2]) if len(row) > 2 else 1


def texts_of(records: Iterable[bytes], wanted: Iterable[str]) -> dict[str, Text]:
    """The texts of the wanted ids, from the lines of a corpus or query file."""
    left, found = set(wanted), dict[str, Text]()
    for line in records:
        if not left:
            break
        record = msgspec.json.decode(line)
        if (identity := record["_id"]) in left:
            left.discard(identity)
            found[identity] = Text(record.get("title", ""), record["text"])
    return found


def assess(queries: Sequence[Sequence[float]], documents: Sequence[Sequence[float]]) -> Answer:
    """Judge the vectors that a served model gave for a probe.

    They must be finite, none zero, all of one length, and for most of the queries the right document must rank
    first: a broken or a wrong model gives one of five right by chance, so three of five by chance in 6 of 100.
    """
    lengths = {len(vector) for vector in (*queries, *documents)}
    if len(lengths) != 1 or 0 in lengths:
        return Answer(0, f"vectors of different lengths: {sorted(lengths)}")
    dimensions = lengths.pop()
    if not all(math.isfinite(value) for vector in (*queries, *documents) for value in vector):
        return Answer(dimensions, "a vector holds a value that is no finite number")
    if not all(any(vector) for vector in (*queries, *documents)):
        return Answer(dimensions, "a vector is zero")
    right = sum(
        max(range(len(documents)), key=lambda at: _cosine(query, documents[at])) == index
        for index, query in enumerate(queries)
    )
    if right * 2 <= len(queries):
        return Answer(dimensions, f"the right document ranks first for only {right} of {len(queries)} known queries")
    return Answer(dimensions, "")


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))
