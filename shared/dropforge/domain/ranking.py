"""Documents ranked for queries by the cosine of their vectors. It needs numpy, which takes a tenth of a second to import."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dropforge.domain.errors import Refused

Vectors = npt.NDArray[np.float32]

_ROWS = 1_024  # vectors at once in double precision: 6 MB at 768 dimensions
_COSINES = 4_000_000  # at once: 16 MB


def units(vectors: Sequence[Sequence[float]], names: Sequence[str]) -> Vectors:
    """The vectors, one a row, scaled to length one.

    Args:
        vectors: As a model gave them.
        names: What each belongs to, for messages.

    Raises:
        Refused: There is not one for each name; or they differ in length; or one is zero or not finite.
    """
    if len(vectors) != len(names):
        raise Refused(f"{len(vectors):,} vectors were answered for {len(names):,} texts: the model cannot be measured")
    dimensions = len(vectors[0]) if len(vectors) else 0
    rows = np.empty((len(vectors), dimensions), np.float32)
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS]
        for name, vector in zip(names[start:], block, strict=False):
            if len(vector) != dimensions:
                what = f"the vector of {name} has {len(vector)} values, that of {names[0]} {dimensions}"
                raise Refused(f"{what}: the model cannot be measured")
        rows[start : start + _ROWS] = _units(np.array(block, np.float64), names[start:])
    return rows


def _units(block: npt.NDArray[np.float64], names: Sequence[str]) -> npt.NDArray[np.float64]:
    largest = np.abs(block).max(axis=1, keepdims=True, initial=0)  # first to a size whose square is finite
    for wrong, what in ((~np.isfinite(largest), "holds a value that is no finite number"), (largest == 0, "is zero")):
        if wrong.any():
            raise Refused(f"the vector of {names[int(wrong.argmax())]} {what}: the model cannot be measured")
    scaled = block / largest
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True))


def best(queries: Vectors, documents: Vectors, depth: int) -> list[list[int]]:
    """For each query the rows of the documents nearest to it, at most `depth`, the nearest first.

    Of documents equally near, the one in the earlier row comes first: cosines are summed in double precision and
    then rounded to single, so that equal vectors have equal cosines wherever they stand.
    """
    ranked: list[list[int]] = []
    at_once = max(1, _COSINES // max(1, len(documents)))
    for start in range(0, len(queries), at_once):
        cosines = _cosines(queries[start : start + at_once].astype(np.float64), documents)
        ranked += [_first(row, min(depth, len(documents))) for row in cosines]
    return ranked


def _cosines(queries: npt.NDArray[np.float64], documents: Vectors) -> Vectors:
    cosines = np.empty((len(queries), len(documents)), np.float32)
    for start in range(0, len(documents), _ROWS):
        cosines[:, start : start + _ROWS] = queries @ documents[start : start + _ROWS].astype(np.float64).T
    return cosines


def _first(cosines: Vectors, depth: int) -> list[int]:
    if not depth:
        return []
    bar = np.partition(cosines, -depth)[-depth]
    near = np.flatnonzero(cosines >= bar)
    return [int(row) for row in near[np.argsort(-cosines[near], kind="stable")][:depth]]
