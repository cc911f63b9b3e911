"""The gate: whether a tuned model is good enough to be served.

It compares the figures that the pipeline's own evaluator measured on the held-out queries. They are averages: an
interval needs the figures of single queries, which Vertex's pipeline does not give. Until those are measured through
predict, a difference smaller than `NOISE` counts as none, and `test_gate.py` holds a strict expected failure that
turns when an interval decides.
"""

import re
from collections.abc import Mapping

from dropforge.domain.runs import Judgement, Verdict
from dropforge.domain.tuning import DeployPolicy

FEWEST_TELLING_QUERIES = 30  # below this many test queries an interval is wider than any likely gain
NOISE = 0.01  # nDCG@10; the standard error of a mean over some hundred queries
_NDCG = re.compile(r"ndcg(at)?10")

_PASSING: Mapping[DeployPolicy, frozenset[Verdict]] = {
    "unless_worse": frozenset({Verdict.BETTER, Verdict.NOT_WORSE, Verdict.INSUFFICIENT}),
    "only_if_better": frozenset({Verdict.BETTER}),
    "always": frozenset(Verdict),
    "never": frozenset(),
}


def judge(metrics: Mapping[str, float], *, too_few: bool, trained_on: bool) -> Judgement:
    """Give the verdict.

    Args:
        metrics: As the evaluator wrote them. Its keys are undocumented: nDCG@10 of base and tuned on the test queries
            is found by the words in the key.
        too_few: Whether the test queries are too few to tell.
        trained_on: Whether test queries were trained on, so that a gain proves nothing.
    """
    base, tuned = _figure(metrics, "base"), _figure(metrics, "tuned")

    def verdict(word: Verdict, because: str) -> Judgement:
        return Judgement(verdict=word, metric="nDCG@10", base=base, tuned=tuned, because=because)

    if base is None or tuned is None:
        return verdict(Verdict.INSUFFICIENT, "the pipeline measured no nDCG@10 of base and tuned on test queries")
    if trained_on:
        return verdict(Verdict.INSUFFICIENT, "test queries were trained on, so the figures prove nothing")
    if too_few:
        return verdict(Verdict.INSUFFICIENT, f"fewer than {FEWEST_TELLING_QUERIES} test queries cannot tell")
    gain = tuned - base
    if gain > NOISE:
        return verdict(Verdict.BETTER, f"nDCG@10 rose by {gain:.3f}")
    if gain < -NOISE:
        return verdict(Verdict.WORSE, f"nDCG@10 fell by {-gain:.3f}")
    return verdict(Verdict.NOT_WORSE, f"nDCG@10 changed by {gain:+.3f}, less than noise ({NOISE})")


def passes(judgement: Judgement, policy: DeployPolicy) -> bool:
    """Whether the policy deploys a model with this verdict."""
    return judgement.verdict in _PASSING[policy]


def _figure(metrics: Mapping[str, float], which: str) -> float | None:
    plain = {re.sub(r"[^a-z0-9]", "", key.lower()): value for key, value in metrics.items()}
    fitting = [key for key in plain if _NDCG.search(key) and which in key and "val" not in key]
    best = next((key for key in fitting if "test" in key), fitting[0] if fitting else None)
    return plain[best] if best is not None else None
