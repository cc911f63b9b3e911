"""The gate: whether a tuned model is good enough to be served. docs/gate.md says how it decides, and why so.

It compares nDCG@10 on held-out queries: query by query where the models themselves were asked for vectors
(`judge_measured`), else by the averages of the pipeline's own evaluator (`judge_averages`), which tell much less.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum, sqrt
from statistics import NormalDist
from typing import Literal

from dropforge.domain.evaluation import NDCG, Measured
from dropforge.domain.facts import Comparison, Example, Judgement, Verdict
from dropforge.domain.tuning import DeployPolicy

Against = Literal["base", "deployed"]

FEWEST_TELLING_QUERIES = 30  # below this many test queries an interval is wider than any likely gain
# The standard deviation of the queries' differences, where only averages are known: measured 0.09 to 0.36 (docs/gate.md).
SPREAD = 0.5

_NDCG = re.compile(r"ndcg[^a-z0-9]*(at)?[^a-z0-9]*10(?![0-9])")
_VALIDATION = re.compile(r"(?<!e)val")  # but not evaluation
_CAREFUL = (Verdict.WORSE, Verdict.INSUFFICIENT, Verdict.NOT_WORSE, Verdict.BETTER)  # the most careful first
_AGAINST: Mapping[str, str] = {"base": " against the base model", "deployed": " against the deployed model"}
_SO: Mapping[Verdict, str] = {
    Verdict.NOT_WORSE: ": no loss of more than {margin}",
    Verdict.INSUFFICIENT: ": too uncertain to rule out a loss of more than {margin}",
}
_PASSING: Mapping[DeployPolicy, frozenset[Verdict]] = {
    "unless_worse": frozenset({Verdict.BETTER, Verdict.NOT_WORSE, Verdict.INSUFFICIENT}),
    "only_if_better": frozenset({Verdict.BETTER}),
    "always": frozenset(Verdict),
    "manual": frozenset(),  # a person approves it
    "never": frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """What the operator sets.

    Attributes:
        fewest_queries: Held-out queries; with fewer, the verdict is `insufficient`.
        margin: A loss of nDCG@10 that does not matter.
        confidence: The confidence of an interval.
        seed: The seed of the sample and of the resampling.
        most_queries: Held-out queries that each model is asked for, at most.
        most_documents: Documents that they have to find theirs among, at most.
    """

    fewest_queries: int = FEWEST_TELLING_QUERIES
    margin: float = 0.01
    confidence: float = 0.95
    seed: int = 0
    most_queries: int = 300
    most_documents: int = 1000


def problems_of_rules(rules: GateRules) -> list[str]:
    """What is wrong with the rules that an operator wrote, in sentences; empty for good ones."""
    wrong = [
        f"{key} is {getattr(rules, key)!r}, but takes {wants}"
        for key, (wants, holds) in _RULES.items()
        if not holds(getattr(rules, key))
    ]
    if not wrong and rules.most_queries < rules.fewest_queries:
        wrong.append(f"most_queries is {rules.most_queries}, less than fewest_queries, {rules.fewest_queries}")
    return wrong


def _whole(least: int, most: int) -> tuple[str, Callable[[object], bool]]:
    return f"a whole number from {least:,} to {most:,}", lambda value: type(value) is int and least <= value <= most


def _number(least: float, most: float) -> tuple[str, Callable[[object], bool]]:
    return f"a number from {least} to {most}", lambda value: type(value) in {int, float} and least <= value <= most


_RULES: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "fewest_queries": _whole(10, 1_000),
    "margin": _number(0, 0.5),
    "confidence": _number(0.5, 0.999),
    "seed": _whole(0, 2**64 - 1),
    "most_queries": _whole(10, 1_000),
    "most_documents": _whole(10, 5_000),
}


def compare(
    tuned: Mapping[str, float],
    other: Mapping[str, float],
    *,
    against: Against,
    model: str,
    rules: GateRules,
) -> Comparison:
    """Compare two models' figures of the same queries.

    Where no figure of any query differs, the tuned model is not worse, however few the queries.

    Args:
        tuned: Query id to the tuned model's figure, within 0 and 1. One query at least.
        other: Query id to the other model's.
        against: Which model that is.
        model: Its id.
        rules: What the operator sets.

    Raises:
        ValueError: The figures are not of the same queries, or there are none.
    """
    from dropforge.domain.intervals import interval_of  # noqa: PLC0415 - numpy takes a tenth of a second to import

    if tuned.keys() != other.keys() or not tuned:
        raise ValueError(f"figures of {len(tuned)} and of {len(other)} queries, not the same: measure with one sample")
    differences = [tuned[query] - other[query] for query in tuned]
    low, high = interval_of(differences, confidence=rules.confidence, seed=rules.seed)
    return Comparison(
        against=against,
        model=model,
        figure=fsum(other.values()) / len(other),
        gain=fsum(differences) / len(differences),
        low=low,
        high=high,
        verdict=_verdict(low, high, rules.margin) if any(differences) else Verdict.NOT_WORSE,
    )


def judge_measured(
    tuned: Measured,
    base: Measured | None,
    deployed: Measured | None,
    *,
    base_model: str,
    space: str,
    rules: GateRules,
    examples: tuple[Example, ...] = (),
    report: str = "",
) -> Judgement:
    """Judge by what the models' own vectors are worth: the most careful verdict of the comparisons holds.

    Args:
        tuned: What the tuned model's vectors are worth.
        base: What the base model's are; None where it was not measured.
        deployed: What those of the model that readers use now are; None where there is none, or it was not measured.
        base_model: The base model's id.
        space: The deployed model's space.
        rules: What the operator sets.
        examples: Queries to show with the verdict.
        report: Where the figures of every query are.

    Raises:
        ValueError: The models were not measured with one sample.
    """
    models: Mapping[Against, tuple[str, Measured | None]] = {"base": (base_model, base), "deployed": (space, deployed)}
    queries = len(tuned.figures)
    comparisons = [
        compare(tuned.ndcg, other.ndcg, against=against, model=model, rules=rules)
        for against, (model, other) in models.items()
        if other and queries
    ]
    verdict, because = _concluded(comparisons, queries, rules)
    means = {against: other.means for against, (_, other) in models.items() if other} | {"tuned": tuned.means}
    return Judgement(
        verdict=verdict,
        metric=NDCG,
        base=means.get("base", {}).get(NDCG),
        tuned=tuned.means.get(NDCG),
        because=because,
        measured=True,
        queries=queries,
        documents=tuned.documents,
        figures=means,
        comparisons=_told(comparisons, queries, rules),
        examples=examples,
        report=report,
    )


def judge_averages(metrics: Mapping[str, float], *, queries: int, rules: GateRules, base_model: str = "") -> Judgement:
    """Judge by the averages that the pipeline's evaluator wrote.

    The figures of single queries are not known: their differences are assumed to have a standard deviation of `SPREAD`.

    Args:
        metrics: As the evaluator wrote them. Its keys are undocumented: nDCG@10 of base and tuned on the test queries,
            a number from 0 to 1, is found by the words in the key.
        queries: How many test queries the averages are of; 0 where it is not known.
        rules: What the operator sets.
        base_model: The base model's id.
    """
    base, tuned = _figure(metrics, "base"), _figure(metrics, "tuned")
    if base is None or tuned is None:
        because = "the pipeline measured no nDCG@10 of base and tuned on test queries"
        return insufficient(metrics, because=because, queries=queries)
    if not queries:
        return insufficient(metrics, because="it is not known how many test queries the pipeline measured with")
    reach = NormalDist().inv_cdf((1 + rules.confidence) / 2) * SPREAD / sqrt(queries)
    low, high = max(-1.0, tuned - base - reach), min(1.0, tuned - base + reach)
    comparison = Comparison(
        against="base",
        model=base_model,
        figure=base,
        gain=tuned - base,
        low=low,
        high=high,
        verdict=_verdict(low, high, rules.margin),
    )
    verdict, because = _concluded([comparison], queries, rules, f"the pipeline's average {NDCG}")
    return Judgement(
        verdict=verdict,
        metric=NDCG,
        base=base,
        tuned=tuned,
        because=because,
        queries=queries,
        figures={"base": {NDCG: base}, "tuned": {NDCG: tuned}},
        comparisons=_told([comparison], queries, rules),
    )


def insufficient(metrics: Mapping[str, float], *, because: str, queries: int = 0) -> Judgement:
    """The verdict `insufficient`, with the pipeline's figures: the test queries prove nothing about any model.

    Args:
        metrics: As the evaluator wrote them.
        because: The reason, in a sentence.
        queries: How many test queries there are; 0 where it is not known.
    """
    return Judgement(
        verdict=Verdict.INSUFFICIENT,
        metric=NDCG,
        base=_figure(metrics, "base"),
        tuned=_figure(metrics, "tuned"),
        because=because,
        queries=queries,
    )


def passes(judgement: Judgement, policy: DeployPolicy) -> bool:
    """Whether the policy deploys a model with this verdict by itself."""
    return judgement.verdict in _PASSING[policy]


def screened(averages: Judgement) -> bool:
    """Whether the pipeline's averages say for certain that the model is worse: no endpoint needs to be paid for to see it."""
    return not averages.measured and averages.verdict is Verdict.WORSE


def may_pass(averages: Judgement, policy: DeployPolicy, *, measurable: bool) -> bool:
    """Whether a model could pass once it is served: an endpoint bills, and is not made for one that cannot.

    Args:
        averages: What the pipeline's own averages tell.
        policy: The dataset's.
        measurable: Whether measuring it would tell more.
    """
    is_settled = screened(averages) or not measurable
    return not _PASSING[policy].isdisjoint({averages.verdict} if is_settled else Verdict)


def _verdict(low: float, high: float, margin: float) -> Verdict:
    if low > 0:
        return Verdict.BETTER
    if low >= -margin:
        return Verdict.NOT_WORSE
    return Verdict.WORSE if high < 0 else Verdict.INSUFFICIENT


def _told(comparisons: Sequence[Comparison], queries: int, rules: GateRules) -> tuple[Comparison, ...]:
    """The comparisons; with too few queries, each of them is `insufficient`, as all of them together are."""
    if queries >= rules.fewest_queries:
        return tuple(comparisons)
    return tuple(replace(comparison, verdict=Verdict.INSUFFICIENT) for comparison in comparisons)


def _concluded(
    comparisons: Sequence[Comparison], queries: int, rules: GateRules, what: str = NDCG
) -> tuple[Verdict, str]:
    if queries < rules.fewest_queries:
        return Verdict.INSUFFICIENT, f"fewer than {rules.fewest_queries} test queries cannot tell"
    if not comparisons:
        return Verdict.INSUFFICIENT, "no other model was measured to compare with"
    verdict = min((comparison.verdict for comparison in comparisons), key=_CAREFUL.index)
    alone = [each.against for each in comparisons] == ["base"]
    changes = [_changed(each) + ("" if alone else _AGAINST[each.against]) for each in comparisons]
    so = _SO.get(verdict, "").format(margin=f"{rules.margin:g}")
    return verdict, f"{what} {' and '.join(changes)} over {queries:,} held-out queries{so}"


def _changed(comparison: Comparison) -> str:
    gain, low, high = comparison.gain, comparison.low, comparison.high
    if comparison.verdict is Verdict.BETTER:
        return f"rose by {gain:.3f} ({low:.3f} to {high:.3f})"
    if comparison.verdict is Verdict.WORSE:
        return f"fell by {-gain:.3f} ({-high:.3f} to {-low:.3f})"
    return f"changed by {gain:+.3f} ({low:+.3f} to {high:+.3f})"


def _figure(metrics: Mapping[str, float], which: str) -> float | None:
    fitting = {
        key.lower(): value
        for key, value in metrics.items()
        if 0 <= value <= 1
        and which in key.lower()
        and _NDCG.search(key.lower())
        and not _VALIDATION.search(key.lower())
    }
    on_test = [value for key, value in fitting.items() if "test" in key]
    return next(iter(on_test or fitting.values()), None)
