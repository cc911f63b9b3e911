"""How far the mean of a few hundred differences can be trusted: a bootstrap interval. It needs numpy, as `ranking` does."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

RESAMPLES = 10_000
UNSEEN = 0.5  # by how much a query that changes at all changes: measured, see docs/gate.md

_DRAWS = 500_000  # at once: 8 MB
_NORMAL = NormalDist()


def interval_of(differences: Sequence[float], *, confidence: float, seed: int) -> tuple[float, float]:
    """Ends of the interval that holds the true mean of paired differences with this confidence, within -1 and 1.

    A bootstrap, percentile interval, with two corrections for small and sparse samples (docs/gate.md has the reasons and
    the measured coverage): to the differences seen two more are added, `UNSEEN` above and below their mean; and the
    percentiles are those at which the interval of a normal sample is as wide as Student's.

    The order of the differences does not matter.

    Args:
        differences: The differences of the queries' figures, each within -1 and 1; one at least.
        confidence: Between 0 and 1.
        seed: The seed of the resampling.
    """
    seen = np.sort(np.asarray(differences, np.float64))  # a sum depends on the order, to the last bit
    mean = float(seen.mean())
    sample = np.concatenate([seen, [mean - UNSEEN, mean + UNSEEN]])
    share = _expanded((1 - confidence) / 2, len(sample))
    low, high = np.quantile(_means(sample, seed), [share, 1 - share])
    return max(-1.0, min(float(low), mean)), min(1.0, max(float(high), mean))


def _means(
    sample: np.ndarray[tuple[int], np.dtype[np.float64]], seed: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    chance, size = np.random.default_rng(seed), len(sample)
    means = np.empty(RESAMPLES)
    rows = max(1, _DRAWS // size)
    for start in range(0, RESAMPLES, rows):
        drawn = chance.integers(0, size, (min(rows, RESAMPLES - start), size), dtype=np.int32)
        means[start : start + rows] = sample[drawn].mean(axis=1)
    return means


def _expanded(share: float, size: int) -> float:
    """The tail to cut off: T. Hesterberg, "What Teachers Should Know About the Bootstrap", 2015.

    Student's quantile by its expansion in the normal one (Abramowitz and Stegun 26.7.5), to 0.001 from 30 on.
    """
    z, freedom = _NORMAL.inv_cdf(1 - share), size - 1
    student = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return _NORMAL.cdf(-student * (size / freedom) ** 0.5)
