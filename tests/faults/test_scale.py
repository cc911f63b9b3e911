"""Where the services take no more, runs and messages wait: no limit is passed, everybody comes home, the oldest first."""

from dataclasses import replace

import pytest
from faults.simulator.limits import Guards
from faults.simulator.nature import Asked, Ending, Kind, Nature
from faults.simulator.scenarios import NARROW
from faults.simulator.world import World

from dropforge.domain.jobs import fault_of
from dropforge.domain.runs import State
from dropforge.orders import Orders
from dropforge.progress import Progress
from dropforge.workers import watch

FOLDERS = 60
APPROVED = Asked(Kind.APPROVE, State.WITHHELD, (5, 30))
CROWD = Nature(
    duplicates=0,
    drops=0,
    limits=NARROW,
    starts=(1, 300),
    ends=Ending.WORSE,
    pending=(10, 20),
    running=(150, 250),
    asks=((), (), (), (), (APPROVED,)),
)


def lived(**other):
    return World(1, FOLDERS, nature=replace(CROWD, **other)).run()


def broken(world):
    return {found.invariant for found in world.violations()}


def let_through(*_):
    """Refuse nothing."""


@pytest.fixture(scope="module")
def world():
    return lived()


def test_everybody_comes_home_within_the_limits(world):
    assert world.violations() == []
    assert len(world.vertex.jobs) == FOLDERS


def test_every_limit_binds(world):
    refused = {what.split(" of ")[0] for what in world.guards.refused}
    assert refused == {"jobs at once", "submissions a minute", "requests a minute", "writes", "messages"}
    assert any(deployment.found_no_room for deployment in world.vertex.deployments)
    assert world.fleet.most_waiting["validate_dataset"] > FOLDERS / 20
    assert len(world.state.waited) > FOLDERS / 2


def test_a_tick_takes_as_long_as_its_calls(world):
    assert max(world.fleet.ticks["watch_status"]) > 1


def test_the_newest_first_is_noticed(monkeypatch):
    def backwards(waiting, key):
        return sorted(waiting, key=key, reverse=True)

    monkeypatch.setattr(watch, "sorted", backwards, raising=False)
    assert "the oldest goes first" in broken(lived())


def test_a_note_that_a_run_waits_which_is_written_over_is_noticed(monkeypatch):
    tell = Progress.tell
    monkeypatch.setattr(Progress, "tell", lambda self, run, *, told, is_marked=False: tell(self, run, told=told))
    assert "the oldest goes first" in broken(lived())


def test_a_run_that_fails_instead_of_waiting_is_noticed(monkeypatch):
    def fail(self, run, reason, sentence):
        return self._fail(run, fault_of(reason, sentence, "submission"), "no room")

    monkeypatch.setattr(Orders, "_wait", fail)
    assert "everything ends" in broken(lived())


def test_a_limit_that_nobody_keeps_is_noticed(monkeypatch):
    monkeypatch.setattr(Guards, "_submit", let_through)
    assert broken(lived()) == {"limits hold"}
