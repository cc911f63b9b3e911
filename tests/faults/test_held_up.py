"""Who was held up while a person took a run up again decides nothing about it; who was cut off leaves nothing behind."""

import pytest
from support.data import dataset
from support.world import World

from dropforge.actions.approve import approve
from dropforge.actions.cancel import cancel
from dropforge.domain.errors import Exhausted
from dropforge.domain.facts import Request
from dropforge.domain.runs import State
from dropforge.workers.rollout import Rollout


@pytest.fixture
def world() -> World:
    return World()


def request(world):
    return Request(by="ann", at=world.clock.now())


def deploying(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs()
    world.watch()
    return world.only_run().id


def approved(world, run_id):
    return approve(run_id, request(world), host=world.host, progress=world.progress)


def test_a_look_from_before_an_approval_withholds_nothing(world):
    run_id = deploying(world)
    cancel(run_id, request(world), tuner=world.tuner, budget=world.budget, progress=world.progress)
    seen = world.ledger.load(run_id)
    for _ in range(4):
        world.watch()
    assert world.only_run().state is State.WITHHELD
    approved(world, run_id)

    until = world.clock.now() + world.settings.working_time
    Rollout(world.aliases, world.state, world.host, world.progress, world.settings, "late", until).step(seen)
    for _ in range(4):
        world.watch()
    assert world.only_run().state is State.DEPLOYED


def test_a_marker_that_was_made_anew_meanwhile_stays(world):
    run_id = deploying(world)
    cancel(run_id, request(world), tuner=world.tuner, budget=world.budget, progress=world.progress)
    delete = world.state.delete

    def held_up(name, *, generation=None):
        if name == f"active/{run_id}":
            world.state.delete = delete
            approved(world, run_id)
        delete(name, generation=generation)

    world.state.delete = held_up
    for _ in range(8):
        world.watch()
    assert world.state.delete == delete, "it was never held up"
    assert world.only_run().state is State.DEPLOYED
    assert list(world.ledger.active()) == []


def test_a_run_that_waited_is_followed_although_who_submitted_it_was_cut_off(world):
    submit = world.tuner.submit

    def full(order):
        raise Exhausted(f"no room for {order.id}")

    world.tuner.submit = full
    world.land(world.put("topics", dataset()))
    world.react()
    world.tuner.submit = submit
    with world.bus_down():
        world.watch()
    assert world.only_run().state is State.SUBMITTED
    world.watch()
    world.finish_jobs()
    for _ in range(4):
        world.watch()
    assert world.only_run().state is State.DEPLOYED
