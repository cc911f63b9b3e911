"""Jobs are ordered within what the budget and the service allow; what has no room waits, and says why."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.data import dataset
from support.world import ENVIRONMENT, World

from dropforge.budget import Budget
from dropforge.domain import events
from dropforge.domain.caps import Caps
from dropforge.domain.errors import Exhausted, Misconfigured, Unavailable
from dropforge.domain.jobs import JobState, Look, Machines, fault_of
from dropforge.domain.runs import State
from dropforge.orders import Orders
from dropforge.settings import load
from dropforge.workers.submit import submit


def world_with(**operator):
    settings = load(ENVIRONMENT)
    return World(replace(settings, operator=replace(settings.operator, **operator)))


def dropped(world, *names):
    for name in names:
        world.land(world.put(name, dataset()))
        world.clock.advance(1)
        world.react()


def states(world):
    return {summary.dataset: summary.state for summary in world.ledger.summaries()}


def full(order):
    """What the service says when there is no room."""
    raise Exhausted(f"no room for {order.id}")


def run_of(world, name):
    [summary] = [summary for summary in world.ledger.summaries() if summary.dataset == name]
    return world.ledger.load(summary.id)


def test_an_estimate_is_on_the_run_and_in_what_people_are_told():
    world = world_with()
    dropped(world, "alpha")
    estimate = run_of(world, "alpha").estimate
    assert (estimate.examples, estimate.steps, estimate.accelerator_count) == (40, 1000, 4)
    [told] = world.published(events.DatasetValidated)
    assert told.estimate == estimate
    assert any("4 x NVIDIA_TESLA_V100" in value for _, value in world.notifier.told[0].facts)


class TestCaps:
    def test_as_many_run_at_once_as_the_operator_allows_and_the_others_follow(self):
        world = world_with(caps=Caps(jobs_in_flight=2))
        dropped(world, "alpha", "beta", "gamma")
        assert states(world) == {"alpha": State.SUBMITTED, "beta": State.SUBMITTED, "gamma": State.VALIDATED}
        waiting = run_of(world, "gamma").waiting
        assert (waiting.reason, waiting.sentence) == (
            "jobs_in_flight",
            "2 jobs are in flight, and jobs_in_flight is 2",
        )
        world.watch()
        assert states(world)["gamma"] is State.VALIDATED
        world.finish_jobs()
        world.watch()
        world.watch()
        assert states(world)["gamma"] is State.SUBMITTED
        assert run_of(world, "gamma").waiting is None

    def test_a_day_that_is_used_up_is_waited_for(self):
        first = world_with()
        dropped(first, "alpha")
        hours = run_of(first, "alpha").estimate.accelerator_hours
        world = world_with(caps=Caps(day_accelerator_hours=hours * 1.5))
        dropped(world, "alpha", "beta")
        assert states(world)["beta"] is State.VALIDATED
        world.finish_jobs()
        world.watch()
        world.watch()
        assert states(world)["beta"] is State.VALIDATED, "what was spent today stays spent"
        world.clock.advance(24 * 3600)
        world.watch()
        assert states(world)["beta"] is State.SUBMITTED

    def test_a_run_that_never_fits_is_refused_with_its_figures(self):
        world = world_with(caps=Caps(run_accelerator_hours=0.5))
        dropped(world, "alpha")
        run = run_of(world, "alpha")
        assert (run.state, run.fault.code, run.fault.kind, run.fault.blame) == (
            State.FAILED,
            "OVER_BUDGET",
            "budget",
            "user_error",
        )
        assert "over run_accelerator_hours of 0.5 by itself" in run.fault.message
        assert world.tuner.jobs == {}

    def test_who_waits_is_told_once_after_a_while(self):
        world = world_with(caps=Caps(jobs_in_flight=1))
        dropped(world, "alpha", "beta")
        world.sweep()
        assert world.published(events.RunWaiting) == [], "it may be a matter of a minute"
        for _ in range(int(world.settings.patience_seconds / 60) + 1):
            world.clock.advance(60)
            world.watch()  # it asks for room every time, and does not touch what is not new
        world.sweep()
        world.sweep()
        [told] = world.published(events.RunWaiting)
        assert (told.dataset, told.reason) == ("beta", "jobs_in_flight")

    def test_a_refused_run_gives_its_room_back(self):
        world = world_with(caps=Caps(day_accelerator_hours=10_000))
        world.tuner.refuses = "no such template"
        dropped(world, "alpha")
        assert run_of(world, "alpha").fault.code == "REFUSED"
        assert world.budget.standing(frozenset).reserved.accelerator_hours == 0


class TestTheQueue:
    @pytest.fixture
    def world(self, monkeypatch):
        """One run waits, for which the watcher found no room; then there is some again."""
        world = world_with()
        with monkeypatch.context() as patch:
            patch.setattr(world.tuner, "submit", full)
            dropped(world, "alpha")
            world.watch()
        return world

    def test_who_comes_later_waits_behind_those_who_wait(self, world):
        dropped(world, "beta")
        assert states(world) == {"alpha": State.VALIDATED, "beta": State.VALIDATED}
        waiting = run_of(world, "beta").waiting
        assert (waiting.reason, "the oldest goes first" in waiting.sentence) == ("queue", True)
        world.watch()
        assert [order.id for order in world.tuner.jobs.values()] == [
            run_of(world, name).id for name in ("alpha", "beta")
        ]
        dropped(world, "gamma")
        assert states(world)["gamma"] is State.SUBMITTED

    def test_a_watcher_that_ticks_no_more_holds_nobody_up(self, world):
        world.clock.advance(world.settings.patience_seconds + 1)
        dropped(world, "beta")
        assert states(world)["beta"] is State.SUBMITTED


class TestQuotaInsideThePipeline:
    def met(self, world):
        [job] = [job for job, look in world.tuner.looks.items() if look.state is JobState.WAITING]
        message = "The following quotas are exceeded: restricted_image_training_nvidia_v100_gpus"
        fault = fault_of("INTERNAL", message, "text-embedding-trainer", of_pipeline=True)
        world.tuner.looks[job] = Look(state=JobState.FAILED, fault=fault)
        world.watch()

    def test_another_attempt_is_begun_and_waits_a_while(self):
        world = world_with()
        dropped(world, "alpha")
        first = run_of(world, "alpha")
        self.met(world)
        second = world.ledger.load(f"{first.id}-a2")
        assert world.ledger.load(first.id).fault.kind == "quota"
        assert (second.state, second.waiting.reason) == (State.VALIDATED, "backoff")
        assert second.not_before - world.clock.now() == timedelta(minutes=30)
        world.watch()
        assert world.ledger.load(second.id).state is State.VALIDATED
        world.clock.advance(31 * 60)
        world.watch()
        assert world.ledger.load(second.id).state is State.SUBMITTED

    def test_as_often_as_the_operator_lets_it(self):
        world = world_with(attempts=2)
        dropped(world, "alpha")
        first = run_of(world, "alpha")
        self.met(world)
        world.clock.advance(3600)
        world.watch()
        self.met(world)
        assert world.ledger.load(f"{first.id}-a2").state is State.FAILED
        assert world.ledger.load(f"{first.id}-a3") is None

    def test_a_look_that_was_cut_off_begins_it_once(self):
        world = world_with()
        dropped(world, "alpha")
        first = run_of(world, "alpha")
        change = world.ledger.change

        def cut_off(*_, **__):
            world.ledger.change = change
            raise Exhausted("the machine went away")

        world.ledger.change = cut_off
        self.met(world)
        assert world.ledger.load(first.id).state is State.SUBMITTED
        world.watch()
        assert world.ledger.load(first.id).state is State.FAILED
        assert {summary.id for summary in world.ledger.summaries()} == {first.id, f"{first.id}-a2"}

    def test_one_that_waits_for_its_time_does_not_hold_up_the_next(self):
        world = world_with()
        dropped(world, "alpha")
        self.met(world)
        submit_for_real = world.tuner.submit

        world.tuner.submit = full
        dropped(world, "beta")
        world.tuner.submit = submit_for_real
        world.watch()
        assert states(world)["beta"] is State.SUBMITTED
        dropped(world, "gamma")
        assert states(world)["gamma"] is State.SUBMITTED


def test_a_job_that_was_submitted_before_a_cap_was_lowered_is_adopted():
    """Cut off between the submission and its record, and then the operator thought better of it."""
    world = world_with()
    change = world.ledger.change

    def cut_off(*_, **__):
        raise Unavailable("the machine went away")

    world.ledger.change = cut_off
    world.land(world.put("alpha", dataset()))
    with pytest.raises(Unavailable):
        world.react()
    world.ledger.change = change
    operator = replace(world.settings.operator, caps=Caps(run_accelerator_hours=0.1))
    lowered = replace(world.settings, operator=operator)
    orders = Orders(world.state, world.tuner, world.progress, Budget(world.state, world.clock, operator.caps), lowered)
    orders.place(run_of(world, "alpha"), cause="again")
    assert states(world)["alpha"] is State.SUBMITTED


def test_the_job_of_a_run_that_failed_is_stopped_by_the_sweep():
    world = world_with()
    dropped(world, "alpha")
    run = run_of(world, "alpha")
    fault = fault_of("REFUSED", "no", "submission")
    world.ledger.change(run.id, lambda now: replace(now, state=State.FAILED, fault=fault))
    world.ledger.settle(run)
    world.sweep()
    assert [look.state for look in world.tuner.looks.values()] == [JobState.CANCELLED]


def test_a_base_model_that_was_retired_while_the_run_waited_is_not_paid_for():
    world = world_with(caps=Caps(jobs_in_flight=1))
    dropped(world, "alpha", "beta")
    world.clock.advance(400 * 24 * 3600)
    world.finish_jobs()
    world.watch()
    world.watch()
    run = run_of(world, "beta")
    assert (run.state, run.fault.code) == (State.FAILED, "REFUSED")
    assert "text-embedding-005 was retired" in run.fault.message


@pytest.mark.parametrize(
    ("machines", "told"),
    [
        (Machines(accelerator_type="NVIDIA_H100_80GB"), "NVIDIA_H100_80GB"),
        (
            Machines(machine_type="a2-highgpu-1g", accelerator_type="NVIDIA_TESLA_V100", accelerator_count=1),
            "a2-highgpu-1g",
        ),
    ],
)
def test_machines_that_the_service_would_refuse_late_are_refused_before_anything_is_paid(machines, told):
    world = world_with()
    world.land(world.put("alpha", dataset()))
    world.__dict__["settings"] = replace(world.settings, operator=replace(world.settings.operator, training=machines))
    world.__dict__.pop("orders", None)
    [event] = world.bus.published
    with pytest.raises(Misconfigured, match=told):
        world.perform(submit, event)
    assert world.tuner.jobs == {}
    assert states(world)["alpha"] is State.VALIDATED, "it waits until the operator has mended it"
