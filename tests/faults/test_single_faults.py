"""One fault, of every kind, at every call of one run: each invariant holds all the same."""

from functools import cache

import pytest
from faults.simulator.faults import KINDS
from faults.simulator.invariants import NAMES
from faults.simulator.scenarios import Life, record, singles

SEED = 1
SHOWN = 5
# Every call of a plain run; of the others, every so many: `make simulate` takes all.
EVERY = {"calm": 1, "calm-deploy-failed": 2, "calm-swept": 3, "calm-renewed": 6}


@cache
def befallen(scenario, kind):
    """The records of every world in which one call has this fault."""
    return [record(life) for life in singles(scenario, SEED, (kind,), every=EVERY[scenario])]


@pytest.mark.parametrize("scenario", EVERY)
def test_without_a_fault_everything_holds(scenario):
    assert Life(scenario, SEED, 1).world().violations() == []


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


@pytest.mark.parametrize("kind", KINDS)
def test_the_fault_comes_nearly_everywhere(kind):
    """Only an instance that waits for the clock cannot get a wrong answer."""
    came = [bool(past.figures["faults"]) for past in befallen("calm", kind)]
    assert came.count(False) <= 1
    assert len(came) > 80
