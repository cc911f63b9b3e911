"""What is kept of a measurement for people to look at: a map of some texts, and a shelf of documents to search.

Both are small, whatever was measured: a map has at most 60 queries and 240 documents, a shelf at most 1,000 documents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dropforge.domain.content import Text
from dropforge.domain.evaluation import best_document
from dropforge.domain.sampling import Sample
from dropforge.domain.text import printable, shortened

Point = tuple[float, float]  # each from -1 to 1
Some = TypeVar("Some")

_QUERIES, _DOCUMENTS, _SHELVED = 60, 240, 1_000
_ON_MAP, _ON_SHELF = 70, 300  # characters of a text: 300 texts of 70 have 84 KB at most, whatever they are written in


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A document on a map: its text, cut, and its place by the base model and by the tuned one."""

    text: str
    base: Point
    tuned: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query on a map.

    Attributes:
        text: Cut.
        base: Its place by the base model.
        tuned: By the tuned one.
        document: Which of the map's documents is its best one, from 0.
        before: That document's rank by the base model, among all that were measured; None below the tenth.
        after: Its rank by the tuned model.
    """

    text: str
    base: Point
    tuned: Point
    document: int
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """Held-out queries and documents in a plane, once for each model.

    Attributes:
        queries: Some of those that were measured.
        documents: Their best documents, and others.
        explained: By model, `base` and `tuned`: which share of the variance each of the two axes explains.
    """

    queries: tuple[Query, ...]
    documents: tuple[Dot, ...]
    explained: dict[str, Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Vectors of length one in half precision, little-endian, one after the other."""

    dimensions: int
    vectors: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A document on a shelf; its texts are printable, and cut."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Documents and their vectors by model, `base` and `tuned`, in one order: a query can be tried without embedding them."""

    documents: tuple[Book, ...]
    models: dict[str, Rows]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Ids of what is kept of a sample: of the map's queries and documents, and of the shelf's documents."""

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    shelved: tuple[str, ...]


def map_name(run_id: str) -> str:
    """Where a run's map lies in the state bucket."""
    return f"runs/{run_id}/map.json"


def shelf_name(run_id: str) -> str:
    """Where a run's shelf lies in the state bucket."""
    return f"runs/{run_id}/shelf.json"


def chosen(sample: Sample) -> Chosen:
    """Choose evenly, in the order of ids, which says nothing of the texts; the queries' best documents first of all."""
    queries = _thinned(list(sample.queries), _QUERIES)
    best = {best_document(sample.labels[query]) for query in queries}
    others = [document for document in sample.documents if document not in best]
    documents = best.union(_thinned(others, _DOCUMENTS - len(best)))
    return Chosen(queries, tuple(sorted(documents)), _thinned(list(sample.documents), _SHELVED))


def books(sample: Sample, shelved: Sequence[str]) -> tuple[Book, ...]:
    """The documents of a shelf."""
    return tuple(
        Book(
            id=_cut(identity, _ON_SHELF),
            title=_cut(sample.documents[identity].title, _ON_SHELF),
            text=_cut(sample.documents[identity].text, _ON_SHELF),
        )
        for identity in shelved
    )


def mapped(
    sample: Sample, kept: Chosen, places: Mapping[str, Sequence[Point]], ranks: Mapping[str, Mapping[str, int | None]]
) -> tuple[tuple[Query, ...], tuple[Dot, ...]]:
    """The queries and the documents of a map.

    Args:
        sample: What was measured.
        kept: What is shown of it.
        places: By model, where the chosen queries are, and then the chosen documents.
        ranks: By model and query, its best document's rank.
    """
    rows = {document: row for row, document in enumerate(kept.documents)}
    first = len(kept.queries)
    queries = tuple(
        Query(
            text=_told(sample.queries[query]),
            base=places["base"][row],
            tuned=places["tuned"][row],
            document=rows[best_document(sample.labels[query])],
            before=ranks["base"][query],
            after=ranks["tuned"][query],
        )
        for row, query in enumerate(kept.queries)
    )
    documents = tuple(
        Dot(
            text=_told(sample.documents[document]),
            base=places["base"][first + row],
            tuned=places["tuned"][first + row],
        )
        for row, document in enumerate(kept.documents)
    )
    return queries, documents


def _told(text: Text) -> str:
    return _cut(f"{text.title} {text.text}".strip(), _ON_MAP)


def _cut(text: str, most: int) -> str:
    return shortened(printable(text[: most + 1]), most)  # an escape is longer than what it stands for


def _thinned(items: list[Some], most: int) -> tuple[Some, ...]:
    if len(items) <= most:
        return tuple(items)
    return tuple(items[place * len(items) // most] for place in range(most))
