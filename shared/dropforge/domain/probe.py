"""A handful of known pairs to try a served model with, before readers are pointed to it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest

from dropforge.domain.content import labels_of

PAIRS = 5  # Vertex recommends at most five texts a request on a tuned endpoint
_CANDIDATES = 1_000  # labels looked at for pairs without a query or a document in common


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of trying a model: the vectors' length, and what is wrong; empty where nothing is."""

    dimensions: int
    wrong: str


def pairs_of(labels: Iterable[bytes]) -> dict[str, str]:
    """Query id to document id: the best-scored labels of a label file's lines, each id used once, at most `PAIRS`."""
    pairs: dict[str, str] = {}
    for query, document, score in nlargest(_CANDIDATES, labels_of(labels), key=lambda label: label[2]):
        if score and query not in pairs and document not in pairs.values() and len(pairs) < PAIRS:
            pairs[query] = document
    return pairs


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
