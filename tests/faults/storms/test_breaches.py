"""The invariants of a storm can fail: each breach of them is told."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from faults.storms.facts import Facts, headlines, ids
from faults.storms.invariants import check

from dropforge.domain.facts import Checked, Serving, Tuned
from dropforge.domain.runs import Run, State, Step
from dropforge.domain.tuning import Tuning

AT = datetime(2026, 11, 2, tzinfo=UTC)
STATES = ("validating", "validated", "submitted", "succeeded", "deploying", "deployed")
HISTORY = tuple(Step(state=State(state), at=AT, function="f", event="e") for state in STATES)
RUN = Run(
    id="topics-1",
    dataset="topics",
    version="1",
    dropped_at=AT,
    pins=(),
    tuning=Tuning(),
    state=State.DEPLOYED,
    history=HISTORY,
    checked=Checked(counts={}, findings=(), rows={}, report=""),
    job="job",
    tuned=Tuned(model="model", metrics={}),
    serving=Serving(endpoint="endpoint", deployed_model="7"),
)
GOOD = Facts(
    dropped=frozenset({"topics"}),
    runs=(RUN,),
    jobs=Counter({RUN.id: 1}),
    models={RUN.id: ["7"]},
    active=(),
    heard=Counter(ids(RUN)),
    told=Counter(headlines(RUN)),
    dead=(),
    seconds=0,
)


def test_a_storm_that_did_no_harm_is_fine():
    check(GOOD, expected=State.DEPLOYED)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"jobs": Counter({RUN.id: 2})}, "2 jobs carry its label"),
        ({"jobs": Counter()}, "0 jobs carry its label"),
        ({"jobs": Counter({RUN.id: 1, "other-1": 1})}, "a job of other-1"),
        ({"models": {RUN.id: ["7", "8"]}}, "are deployed, not"),
        ({"models": {}}, "are deployed, not"),
        ({"models": GOOD.models | {"other-1": []}}, "an endpoint of other-1"),
        ({"active": ("active/topics-1",)}, "active/topics-1 is left"),
        ({"heard": Counter(ids(RUN)[1:])}, "no subscriber heard of topics-1/validated"),
        ({"told": Counter(headlines(RUN)[1:])}, "people were not told 1 things"),
        ({"told": Counter(2 * headlines(RUN))}, "things too often"),
        ({"dead": ("letter",)}, "dead letter"),
        ({"runs": ()}, "has 0 runs"),
        ({"runs": (RUN, RUN)}, "has 2 runs"),
        ({"runs": (replace(RUN, state=State.DEPLOYING, history=HISTORY[:-1]),)}, "it is deploying"),
        ({"runs": (replace(RUN, history=(*HISTORY[:2], *HISTORY[3:])),)}, "goes from validated to succeeded"),
    ],
)
def test_a_breach_is_told(facts, told):
    with pytest.raises(AssertionError, match=told):
        check(replace(GOOD, **facts), expected=State.DEPLOYED)
