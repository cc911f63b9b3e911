"""One fault, of every kind, at every call of one run: each invariant holds all the same."""

from functools import cache

import pytest
from faults.simulator.faults import KINDS
from faults.simulator.invariants import NAMES
from faults.simulator.scenarios import SCENARIOS, Life, record, singles

from dropforge.domain.runs import State

SHOWN = 5
SEED = 1
# Every call of a plain run, and what people call themselves; of the others, every so many: `make simulate` takes more.
EVERY = {
    "calm": 1,
    "calm-deploy-failed": 5,
    "calm-swept": 7,
    "calm-renewed": 23,
    "calm-deceptive": 11,
    "calm-stumbles": 17,
    "calm-quota": 29,
    "calm-capped": 37,
    "calm-rerun": 17,
    "calm-approved": 17,
    "calm-approved-again": 23,
    "calm-approved-once": 37,
    "calm-rolled-back": 47,
    "calm-rolled-back-once": 73,
    "calm-retired": 29,
    "calm-retired-once": 7,
    "calm-cancelled": 19,
}
SEEDS = {"calm-cancelled": (1, 2, 6, 7, 8)}  # while validated, submitted, running, succeeded, deploying


@cache
def befallen(scenario, kind):
    """The records of every world in which one call has this fault."""
    return [
        record(life)
        for seed in SEEDS.get(scenario, (SEED,))
        for life in singles(scenario, seed, (kind,), every=EVERY[scenario])
    ]


@pytest.mark.parametrize("scenario", EVERY)
def test_without_a_fault_everything_holds(scenario):
    for seed in SEEDS.get(scenario, (SEED,)):
        assert Life(scenario, seed, SCENARIOS[scenario].folders).world().violations() == []


@pytest.mark.timeout(180)
@pytest.mark.parametrize("invariant", NAMES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", EVERY)
def test_any_call_fails(scenario, kind, invariant):
    broken = [
        past.story
        for past in befallen(scenario, kind)
        if any(found.invariant == invariant for found in past.violations)
    ]
    assert not broken, "\n\n".join([f"{len(broken)} worlds", *broken[:SHOWN]])


def test_a_run_is_cancelled_wherever_it_stands():
    lives = [Life("calm-cancelled", seed, 1).world() for seed in SEEDS["calm-cancelled"]]
    asked = {world.plans[0].asks[0].once for world in lives}
    assert asked == {State.VALIDATED, State.SUBMITTED, State.RUNNING, State.SUCCEEDED, State.DEPLOYING}
    assert all(wish.granted for world in lives for wish in world.wishes)


@pytest.mark.parametrize("kind", KINDS)
def test_the_fault_comes_nearly_everywhere(kind):
    """Only an instance that waits for the clock cannot get a wrong answer."""
    came = [bool(past.figures["faults"]) for past in befallen("calm", kind)]
    assert came.count(False) <= 1
    assert len(came) > 80
