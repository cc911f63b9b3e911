"""The gate's verdict follows from the figures and their interval, and the policy from the verdict."""

import doctest
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.repeating import said_whatever_the_hashes

from dropforge.domain.evaluation import MEASURES, NDCG, Measured
from dropforge.domain.facts import Judgement, Verdict
from dropforge.domain.gate import (
    SPREAD,
    GateRules,
    compare,
    insufficient,
    judge_averages,
    judge_measured,
    passes,
    problems_of_rules,
    screened,
)
from dropforge.domain.intervals import interval_of

RULES = GateRules()
ROSE, OVER = "rose by 0.200 (0.164 to 0.236)", "over 40 held-out queries"
BASE = {"base_ndcg_at_10": 0.5}

figures = st.lists(st.sampled_from([0.0, 0.387, 0.431, 0.5, 0.631, 1.0]), min_size=30, max_size=60)
changes = st.lists(st.sampled_from([-0.369, -0.1, 0.0, 0.1, 0.369]), min_size=60, max_size=60)


def measured_with(figures, documents=500):
    by_query = {f"q{n:04}": dict.fromkeys(MEASURES, value) for n, value in enumerate(figures)}
    return Measured(figures=by_query, ranks=dict.fromkeys(by_query), documents=documents)


def judged(tuned, base=None, deployed=None, rules=RULES):
    models = [None if model is None else measured_with(model) for model in (tuned, base, deployed)]
    return judge_measured(*models, base_model="text-embedding-005", space="space-1", rules=rules)


def against(differences, size=0.5):
    """The tuned model's and another one's figures, which differ by this."""
    return [size + difference for difference in differences], [size] * len(differences)


@given(figures)
@settings(max_examples=20, deadline=None)
def test_a_model_is_not_worse_than_itself(figures):
    judgement = judged(figures, figures)
    assert judgement.verdict is Verdict.NOT_WORSE
    assert judgement.comparisons[0].gain == 0


@given(figures, st.sampled_from([0.2, 0.4]))
@settings(max_examples=20, deadline=None)
def test_a_clear_gain_is_better_and_a_clear_loss_is_worse(figures, step):
    lower = [value * (1 - step) for value in figures]
    raised = [value + step * (1 - value) for value in figures]
    assert judged(raised, figures).verdict is Verdict.BETTER
    if sum(figures) > len(figures) / 3:
        assert judged(lower, figures).verdict is Verdict.WORSE


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.1] * 150 + [-0.01] * 150, Verdict.BETTER),
        ([0.02] * 149 + [-0.02] * 151, Verdict.NOT_WORSE),
        ([-0.004] * 10_000, Verdict.NOT_WORSE),  # it fell for certain, by less than matters
        ([-0.1] * 150 + [0.01] * 150, Verdict.WORSE),
        ([0.4] * 150 + [-0.4] * 150, Verdict.INSUFFICIENT),
        ([0.4] * 15 + [-0.3] * 15, Verdict.INSUFFICIENT),
        ([1.0] + [0.0] * 29, Verdict.INSUFFICIENT),  # one query of thirty proves nothing
        ([-1.0] + [0.0] * 29, Verdict.INSUFFICIENT),
    ],
)
def test_the_interval_decides(differences, verdict):
    judgement = judged(*against(differences, 0.5 if max(map(abs, differences)) < 1 else 0.0))
    assert judgement.verdict is verdict
    assert judgement.comparisons[0].low < judgement.comparisons[0].gain < judgement.comparisons[0].high


def test_the_same_gain_is_better_over_many_queries_and_noise_over_few():
    differences = [0.2, -0.15, 0.0, 0.05]
    assert judged(*against(differences * 8)).verdict is Verdict.INSUFFICIENT
    assert judged(*against(differences * 250)).verdict is Verdict.BETTER


def test_nine_queries_are_insufficient_whatever_they_say():
    judgement = judged([1.0] * 9, [0.0] * 9)
    assert judgement.verdict is Verdict.INSUFFICIENT
    assert [each.verdict for each in judgement.comparisons] == [Verdict.INSUFFICIENT]
    assert (judgement.base, judgement.tuned, judgement.queries) == (0, 1, 9)
    assert judgement.because == "fewer than 30 test queries cannot tell"


def test_the_operator_says_how_many_queries_are_enough():
    rules = GateRules(fewest_queries=10)
    assert judged([1.0] * 10, [0.0] * 10, rules=rules).verdict is Verdict.BETTER
    assert judged([1.0] * 9, [0.0] * 9, rules=rules).verdict is Verdict.INSUFFICIENT


def test_the_operator_says_what_loss_does_not_matter():
    figures = against([-0.02] * 299 + [-0.03])
    assert judged(*figures).verdict is Verdict.WORSE
    assert judged(*figures, rules=GateRules(margin=0.05)).verdict is Verdict.NOT_WORSE


@given(changes, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_queries_does_not_matter(changes, chance):
    tuned, base = (dict(enumerate(side)) for side in against(changes))
    order = chance.sample(sorted(tuned), len(tuned))
    told = {"against": "base", "model": "m", "rules": RULES}
    assert compare(tuned, base, **told) == compare(
        {q: tuned[q] for q in order}, {q: base[q] for q in order[::-1]}, **told
    )


@given(changes)
@settings(max_examples=25, deadline=None)
def test_the_most_careful_comparison_decides(changes):
    careful = [Verdict.WORSE, Verdict.INSUFFICIENT, Verdict.NOT_WORSE, Verdict.BETTER]
    tuned, base = against(changes)
    deployed = [0.5 - difference / 2 for difference in changes]
    both = judged(tuned, base, deployed)
    alone = [judged(tuned, base).verdict, judged(tuned, None, deployed).verdict]
    assert [each.verdict for each in both.comparisons] == alone
    assert both.verdict is min(alone, key=careful.index)


def test_a_judgement_says_what_was_compared():
    tuned, base, deployed = [0.9] * 40, [0.6] * 20 + [0.7] * 20, [0.95] * 40
    judgement = judged(tuned, base, deployed)
    assert judgement.verdict is Verdict.WORSE
    assert (judgement.measured, judgement.queries, judgement.documents) == (True, 40, 500)
    assert judgement.figures == {
        "base": pytest.approx(dict.fromkeys(MEASURES, 0.65)),
        "deployed": pytest.approx(dict.fromkeys(MEASURES, 0.95)),
        "tuned": pytest.approx(dict.fromkeys(MEASURES, 0.9)),
    }
    first, second = judgement.comparisons
    assert (first.against, first.model, first.verdict) == ("base", "text-embedding-005", Verdict.BETTER)
    assert (second.against, second.model, second.verdict) == ("deployed", "space-1", Verdict.WORSE)
    assert (first.gain, second.figure) == pytest.approx((0.25, 0.95))


@pytest.mark.parametrize(
    ("base", "deployed", "told"),
    [
        ([0.3] * 40, None, f"nDCG@10 {ROSE} {OVER}"),
        ([0.7] * 40, None, f"nDCG@10 fell by 0.200 (0.164 to 0.236) {OVER}"),
        (
            [0.5] * 40,
            None,
            f"nDCG@10 changed by +0.000 (-0.036 to +0.036) {OVER}: no loss of more than 0.01",
        ),
        (
            [0.51] * 40,
            None,
            f"nDCG@10 changed by -0.010 (-0.046 to +0.026) {OVER}: too uncertain to rule out a loss of more than 0.01",
        ),
        (
            [0.3] * 40,
            [0.7] * 40,
            f"nDCG@10 {ROSE} against the base model and fell by 0.200 (0.164 to 0.236) against the deployed model {OVER}",
        ),
        (
            None,
            [0.3] * 40,
            f"nDCG@10 {ROSE} against the deployed model {OVER}",
        ),
        (None, None, "no other model was measured to compare with"),
    ],
)
def test_a_judgement_gives_its_reason_in_a_sentence(base, deployed, told):
    assert judged([0.5] * 40, base, deployed).because == told


def test_without_another_model_nothing_is_told():
    assert judged([0.9] * 40).verdict is Verdict.INSUFFICIENT
    assert judged([], []).verdict is Verdict.INSUFFICIENT


def test_figures_of_other_queries_are_a_mistake():
    with pytest.raises(ValueError, match="measure with one sample"):
        judged([0.5] * 40, [0.5] * 41)


def test_the_verdict_is_the_same_in_every_process():
    program = (
        "from dropforge.domain.gate import GateRules, compare; names = {f'q{n}' for n in range(300)};"
        "one, other = {q: int(q[1:]) % 7 / 7 for q in names}, {q: int(q[1:]) % 11 / 11 for q in names};"
        "print(compare(one, other, against='base', model='m', rules=GateRules()))"
    )
    assert "Comparison(" in said_whatever_the_hashes(program)


def test_another_seed_draws_anew():
    differences = [0.1, -0.2, 0.3, 0.0] * 20
    assert interval_of(differences, confidence=0.95, seed=1) != interval_of(differences, confidence=0.95, seed=2)


@pytest.mark.parametrize(("size", "share"), [(30, 0.05), (100, 0.36), (300, 0.05)])
def test_the_interval_holds_the_true_mean_nearly_always(size, share):
    """Of 200 samples whose interval holds it in 19 of 20, 181 and more do in 99.8 % of all tries; the seeds are fixed."""
    chance, held = np.random.default_rng(size), 0
    for trial in range(200):
        changed = chance.random(size) < share
        steps = chance.choice([0.369, 0.5, 1.0, -0.369, -0.5], size, p=[0.3, 0.2, 0.2, 0.2, 0.1])
        low, high = interval_of(changed * steps, confidence=0.95, seed=trial)
        held += low <= share * (0.3 * 0.369 + 0.2 * 0.5 + 0.2 - 0.2 * 0.369 - 0.1 * 0.5) <= high
    assert held >= 181


def test_more_confidence_is_a_wider_interval():
    differences = [0.1, -0.2, 0.3, 0.0] * 20
    narrow, wide = (interval_of(differences, confidence=confidence, seed=0) for confidence in (0.8, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize(
    ("tuned", "queries", "verdict"),
    [
        (0.8, 300, Verdict.BETTER),
        (0.54, 300, Verdict.INSUFFICIENT),
        (0.55, 300, Verdict.NOT_WORSE),
        (0.55, 400, Verdict.BETTER),
        (0.5, 300, Verdict.INSUFFICIENT),
        (0.5, 10_000, Verdict.NOT_WORSE),
        (0.4, 300, Verdict.WORSE),
        (0.4, 80, Verdict.INSUFFICIENT),
        (0.9, 29, Verdict.INSUFFICIENT),
        (0.9, 0, Verdict.INSUFFICIENT),
    ],
)
def test_averages_tell_what_their_widest_interval_tells(tuned, queries, verdict):
    judgement = judge_averages(BASE | {"tuned_ndcg_at_10": tuned}, queries=queries, rules=RULES)
    assert (judgement.verdict, judgement.base, judgement.tuned, judgement.measured) == (verdict, 0.5, tuned, False)
    assert screened(judgement) is (verdict is Verdict.WORSE)


def test_averages_say_that_they_are_the_pipeline_s():
    judgement = judge_averages(BASE | {"tuned_ndcg_at_10": 0.8}, queries=300, rules=RULES, base_model="b")
    assert (
        judgement.because == "the pipeline's average nDCG@10 rose by 0.300 (0.243 to 0.357) over 300 held-out queries"
    )
    assert judgement.comparisons[0].model == "b"
    assert judgement.figures == {"base": {NDCG: 0.5}, "tuned": {NDCG: 0.8}}


@given(figures)
@settings(max_examples=25, deadline=None)
def test_averages_are_never_surer_than_the_queries_they_are_of(figures):
    """As long as the queries' differences vary less than is taken for granted."""
    base = [0.4] * len(figures)
    seen = judged(figures, base).comparisons[0]
    metrics = {"base_ndcg_at_10": seen.figure, "tuned_ndcg_at_10": seen.figure + seen.gain}
    averages = judge_averages(metrics, queries=len(figures), rules=RULES).comparisons[0]
    assert np.std(figures, ddof=1) < SPREAD * 1.05
    assert averages.high - averages.low > (seen.high - seen.low) * 0.9


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        BASE,
        {"validation_base_ndcg_at_10": 0.1, "validation_tuned_ndcg_at_10": 0.9},
        BASE | {"tuned_ndcg_at_10": float("nan")},
        BASE | {"tuned_ndcg_at_10": 71.3},
        BASE | {"tuned_ndcg_at_100": 0.9},
    ],
)
def test_averages_without_both_figures_on_test_queries_are_insufficient(metrics):
    judgement = judge_averages(metrics, queries=300, rules=RULES)
    assert judgement.verdict is Verdict.INSUFFICIENT
    assert judgement.because == "the pipeline measured no nDCG@10 of base and tuned on test queries"


@pytest.mark.parametrize(
    "metrics",
    [
        {"val_Base_nDCG@10": 0.1, "Test Base nDCG@10": 0.2, "test_tuned_nDCG@10": 0.3, "test_tuned_R@10": 0.9},
        {"evaluation/base/ndcg10": 0.2, "evaluation/tuned/ndcg10": 0.3, "evaluation/tuned/ndcg100": 0.4},
        {"base_ndcg_at_10": 0.9, "test.base.ndcg-at-10": 0.2, "tuned_ndcg_at_10": 0.9, "test.tuned.ndcg-at-10": 0.3},
    ],
)
def test_the_figures_on_test_queries_are_found_by_the_words_in_their_keys(metrics):
    judgement = judge_averages(metrics, queries=300, rules=RULES)
    assert (judgement.base, judgement.tuned) == (0.2, 0.3)


def test_what_proves_nothing_is_told_with_the_pipeline_s_figures():
    judgement = insufficient(BASE | {"tuned_ndcg_at_10": 0.9}, because="test queries were trained on", queries=40)
    assert (judgement.verdict, judgement.base, judgement.tuned) == (Verdict.INSUFFICIENT, 0.5, 0.9)
    assert (judgement.because, judgement.queries) == ("test queries were trained on", 40)


@pytest.mark.parametrize(
    ("policy", "deployed"),
    [
        ("unless_worse", {Verdict.BETTER, Verdict.NOT_WORSE, Verdict.INSUFFICIENT}),
        ("only_if_better", {Verdict.BETTER}),
        ("always", set(Verdict)),
        ("manual", set()),
        ("never", set()),
    ],
)
def test_the_policy_decides_by_the_verdict(policy, deployed):
    told = {verdict: Judgement(verdict=verdict, metric=NDCG, base=None, tuned=None, because="") for verdict in Verdict}
    assert {verdict for verdict, judgement in told.items() if passes(judgement, policy)} == deployed


def test_a_measured_loss_screens_nothing_for_it_has_been_paid_for():
    judgement = judged([0.1] * 40, [0.9] * 40)
    assert judgement.verdict is Verdict.WORSE
    assert not screened(judgement)


def test_good_rules_have_no_problems():
    assert problems_of_rules(RULES) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"fewest_queries": 9}, "fewest_queries is 9, but takes a whole number from 10 to 1,000"),
        ({"fewest_queries": 30.0}, "fewest_queries is 30.0, but takes a whole number from 10 to 1,000"),
        ({"margin": -0.01}, "margin is -0.01, but takes a number from 0 to 0.5"),
        ({"margin": float("nan")}, "margin is nan, but takes a number from 0 to 0.5"),
        ({"confidence": 95}, "confidence is 95, but takes a number from 0.5 to 0.999"),
        ({"seed": True}, f"seed is True, but takes a whole number from 0 to {2**64 - 1:,}"),
        ({"most_queries": 0}, "most_queries is 0, but takes a whole number from 10 to 1,000"),
        ({"most_documents": "all"}, "most_documents is 'all', but takes a whole number from 10 to 5,000"),
        ({"most_queries": 20}, "most_queries is 20, less than fewest_queries, 30"),
    ],
)
def test_wrong_rules_are_told(wrong, told):
    assert problems_of_rules(replace(RULES, **wrong)) == [told]


def test_the_examples_of_the_documentation_are_true():
    page = Path(__file__).parents[2] / "docs/gate.md"
    done = doctest.testfile(str(page), module_relative=False)
    assert done.attempted > 5
    assert done.failed == 0
