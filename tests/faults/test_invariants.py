"""The invariants can fail: in a world with something broken in it, the right one does."""

from dataclasses import replace
from itertools import count

import pytest
from faults.simulator import wishes
from faults.simulator.bus import Bus
from faults.simulator.faults import Faults
from faults.simulator.nature import CALM, Asked, Ending, Kind, Nature
from faults.simulator.scenarios import CROWDED, SCENARIOS, STORMY
from faults.simulator.slack import Slack
from faults.simulator.storage import StateBucket
from faults.simulator.vertex import Vertex
from faults.simulator.world import World

from dropforge import orders
from dropforge.actions import retire, rollback
from dropforge.aliases import Aliases
from dropforge.budget import Budget
from dropforge.claims import Claimed, Claims
from dropforge.domain.errors import Unavailable
from dropforge.domain.events import TuningSubmitted
from dropforge.domain.facts import Request
from dropforge.domain.runs import State
from dropforge.domain.spaces import alias_of
from dropforge.history import History
from dropforge.ledger import Ledger
from dropforge.workers.rollout import Rollout

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

    def discard(self, endpoint, deployed_model, *, made_since=None):
        """Do nothing."""


class RestlessVertex(Vertex):
    """Says that a quota was met wherever a job fails."""

    def look(self, job):
        look = super().look(job)
        return replace(look, fault=replace(look.fault, kind="quota")) if look.fault else look


class ClumsyVertex(Vertex):
    """Begins every deployment twice where the first found no machine."""

    def deploy(self, endpoint, model, deployed_model, name):
        before = len(self.deployments)
        operation = super().deploy(endpoint, model, deployed_model, name)
        if len(self.deployments) > before and self.deployments[-1].code:
            self.deployments.append(self.deployments[-1])
        return operation


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
    given_up = replace(CALM, refusals=1)
    assert broken({"vertex_type": ClingingVertex}, nature=given_up) == {"one deployment a run"}


def test_a_job_of_another_label_for_the_same_bytes_is_noticed(monkeypatch):
    numbers = count(1)
    order_for = orders.order_for

    def labelled_anew(run, **rest):
        order = order_for(run, **rest)
        name = f"{order.id}-{next(numbers)}"
        return type(order)(
            **{field: getattr(order, field) for field in order.__slots__ if field not in {"id", "labels"}},
            id=name,
            labels={**order.labels, "dropforge-run": name},
        )

    monkeypatch.setattr(orders, "order_for", labelled_anew)
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


def test_a_line_of_the_history_that_is_out_of_date_is_noticed(monkeypatch):
    note = History.note
    monkeypatch.setattr(History, "note", lambda self, run, line: line is not None or note(self, run, line))
    assert broken({}, nature=SCENARIOS["calm-retired"].nature) == {"the history says what became of it"}


def test_an_attempt_that_nobody_asked_for_is_noticed():
    assert "one job a version" in broken({"vertex_type": RestlessVertex}, nature=replace(CALM, ends=Ending.FAILED))


def test_another_runs_paths_are_noticed(monkeypatch):
    order_for = orders.order_for

    def elsewhere(run, *, data, **rest):
        return order_for(run, data=data.replace("-a2/", "/"), **rest)

    monkeypatch.setattr(orders, "order_for", elsewhere)
    assert broken({}, nature=SCENARIOS["calm-quota"].nature) == {"one job a version"}


def test_a_deployment_that_is_begun_too_often_is_noticed():
    assert broken({"vertex_type": ClumsyVertex}, nature=SCENARIOS["calm-stumbles"].nature) == {"one deployment a run"}


def test_a_cap_that_nobody_keeps_is_noticed(monkeypatch):
    monkeypatch.setattr(Budget, "reserve", lambda *_: None)
    assert broken({}, nature=SCENARIOS["calm-capped"].nature) == {"caps hold"}


def test_a_model_that_readers_use_before_the_gate_has_spoken_is_noticed(monkeypatch):
    measuring = Rollout._measuring

    def hasty(self, run, serving, read):
        self.aliases.move(alias_of(run))
        return measuring(self, run, serving, read)

    monkeypatch.setattr(Rollout, "_measuring", hasty)
    assert "readers find what they should" in broken({}, nature=CALM)


def test_readers_whose_space_is_taken_away_are_noticed(monkeypatch):
    monkeypatch.setattr(Aliases, "confirm", lambda *_: False)
    assert "readers find what they should" in broken({}, nature=SCENARIOS["calm-rolled-back"].nature)


def test_readers_who_are_pointed_nowhere_are_noticed(monkeypatch):
    def leave(run_id, request, *, even_current, aliases, progress):
        return retire.leave(run_id, request, even_current=True, aliases=aliases, progress=progress)

    monkeypatch.setattr(wishes, "leave", leave)
    asks = ((Asked(Kind.RETIRE, State.DEPLOYED, (5, 30)),),)
    assert "readers find what they should" in broken({}, nature=replace(CALM, asks=asks))


def test_readers_who_keep_a_space_that_somebody_wanted_gone_are_noticed(monkeypatch):
    monkeypatch.setattr(retire, "_keeps_readers", lambda run, _, aliases: aliases.confirm(run.dataset, run.id))
    assert "wishes come true" in broken({}, nature=SCENARIOS["calm-retired-once"].nature)


def test_a_move_that_nobody_is_told_of_is_noticed(monkeypatch):
    monkeypatch.setattr(rollback, "confirmed", lambda alias, **_: True)
    assert broken({}, nature=SCENARIOS["calm-rolled-back"].nature) == {"readers find what they should"}


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [("calm-cancelled", Kind.CANCEL), ("calm-approved", Kind.APPROVE), ("calm-retired", Kind.RETIRE)],
)
def test_a_wish_that_is_granted_and_does_nothing_is_noticed(scenario, kind, monkeypatch):
    monkeypatch.setattr(wishes, "_KINDS", {**wishes._KINDS, kind: lambda *_: None})
    assert "wishes come true" in broken({}, nature=SCENARIOS[scenario].nature)


def test_a_wish_that_nobody_answers_is_noticed(monkeypatch):
    def busy(*_):
        raise Unavailable("not now")

    monkeypatch.setattr(wishes, "_KINDS", {**wishes._KINDS, Kind.RERUN: busy})
    assert "wishes come true" in broken({}, nature=SCENARIOS["calm-rerun"].nature)


def test_a_model_that_is_opened_although_its_end_was_asked_for_is_noticed(monkeypatch):
    """Somebody cancels while the model is measured, and the verdict is written over it."""
    heeding = Rollout._while_undecided

    def deaf(self, run, changes, **rest):
        if changes.get("decision") != "open":
            return heeding(self, run, changes, **rest)
        request = Request(by="ann", at=run.started)
        self.progress.ledger.change(run.id, lambda now: replace(now, stop=request))
        return self.progress.ledger.change(
            run.id, lambda now: replace(now, serving=replace(now.serving, decision="open"))
        )

    monkeypatch.setattr(Rollout, "_while_undecided", deaf)
    assert "wishes come true" in broken({}, nature=CALM)
