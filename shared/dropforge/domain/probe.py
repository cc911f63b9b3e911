"""A handful of known pairs to try a served model with, before readers are pointed to it."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice

import msgspec

PAIRS = 5  # Vertex recommends at most five texts a request on a tuned endpoint
_CANDIDATES = 1_000  # labels looked at for pairs without a query or a document in common
_LONGEST = 24_576  # characters of a text that are kept: more than any model reads


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
    pairs: dict[str, str] = {}
    for query, document, score in nlargest(_CANDIDATES, labels_of(labels), key=lambda label: label[2]):
        if score and query not in pairs and document not in pairs.values() and len(pairs) < PAIRS:
            pairs[query] = document
    return pairs


def labels_of(lines: Iterable[bytes]) -> Iterator[tuple[str, str, int]]:
    """Query, document and score of each label of a label file's lines; a score left out is 1."""
    for line in islice(lines, 1, None):
        query, document, *score = line.decode().rstrip("\r\n").split("\t")
        yield query, document, int(score[0]) if score else 1


def text_of(line: bytes) -> tuple[str, Text]:
    """Id and text of a line of a corpus or query file."""
    record = msgspec.json.decode(line)
    return record["_id"], Text(record.get("title", "")[:_LONGEST], record["text"][:_LONGEST])


def texts_of(records: Iterable[bytes], wanted: Collection[str], *, at_least: int = 0) -> dict[str, Text]:
    """The texts of the wanted ids, in their order, from the lines of a corpus or query file.

    Args:
        records: The file's lines.
        wanted: The ids.
        at_least: How many texts to give: others of the file fill up what is missing, after the wanted ones.
    """
    found, others = dict[str, Text](), dict[str, Text]()
    for line in records:
        identity, text = text_of(line)
        if identity in wanted or len(others) < at_least:
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
