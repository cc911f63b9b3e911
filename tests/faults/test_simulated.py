"""Whole worlds in virtual time, whatever befalls them: every invariant holds of every one.

What is known to fall short is an expected failure: it turns when it is mended.
"""

from functools import cache

import pytest
from faults.simulator.invariants import NAMES
from faults.simulator.scenarios import Life, record

FOLDERS = 20
SHOWN = 3


@cache
def lived(scenario, seeds):
    """The records of these worlds; each is lived through once, whichever invariant asks first."""
    return [record(Life(scenario, seed, FOLDERS)) for seed in range(seeds)]


def holds(invariant, scenario, seeds):
    """Hold an invariant of every world of a scenario, and tell how to see it fail."""
    broken = [
        past.story for past in lived(scenario, seeds) if any(found.invariant == invariant for found in past.violations)
    ]
    assert not broken, "\n\n".join([f"{len(broken)} of {seeds} worlds", *broken[:SHOWN]])


def each(**short):
    """Every invariant; those that are known not to hold with the reason."""
    assert short.keys() <= {name.replace(" ", "_") for name in NAMES}
    marks = {name.replace("_", " "): [pytest.mark.xfail(strict=True, reason=reason)] for name, reason in short.items()}
    return pytest.mark.parametrize("invariant", [pytest.param(name, marks=marks.get(name, ())) for name in NAMES])


@pytest.mark.timeout(180)
@each()
def test_events_alone_bring_every_run_home(invariant):
    holds(invariant, "events", 15)


@pytest.mark.timeout(180)
@each()
def test_answers_are_lost_and_events_alone_bring_every_run_home(invariant):
    """The clients repeat what they were not answered, and are refused by their own first try."""
    holds(invariant, "events-lost", 8)


@pytest.mark.timeout(180)
@each()
def test_calls_fail_and_events_alone_bring_every_run_home(invariant):
    holds(invariant, "events-faulty", 8)


@pytest.mark.timeout(180)
@each()
def test_the_sweep_alone_brings_every_run_home(invariant):
    holds(invariant, "sweep", 6)


@pytest.mark.timeout(180)
@each()
def test_messages_are_lost_and_no_call_fails(invariant):
    holds(invariant, "lossy", 15)


@pytest.mark.timeout(180)
@each()
def test_handlers_meet_all_the_time(invariant):
    holds(invariant, "crowded", 14)


@pytest.mark.timeout(300)
@each()
def test_one_call_in_twenty_fails_and_one_message_in_twenty_is_lost(invariant):
    holds(invariant, "storm", 50)


@pytest.mark.timeout(120)
def test_the_same_seed_is_the_same_world():
    one, other = (Life("hard", 4, FOLDERS).world() for _ in range(2))
    assert one.trace.digest == other.trace.digest
    assert one.figures() == other.figures()


def test_another_seed_is_another_world():
    one, other = (Life("storm", seed, 1).world() for seed in (1, 2))
    assert one.trace.digest != other.trace.digest


def test_one_fault_leaves_nature_as_it_was():
    one, other = (Life("storm", 1, FOLDERS, at=at).world() for at in ((), ((30, "before"),)))
    assert one.plans == other.plans


def test_the_storm_is_one():
    figures = [past.figures for past in lived("storm", 50)]
    faults = sum(sum(each["faults"].values()) for each in figures)
    calls = sum(each["calls"] for each in figures)
    assert {"before", "after", "error", "lost", "zombie"} == set().union(*(each["faults"] for each in figures))
    assert faults > calls / 30
    assert all(each["dropped"] and each["duplicated"] for each in figures)
