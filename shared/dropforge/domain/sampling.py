"""Which held-out queries and which documents a model is measured with: the same for every model, whatever order the files have.

Each id has a place in a shuffled order, the keyed hash of it; the first ones are taken. So a sample follows from the ids
and the seed alone, and half a million documents pass by while only the sample is kept.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heappush, heappushpop

from dropforge.domain.content import Text, labels_of, text_of
from dropforge.domain.errors import Unreadable
from dropforge.domain.findings import quoted

Labels = Mapping[str, Mapping[str, int]]  # query id -> id of a document that is relevant to it -> score, above 0


@dataclass(frozen=True, slots=True)
class Sample:
    """Held-out queries, documents to find theirs among, and the labels that say which is whose. All in the order of ids."""

    queries: Mapping[str, Text]
    documents: Mapping[str, Text]
    labels: Labels


def sample_of(
    labels: Iterable[bytes],
    queries: Iterable[bytes],
    corpus: Iterable[bytes],
    *,
    without: Collection[str] = (),
    most_queries: int,
    most_documents: int,
    seed: int,
) -> Sample:
    """Choose from the lines of a validated dataset's files.

    Args:
        labels: The test labels.
        queries: The queries.
        corpus: The documents.
        without: Queries that are not to be taken, such as those that were trained on.
        most_queries: How many queries to take at most, of those that have a relevant document.
        most_documents: How many documents to take at most. All that are relevant to the queries taken are among them;
            where they are too many, there are fewer queries. A query with more than so many is never taken.
        seed: Another one gives another sample.

    Raises:
        Unreadable: A label names a query or a document that its file does not have.
    """
    order = _Order(seed)
    held_out = (label for label in labels_of(labels) if label[0] not in without)
    judged = _fitting(_first_judged(held_out, most_queries, most_documents, order), most_documents)
    relevant = {document for scores in judged.values() for document in scores}
    return Sample(
        queries=_texts(queries, judged.keys(), "query"),
        documents=_texts(corpus, relevant, "document", _Others(most_documents - len(relevant), order)),
        labels={query: dict(sorted(judged[query].items())) for query in sorted(judged)},
    )


class _Order:
    """Where an id stands in the shuffled order that belongs to a seed."""

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(8)

    def place(self, identity: str) -> int:
        return int.from_bytes(blake2b(identity.encode(), key=self._key, digest_size=16).digest())


def _first_judged(
    labels: Iterable[tuple[str, str, int]], most_queries: int, most_documents: int, order: _Order
) -> dict[str, dict[str, int]]:
    """The first queries with their relevant documents; where these are too many, one more than `most_documents` of them.

    A query that had to go never returns, as the bar only falls: those that stay were there from their first label on.
    """
    kept = dict[str, dict[str, int]]()
    places: list[tuple[int, str]] = []  # negative, so that the last of them comes out of the heap first
    for query, document, score in labels:
        if not score:
            continue
        if query not in kept:
            here = (-order.place(query), query)
            if len(places) < most_queries:
                heappush(places, here)
            else:
                out = heappushpop(places, here)
                if out == here:
                    continue
                del kept[out[1]]
            kept[query] = {}
        scores = kept[query]
        if document in scores or len(scores) <= most_documents:
            scores[document] = max(score, scores.get(document, 0))
    return {query: kept[query] for _, query in sorted(places, reverse=True)}


def _fitting(judged: Mapping[str, dict[str, int]], most_documents: int) -> dict[str, dict[str, int]]:
    """As many of the queries, from the first on, as have no more relevant documents together."""
    taken, relevant = dict[str, dict[str, int]](), set[str]()
    for query, scores in judged.items():
        if len(scores) > most_documents:
            continue
        relevant.update(scores)
        if len(relevant) > most_documents:
            break
        taken[query] = scores
    return taken


class _Others:
    """The first `most` texts of those that are offered."""

    def __init__(self, most: int, order: _Order) -> None:
        self._most, self._order = most, order
        self._kept: list[tuple[int, str, Text]] = []

    def offer(self, identity: str, text: Text) -> None:
        here = (-self._order.place(identity), identity, text)
        if len(self._kept) < self._most:
            heappush(self._kept, here)
        else:
            heappushpop(self._kept, here)

    def texts(self) -> dict[str, Text]:
        return {identity: text for _, identity, text in self._kept}


def _texts(
    lines: Iterable[bytes], wanted: Collection[str], what: str, others: _Others | None = None
) -> dict[str, Text]:
    found = dict[str, Text]()
    for line in lines:
        identity, text = text_of(line)
        if identity in wanted:
            found[identity] = text
        elif others:
            others.offer(identity, text)
    if missing := min(wanted - found.keys(), default=None):
        raise Unreadable(
            f"a test label names the {what} {quoted(missing)}, which its file does not have: validate it anew"
        )
    return dict(sorted((found | (others.texts() if others else {})).items()))
