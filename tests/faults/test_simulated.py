"""Whole worlds in virtual time, whatever befalls them: every invariant holds of every one."""

from functools import cache

import pytest
from faults.simulator.invariants import NAMES
from faults.simulator.nature import Kind
from faults.simulator.scenarios import Life, record

FOLDERS = 20
WORLDS = {  # how many of each kind: what they are stands in `scenarios.py`
    "wishes": 16,
    "events": 6,
    "events-lost": 4,
    "events-faulty": 5,
    "sweep": 4,
    "lossy": 6,
    "crowded": 7,
    "capped": 4,
    "storm": 50,
}
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


@pytest.mark.timeout(300)
@pytest.mark.parametrize("invariant", NAMES)
@pytest.mark.parametrize("scenario", WORLDS)
def test_it_holds_whatever_befalls_them(scenario, invariant):
    holds(invariant, scenario, WORLDS[scenario])


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


def test_people_get_what_they_ask_for_and_everything_is_asked_for():
    worlds = [Life("wishes", seed, FOLDERS).world() for seed in range(6)]
    granted = {wish.kind for world in worlds for wish in world.wishes if wish.granted}
    assert granted == set(Kind)
    assert any(wish.refused for world in worlds for wish in world.wishes)
    assert any(len(wish.tried) > 1 for world in worlds for wish in world.wishes)


def test_the_storm_is_one():
    figures = [past.figures for past in lived("storm", WORLDS["storm"])]
    faults = sum(sum(each["faults"].values()) for each in figures)
    calls = sum(each["calls"] for each in figures)
    assert {"before", "after", "error", "lost", "zombie"} == set().union(*(each["faults"] for each in figures))
    assert faults > calls / 30
    assert all(each["dropped"] and each["duplicated"] for each in figures)
