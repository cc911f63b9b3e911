"""The invariants can fail: in a world with something broken in it, the right one does."""

from dataclasses import replace
from itertools import count

import pytest
from faults.simulator.bus import Bus
from faults.simulator.faults import Faults
from faults.simulator.nature import CALM, Nature
from faults.simulator.scenarios import CROWDED, STORMY
from faults.simulator.slack import Slack
from faults.simulator.storage import StateBucket
from faults.simulator.vertex import Vertex
from faults.simulator.world import World

from dropforge.claims import Claimed, Claims
from dropforge.domain.events import TuningSubmitted
from dropforge.domain.runs import State
from dropforge.ledger import Ledger
from dropforge.workers import submit

FOLDERS = 8
SEEDS = range(3)
STORM = Faults(STORMY)


class ForgetfulVertex(Vertex):
    """Gives every order a job of its own."""

    numbers = count(1)

    def submit(self, order):
        name = super().submit(order)
        self.jobs[f"{name}-{next(self.numbers)}"] = self.jobs.pop(name)
        return next(reversed(self.jobs))


class EagerVertex(Vertex):
    """Loads a model as often as it is asked."""

    def deploy(self, endpoint, model, deployed_model, name):
        self._there(endpoint).loading.pop(deployed_model, None)
        return super().deploy(endpoint, model, deployed_model, name)


class ClingingVertex(Vertex):
    """Says that an endpoint is gone, and keeps it."""

    def discard(self, endpoint, deployed_model):
        """Do nothing."""


class BlindBucket(StateBucket):
    """Does not look at what it replaces."""

    def write(self, name, data, *, replacing, metadata=None):
        return super().write(name, data, replacing=None, metadata=metadata)


class StickyBucket(StateBucket):
    """Keeps the marker of a run that was refused; of another, everybody would tell again and again."""

    def delete(self, name, *, generation=None):
        run = self.records.get(name.removeprefix("active/"))
        if run is None or run.state is not State.REJECTED:
            super().delete(name, generation=generation)


class LeakyBus(Bus):
    """Takes events that never arrive anywhere."""

    def publish(self, event):
        if not isinstance(event, TuningSubmitted):
            super().publish(event)


class BrokenSlack(Slack):
    """Fails in a way that nobody knows."""

    def tell(self, message):
        raise KeyError(message.id)


def broken(parts, faults=None, nature=None):
    """The invariants that do not hold in worlds some part of which is replaced."""
    kind = type("Broken", (World,), parts)
    worlds = [kind(seed, FOLDERS, faults=faults, nature=nature, horizon=9_000).run() for seed in SEEDS]
    return {found.invariant for world in worlds for found in world.violations()}


@pytest.mark.parametrize(
    ("parts", "invariant"),
    [
        ({"vertex_type": ForgetfulVertex}, "one job a version"),
        ({"vertex_type": EagerVertex}, "one deployment a run"),
        ({"state_type": BlindBucket}, "history only grows"),
        ({"state_type": StickyBucket}, "everything ends"),
        ({"bus_type": LeakyBus}, "nothing is lost"),
        ({"slack_type": BrokenSlack}, "nothing unexpected"),
    ],
)
def test_a_broken_service_is_noticed(parts, invariant):
    assert invariant in broken(parts, STORM, CROWDED)


def test_an_endpoint_that_is_left_is_noticed():
    given_up = replace(CALM, ends=State.DEPLOY_FAILED)
    assert broken({"vertex_type": ClingingVertex}, nature=given_up) == {"one deployment a run"}


def test_a_job_of_another_label_for_the_same_bytes_is_noticed(monkeypatch):
    numbers = count(1)
    order_for = submit.order_for

    def labelled_anew(run, **rest):
        order = order_for(run, **rest)
        name = f"{order.id}-{next(numbers)}"
        return type(order)(
            **{field: getattr(order, field) for field in order.__slots__ if field not in {"id", "labels"}},
            id=name,
            labels={**order.labels, "dropforge-run": name},
        )

    monkeypatch.setattr(submit, "order_for", labelled_anew)
    assert "one job a version" in broken({}, STORM, CROWDED)


def test_a_post_that_nobody_claims_is_noticed(monkeypatch):
    monkeypatch.setattr(Claims, "take", lambda self, name, *, lasting: Claimed.MINE)
    monkeypatch.setattr(Claims, "finish", lambda self, name: None)
    assert broken({}, nature=Nature(drops=0)) == {"people are told once"}


def test_people_who_are_not_told_are_noticed():
    silent = type("SilentSlack", (Slack,), {"tell": lambda self, message: None})
    assert broken({"slack_type": silent}, nature=CALM) == {"people are told once"}


def test_a_lost_drop_is_noticed_where_nobody_sweeps():
    assert "everything ends" in broken({}, nature=Nature(drop_all=True, without={"sweep"}))


def test_who_waits_long_is_noticed():
    assert "nobody waits long" in broken({}, nature=Nature(drops=0, delay=2_000, without={"sweep"}))


def test_a_lost_write_is_noticed(monkeypatch):
    """A ledger that writes without looking loses what another wrote."""
    write = Ledger._write
    monkeypatch.setattr(Ledger, "_write", lambda self, run, replacing: write(self, run, None))
    assert "history only grows" in broken({}, STORM, CROWDED)
