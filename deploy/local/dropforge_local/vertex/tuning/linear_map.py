"""Tuning without a deep-learning framework: one linear map over frozen base vectors, learned in numpy.

Queries and documents share the map, which starts as the identity. The loss is a softmax over the documents of a batch
(in-batch negatives): each query should find its own document among them. Other documents that are labelled relevant to
the query do not count as negatives, and a graded score weighs its pair.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dropforge_local.vertex.embedding import Vectors, unit

SCALE = np.float32(20.0)  # inverse temperature of the softmax over cosines
LEARNING_RATE = 3e-4  # what a learning-rate multiplier of 1.0 means here
CHECKS = 20  # validations over a training, at least
MOST_STEPS_UNCHECKED = 50
PATIENCE = 0.25  # share of the steps that may bring no gain before a training ends early
LEAST_GAIN = 1e-4
NEVER = np.float32(-1e9)  # a similarity that no softmax sees


@dataclass(frozen=True)
class Pairs:
    """Relevant pairs: row of the query, row of the document, and weight, one entry a pair."""

    queries: npt.NDArray[np.intp]
    documents: npt.NDArray[np.intp]
    weights: Vectors

    def __len__(self) -> int:
        return len(self.queries)


@dataclass(frozen=True)
class Settings:
    """`symmetric` asks that a document find its query as well; `dimensions` is the length of the tuned vectors."""

    steps: int
    batch_size: int
    learning_rate_multiplier: float
    dimensions: int
    symmetric: bool
    seed: int


@dataclass(frozen=True)
class Check:
    """One validation during training: mean loss since the one before, and the validation figure."""

    step: int
    loss: float
    validation: float


@dataclass(frozen=True)
class Tuned:
    """The best map seen, after how many steps, and every validation. `step` 0 is the base: nothing was better."""

    matrix: Vectors
    step: int
    checks: list[Check]


def tune(
    queries: Vectors,
    documents: Vectors,
    pairs: Pairs,
    *,
    settings: Settings,
    validate: Callable[[Vectors], float],
    report: Callable[[Check], None],
) -> Tuned:
    """Learn the map whose `validate` figure is highest; the identity when none beats it (do no harm)."""
    matrix = identity(queries.shape[1], settings.dimensions)
    optimizer = Adam(matrix.shape, LEARNING_RATE * settings.learning_rate_multiplier)
    best = Tuned(matrix.copy(), 0, [])
    checks = [Check(0, 0.0, validate(matrix))]
    highest, losses = checks[0].validation, []
    relevant = relevance(pairs)
    every = min(max(1, settings.steps // CHECKS), MOST_STEPS_UNCHECKED)
    for step, batch in enumerate(batches(len(pairs), settings), start=1):
        loss, gradient = loss_and_gradient(matrix, queries, documents, take(pairs, batch), relevant, settings)
        if not np.isfinite(loss):
            break  # it diverged: the best map so far is what there is
        matrix -= optimizer.update(gradient)
        losses.append(loss)
        if step % every and step != settings.steps:
            continue
        checks.append(Check(step, float(np.mean(losses)), validate(matrix)))
        report(checks[-1])
        losses.clear()
        if checks[-1].validation > highest + LEAST_GAIN:
            highest, best = checks[-1].validation, Tuned(matrix.copy(), step, [])
        elif step >= best.step + PATIENCE * settings.steps:
            break
    return Tuned(best.matrix, best.step, checks)


def identity(base_dimensions: int, dimensions: int) -> Vectors:
    """The map that changes nothing but the length of the vectors."""
    return np.eye(base_dimensions, dimensions, dtype=np.float32)


def relevance(pairs: Pairs) -> npt.NDArray[np.int64]:
    """Sorted keys of all relevant (query, document) pairs, to find negatives that are in fact relevant."""
    return np.unique(_keys(pairs.queries, pairs.documents))


def _keys(queries: npt.NDArray[np.intp], documents: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    return (queries.astype(np.int64) << 32) | documents.astype(np.int64)


def take(pairs: Pairs, rows: npt.NDArray[np.intp]) -> Pairs:
    """Some of the pairs."""
    return Pairs(pairs.queries[rows], pairs.documents[rows], pairs.weights[rows])


def batches(count: int, settings: Settings) -> Iterator[npt.NDArray[np.intp]]:
    """`settings.steps` batches of row numbers, epoch after epoch, each epoch in a new order."""
    generator = np.random.default_rng(settings.seed)
    size = min(settings.batch_size, count)
    order = generator.permutation(count)
    for _ in range(settings.steps):
        if len(order) < size:
            order = np.concatenate([order, generator.permutation(count)])
        yield order[:size]
        order = order[size:]


def loss_and_gradient(
    matrix: Vectors,
    queries: Vectors,
    documents: Vectors,
    batch: Pairs,
    relevant: npt.NDArray[np.int64],
    settings: Settings,
) -> tuple[float, Vectors]:
    """The weighted mean loss of a batch and its gradient with respect to the map."""
    query_inputs, document_inputs = queries[batch.queries], documents[batch.documents]
    query_sides, document_sides = query_inputs @ matrix, document_inputs @ matrix
    query_units, document_units = unit(query_sides), unit(document_sides)
    similarities = SCALE * (query_units @ document_units.T)
    keys = _keys(batch.queries[:, None], batch.documents[None, :])
    places = np.minimum(np.searchsorted(relevant, keys), len(relevant) - 1)
    masked = relevant[places] == keys
    np.fill_diagonal(masked, val=False)
    similarities[masked] = NEVER
    weights = batch.weights / batch.weights.sum()

    loss, by_similarity = _cross_entropy(similarities, weights)
    if settings.symmetric:
        backward_loss, backward = _cross_entropy(similarities.T, weights)
        loss, by_similarity = (loss + backward_loss) / 2, (by_similarity + backward.T) / np.float32(2)
    by_similarity *= SCALE
    gradient = query_inputs.T @ _through_unit(by_similarity @ document_units, query_sides, query_units)
    gradient += document_inputs.T @ _through_unit(by_similarity.T @ query_units, document_sides, document_units)
    return loss, gradient


def _cross_entropy(similarities: Vectors, weights: Vectors) -> tuple[float, Vectors]:
    """The loss of finding column i in row i, and its gradient with respect to the similarities."""
    shifted = similarities - similarities.max(axis=1, keepdims=True)
    exponents = np.exp(shifted)
    totals = exponents.sum(axis=1, keepdims=True)
    losses = np.log(totals[:, 0]) - np.diagonal(shifted)
    gradient = exponents / totals
    np.einsum("ii->i", gradient)[:] -= 1
    return float(weights @ losses), np.asarray(gradient * weights[:, None], dtype=np.float32)


def _through_unit(by_unit: Vectors, sides: Vectors, units: Vectors) -> Vectors:
    """Take a gradient with respect to unit vectors back to the vectors before normalising."""
    lengths = np.maximum(np.linalg.norm(sides, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    along = (by_unit * units).sum(axis=1, keepdims=True)
    return np.asarray((by_unit - along * units) / lengths, dtype=np.float32)


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, with its published constants."""

    FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, shape: tuple[int, ...], rate: float) -> None:
        self._rate = rate
        self._mean = np.zeros(shape, dtype=np.float32)
        self._variance = np.zeros(shape, dtype=np.float32)
        self._steps = 0

    def update(self, gradient: Vectors) -> Vectors:
        """What to subtract from the parameters."""
        self._steps += 1
        self._mean += (1 - self.FIRST) * (gradient - self._mean)
        self._variance += (1 - self.SECOND) * (gradient**2 - self._variance)
        mean = self._mean / (1 - self.FIRST**self._steps)
        variance = self._variance / (1 - self.SECOND**self._steps)
        return np.asarray(self._rate * mean / (np.sqrt(variance) + self.EPSILON), dtype=np.float32)
