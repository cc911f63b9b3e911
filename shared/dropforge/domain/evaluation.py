"""How well a model finds what the labels say is relevant, query by query, and which queries another model changes most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from dropforge.domain.content import Text
from dropforge.domain.errors import Refused
from dropforge.domain.facts import Example
from dropforge.domain.findings import quoted
from dropforge.domain.sampling import Labels, Sample
from dropforge.domain.text import printable, shortened

DEPTH = 10
NDCG = "nDCG@10"
MEASURES = (NDCG, "R@10", "RR@10")

_SHOWN = 200  # characters of an example's text
_HIGHEST = 100_000  # trec_eval keeps a table of every score up to the highest; higher ones are scaled down to this


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model's vectors are worth.

    Attributes:
        figures: Query id -> measure -> value, for each of `MEASURES`.
        ranks: Query id -> rank of its best document, from 1; None below the tenth. The best is the one with the highest
            score, of several the first by id.
        documents: How many documents the best ones had to be found among.
    """

    figures: Mapping[str, Mapping[str, float]]
    ranks: Mapping[str, int | None]
    documents: int

    @property
    def ndcg(self) -> dict[str, float]:
        """The figure that the gate compares, of each query."""
        return {query: figures[NDCG] for query, figures in self.figures.items()}

    @property
    def means(self) -> dict[str, float]:
        """The mean of each measure over the queries; empty where there are none."""
        every = self.figures.values()
        return {name: fsum(one[name] for one in every) / len(every) for name in MEASURES if every}


def measure(
    sample: Sample, query_vectors: Sequence[Sequence[float]], document_vectors: Sequence[Sequence[float]]
) -> Measured:
    """Rank the sample's documents for each of its queries, by cosine, and hold the first ten against the labels.

    Args:
        sample: What was embedded.
        query_vectors: The vectors of `sample.queries`, in their order.
        document_vectors: Those of `sample.documents`.

    Raises:
        Refused: There is not one vector for each text; or they differ in length; or one is zero or not finite.
    """
    from dropforge.domain.ranking import best, units  # noqa: PLC0415 - numpy takes a tenth of a second to import

    # Of documents that are equally near, the later id comes first, as in trec_eval, the field's reference.
    identities = sorted(sample.documents, reverse=True)
    rows = {identity: row for row, identity in enumerate(sample.documents)}
    queries = units(query_vectors, [f"query {quoted(query)}" for query in sample.queries])
    documents = units(document_vectors, [f"document {quoted(document)}" for document in sample.documents])
    if queries.shape[1] != documents.shape[1]:
        what = f"vectors of {queries.shape[1]} values for queries, and of {documents.shape[1]} for documents"
        raise Refused(f"{what}: the model cannot be measured")
    nearest = best(queries, documents[[rows[identity] for identity in identities]], DEPTH)
    found = {query: [identities[row] for row in near] for query, near in zip(sample.queries, nearest, strict=True)}
    return Measured(
        figures=_figures(sample.labels, found),
        ranks={query: _rank(best_document(sample.labels[query]), ranked) for query, ranked in found.items()},
        documents=len(sample.documents),
    )


def best_document(scores: Mapping[str, int]) -> str:
    """The one with the highest score; of several the first by id."""
    return min(scores, key=lambda document: (-scores[document], document))


def examples_of(sample: Sample, before: Measured, after: Measured, most: int = 6) -> tuple[Example, ...]:
    """Queries whose best document moved most: half of them up, then half down; where one kind is short, more of the other.

    A move is the difference of the reciprocal ranks: from the second place to the first counts for more than from the
    tenth to the fifth. Moves of one size are ordered by the change of nDCG@10, then by id.
    """
    moves = {query: _reciprocal(after.ranks[query]) - _reciprocal(before.ranks[query]) for query in sample.queries}
    changes = {query: after.figures[query][NDCG] - before.figures[query][NDCG] for query in sample.queries}
    gains = sorted((query for query in moves if moves[query] > 0), key=lambda q: (-moves[q], -changes[q], q))
    losses = sorted((query for query in moves if moves[query] < 0), key=lambda q: (moves[q], changes[q], q))
    fewer = min(len(losses), most // 2)
    up = gains[: most - fewer]
    return tuple(_example(sample, query, before, after) for query in (*up, *losses[: most - len(up)]))


def _example(sample: Sample, query: str, before: Measured, after: Measured) -> Example:
    document = best_document(sample.labels[query])
    return Example(
        query=query,
        text=_shown(sample.queries[query]),
        document=document,
        found=_shown(sample.documents[document]),
        before=before.ranks[query],
        after=after.ranks[query],
    )


def _shown(text: Text) -> str:
    plain = f"{text.title} {text.text}".strip()
    return shortened(printable(plain[: _SHOWN + 1]), _SHOWN)  # an escape is longer than what it stands for


def _rank(document: str, ranked: Sequence[str]) -> int | None:
    return ranked.index(document) + 1 if document in ranked else None


def _reciprocal(rank: int | None) -> float:
    return 1 / rank if rank else 0.0


def _figures(labels: Labels, found: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """By trec_eval, given numbers for ids, which cannot hold NUL, and ranks for scores, which are single precision."""
    from ir_measures import RR, R, iter_calc, nDCG  # noqa: PLC0415 - takes 30 ms to import

    names = {str(number): query for number, query in enumerate(found)}
    numbers = {document: str(number) for number, document in enumerate(sorted({d for s in labels.values() for d in s}))}
    judged = {number: {numbers[d]: score for d, score in _scaled(labels[q]).items()} for number, q in names.items()}
    run = {
        number: {numbers.get(d, f"-{place}"): float(-place) for place, d in enumerate(found[query])}
        for number, query in names.items()
    }
    figures: dict[str, dict[str, float]] = {query: {} for query in found}
    for metric in iter_calc([nDCG @ DEPTH, R @ DEPTH, RR @ DEPTH], judged, run):
        figures[names[metric.query_id]][str(metric.measure)] = metric.value
    return figures


def _scaled(scores: Mapping[str, int]) -> Mapping[str, int]:
    highest = max(scores.values())
    if highest <= _HIGHEST:
        return scores
    return {document: max(1, score * _HIGHEST // highest) for document, score in scores.items()}
