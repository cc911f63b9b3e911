"""What a linear map gains without a single label: vectors that lie close together are spread."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from bench.tuned.datasets import Dataset
from bench.tuned.judging import Judged, judged

from dropforge.domain.content import text_of
from dropforge.domain.datasets import CORPUS, QUERIES
from dropforge_local.vertex.embedding import Vectors, titled
from dropforge_local.vertex.embedding.tuned import TunedModel
from dropforge_local.vertex.embedding.wordllama_base import bundled_base


@dataclass(frozen=True, slots=True)
class Spread:
    """A dataset's texts, spread evenly.

    Attributes:
        dataset: Whose.
        closeness: Length of the mean of the documents' base vectors: 1 where all are the same.
        judged: What the gate says of the map.
    """

    dataset: Dataset
    closeness: float
    judged: Judged


def spread(dataset: Dataset) -> Spread:
    """Whiten the base vectors of all texts (without moving their centre: the tuner's map cannot), and judge that."""
    documents, queries = (_vectors(dataset.files[name].splitlines()) for name in (CORPUS, QUERIES))
    _, widths, directions = np.linalg.svd(np.vstack([documents, queries]), full_matrices=False)
    matrix = np.asarray(directions.T / np.sqrt(widths), dtype=np.float32)
    found = judged(dataset, TunedModel(bundled_base(), matrix, {}), metrics={}, parameters={})
    return Spread(dataset, float(np.linalg.norm(documents.mean(axis=0))), found)


def _vectors(lines: Iterable[bytes]) -> Vectors:
    texts = [text for _, text in map(text_of, lines)]
    return bundled_base().encode([titled(text.text, text.title) for text in texts]).vectors
