"""How well vectors find what the labels say is relevant: nDCG@10, R@10 and RR@10 over the whole corpus."""

from collections.abc import Sequence

import ir_measures
import numpy as np
from ir_measures import RR, R, nDCG

from dropforge_local.vertex.embedding import Vectors
from dropforge_local.vertex.tuning.dataset import Labels

DEPTH = 10
NDCG = str(nDCG @ DEPTH)
MEASURES = [nDCG @ DEPTH, R @ DEPTH, RR @ DEPTH]
SCORES_AT_ONCE = 2_000_000  # bounds one block of similarities to 8 MB

# Measure name ("nDCG@10", "R@10", "RR@10") -> value, for one query or as a mean over queries.
Figures = dict[str, float]


def measure(
    labels: Labels,
    *,
    query_rows: dict[str, int],
    queries: Vectors,
    document_ids: Sequence[str],
    documents: Vectors,
) -> dict[str, Figures]:
    """The figures of every labelled query.

    `queries` and `documents` are unit vectors, one row each; `query_rows` says which row is which query's.
    """
    if not labels:
        return {}
    names = list(labels)
    run: dict[str, dict[str, float]] = {}
    block = max(1, SCORES_AT_ONCE // len(document_ids))
    for start in range(0, len(names), block):
        chunk = names[start : start + block]
        scores = queries[[query_rows[name] for name in chunk]] @ documents.T
        for name, row, columns in zip(chunk, scores, _best(scores), strict=True):
            run[name] = {document_ids[column]: float(row[column]) for column in columns}
    figures: dict[str, Figures] = {name: {} for name in names}
    for metric in ir_measures.iter_calc(MEASURES, labels, run):
        figures[metric.query_id][str(metric.measure)] = metric.value
    return figures


def _best(scores: Vectors) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Columns of the highest scores of each row, in no order."""
    depth = min(DEPTH, scores.shape[1])
    return np.argpartition(-scores, depth - 1, axis=1)[:, :depth]


def mean(figures: dict[str, Figures]) -> Figures:
    """The mean of each measure over queries."""
    return {str(name): float(np.mean([one[str(name)] for one in figures.values()])) for name in MEASURES if figures}
