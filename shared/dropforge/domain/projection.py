"""Vectors drawn in a plane: the two directions in which they differ most. It needs numpy, a tenth of a second to import."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dropforge.domain.maps import Chosen, Map, Point, Rows, mapped
from dropforge.domain.ranking import units
from dropforge.domain.sampling import Sample

Points = npt.NDArray[np.float64]  # one a row, two columns


@dataclass(frozen=True, slots=True)
class View:
    """What is kept of one model's vectors.

    Attributes:
        points: Where the chosen queries are, and then the chosen documents.
        explained: Which share of their variance each of the two axes explains.
        rows: The vectors of the shelf's documents.
        ranks: Query id -> its best document's rank.
    """

    points: Points
    explained: Point
    rows: Rows
    ranks: dict[str, int | None]


def view(
    sample: Sample,
    kept: Chosen,
    query_vectors: Sequence[Sequence[float]],
    document_vectors: Sequence[Sequence[float]],
    ranks: dict[str, int | None],
) -> View:
    """Keep what is chosen of a model's vectors, which were measured: they are finite, of one length, and none is zero."""
    queries = dict(zip(sample.queries, query_vectors, strict=True))
    documents = dict(zip(sample.documents, document_vectors, strict=True))
    drawn = [*(queries[query] for query in kept.queries), *(documents[document] for document in kept.documents)]
    points, explained = plane(units(drawn, [*kept.queries, *kept.documents]))
    shelved = units([documents[document] for document in kept.shelved], kept.shelved)
    rows = Rows(dimensions=shelved.shape[1], vectors=shelved.astype("<f2").tobytes())
    return View(points, explained, rows, ranks)


def plane(vectors: npt.NDArray[np.floating]) -> tuple[Points, Point]:
    """Principal components: the vectors' places along the two directions in which they differ most.

    The same vectors give the same places: of a direction and its opposite, the one whose largest part is positive is used.

    Returns:
        The places, and the share of the variance that each explains. Where the vectors differ in fewer directions,
        the places along the others are 0, and so are the shares.
    """
    points, explained = np.zeros((len(vectors), 2)), np.zeros(2)
    if not vectors.size:
        return points, (0.0, 0.0)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    variance = lengths**2
    if variance.sum() > np.finfo(np.float32).eps:
        axes, told = axes[:2], (variance / variance.sum())[:2]
        largest = np.abs(axes).argmax(axis=1)[:, np.newaxis]
        points[:, : len(axes)] = centred @ (axes * np.sign(np.take_along_axis(axes, largest, axis=1))).T
        explained[: len(told)] = told
    return points, (round(float(explained[0]), 4), round(float(explained[1]), 4))


def turned(points: Points, like: Points) -> Points:
    """Points turned, and perhaps mirrored, to lie as near as they can to others: distances between them stay.

    It is the orthogonal Procrustes problem (P. Schönemann, 1966).
    """
    left, _, right = np.linalg.svd(points.T @ like)
    return np.asarray(points @ (left @ right))


def map_of(sample: Sample, kept: Chosen, base: View, tuned: View) -> Map:
    """The map of both models' views, the tuned one's turned so that a text stays about where it was, where it can."""
    places = {"base": _places(base.points), "tuned": _places(turned(tuned.points, base.points))}
    queries, documents = mapped(sample, kept, places, {"base": base.ranks, "tuned": tuned.ranks})
    return Map(queries=queries, documents=documents, explained={"base": base.explained, "tuned": tuned.explained})


def _places(points: Points) -> list[Point]:
    """From -1 to 1: the farthest is at the edge."""
    farthest = np.abs(points).max(initial=0)
    scaled = np.round(points / farthest if farthest else points, 3) + 0.0  # no -0.0
    return [(float(across), float(up)) for across, up in scaled]
