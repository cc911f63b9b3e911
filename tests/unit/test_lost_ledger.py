"""A record that is lost, or comes back from before, costs no reader a served model, and nobody a second training."""

from datetime import timedelta

import pytest
from support.data import dataset
from support.world import GOOD, World

from dropforge.actions.approve import approve
from dropforge.actions.cancel import cancel
from dropforge.domain import events
from dropforge.domain.errors import Exhausted
from dropforge.domain.facts import Request
from dropforge.domain.jobs import JobState
from dropforge.domain.runs import State

DAY = 24 * 3600  # seconds
WORSE = {"base_ndcg_at_10": 0.8, "tuned_ndcg_at_10": 0.5}


@pytest.fixture
def world() -> World:
    """A deployed dataset, a day ago."""
    world = World()
    world.deploy("topics", dataset())
    world.clock.advance(DAY)
    return world


def lose(world: World, *prefixes: str) -> None:
    for prefix in prefixes or ("",):
        for file in world.state.list(prefix):
            world.state.delete(file.name)


def drop_again(world: World) -> None:
    """The same bytes; not yet looked at by a watcher."""
    world.land(world.put("topics", dataset()))
    world.react()


def train_again(world: World, state: JobState = JobState.SUCCEEDED, metrics: dict[str, float] = GOOD) -> None:
    """Drop the same bytes when the job is there no more either."""
    world.tuner.jobs.clear()
    world.tuner.looks.clear()
    drop_again(world)
    world.finish_jobs(state, metrics)


def swept(world: World, times: int = 3) -> None:
    for _ in range(times):
        world.clock.advance(601)
        world.sweep()


def is_served(world: World) -> bool:
    return [endpoint.models for endpoint in world.host.endpoints()] == [1]


def asked(world: World) -> Request:
    return Request(by="anna", at=world.clock.now())


def test_an_endpoint_whose_record_is_lost_is_told_of_once_and_goes_on_answering(world):
    run = world.only_run()
    lose(world)
    swept(world)
    assert is_served(world)
    assert [(told.endpoint, told.run) for told in world.published(events.EndpointUnowned)] == [
        (run.serving.endpoint, "")
    ]


def test_the_same_bytes_take_over_the_job_and_the_served_model(world):
    before = world.only_run()
    lose(world)
    drop_again(world)
    for _ in range(4):
        world.watch()
    run = world.only_run()
    assert (run.id, run.job, run.serving.endpoint) == (before.id, before.job, before.serving.endpoint)
    assert run.state is State.DEPLOYED
    assert world.aliases.of("topics").run == run.id
    assert (len(world.tuner.jobs), world.host.deployments) == (1, 1), "nothing was paid for again"
    swept(world)
    assert world.published(events.EndpointUnowned) == []


def test_a_model_that_was_taken_over_is_retired_in_its_turn(world):
    lose(world)
    drop_again(world)
    for _ in range(4):
        world.watch()
    first = world.only_run().id
    world.deploy("topics", dataset(queries=90))
    world.clock.advance(DAY)
    swept(world)
    assert world.ledger.load(first).state is State.RETIRED
    assert [endpoint.run for endpoint in world.host.endpoints()] == [world.aliases.of("topics").run]


def test_a_run_that_waits_to_take_over_is_waited_for(world):
    def no_room(_):
        raise Exhausted("no quota")

    lose(world)
    submit, world.tuner.submit = world.tuner.submit, no_room
    drop_again(world)
    swept(world)
    assert world.only_run().state is State.VALIDATED
    assert is_served(world)
    assert world.published(events.EndpointUnowned) == []

    world.tuner.submit = submit
    for _ in range(5):
        world.watch()
    assert world.only_run().state is State.DEPLOYED


@pytest.mark.parametrize(
    ("job", "metrics", "state"),
    [
        (JobState.FAILED, GOOD, State.FAILED),
        (JobState.CANCELLED, GOOD, State.CANCELLED),
        (JobState.SUCCEEDED, WORSE, State.WITHHELD),
    ],
)
@pytest.mark.parametrize("kept", ["alias", "nothing"])
def test_a_run_that_ends_before_it_takes_over_leaves_the_model_to_its_readers(world, job, metrics, state, kept):
    lose(world, *(("ledger/",) if kept == "alias" else ()))
    world.host.embed_by_base = None  # not measured: the job's own figures decide
    train_again(world, job, metrics)
    for _ in range(4):
        world.watch()
    assert world.only_run().state is state
    swept(world)
    assert is_served(world)
    [told] = world.published(events.EndpointUnowned)
    assert (told.run, told.state) == (world.only_run().id, state)


@pytest.mark.parametrize("kept", ["alias", "nothing"])
@pytest.mark.parametrize("state", [State.WITHHELD, State.DEPLOY_FAILED])
def test_a_run_that_takes_over_and_is_not_opened_leaves_the_model_to_its_readers(world, state, kept):
    lose(world, *(("ledger/",) if kept == "alias" else ()))
    drop_again(world)
    world.watch()
    assert world.only_run().state is State.DEPLOYING
    if state is State.WITHHELD:
        cancel(world.only_run().id, asked(world), tuner=world.tuner, budget=world.budget, progress=world.progress)
    else:
        world.host.wrong = True
    for _ in range(4):
        world.watch()
    assert world.only_run().state is state
    swept(world)
    assert is_served(world)
    assert len(world.published(events.EndpointUnowned)) == 1


def test_a_deployment_that_was_held_up_until_the_run_had_ended_leaves_the_model_too(world):
    lose(world)
    create = world.host.create_endpoint

    def held_up(*arguments):
        world.host.create_endpoint = create
        cancel(world.only_run().id, asked(world), tuner=world.tuner, budget=world.budget, progress=world.progress)
        swept(world, times=1)
        assert world.only_run().state is State.WITHHELD
        return create(*arguments)

    world.host.create_endpoint = held_up
    drop_again(world)
    world.watch()
    assert is_served(world)


def test_a_model_that_was_approved_is_told_of_until_it_is_approved_again(world):
    lose(world)
    for endpoint in list(world.host.endpoints()):
        world.host._endpoints.pop(endpoint.name)
    manual = dataset() | {"tuning.yaml": b"deploy: manual\n"}
    for watched in (True, False):  # a job that has ended is not seen running
        world.land(world.put("topics", manual))
        world.react()
        if watched:
            world.finish_jobs(JobState.RUNNING)
            world.watch()
            world.finish_jobs()
        world.watch()
        run = world.only_run()
        assert run.state is State.WITHHELD
        swept(world)
        assert len(list(world.host.endpoints())) == len(world.published(events.EndpointUnowned)) == (not watched)
        approve(run.id, asked(world), host=world.host, progress=world.progress)
        for _ in range(4):
            world.watch()
        assert world.aliases.of("topics").run == run.id
        if watched:
            lose(world)
            world.clock.advance(DAY)
    assert [endpoint.models for endpoint in world.host.endpoints()] == [2]


def back_to(state: State) -> World:
    """A deployed dataset, a day ago, whose record was put back to an earlier version."""
    world, seen = World(), {}
    write = world.state.write

    def noted(name, data, *, replacing, metadata=None):
        if name.startswith("ledger/"):
            seen[metadata["state"]] = name, data, metadata
        return write(name, data, replacing=replacing, metadata=metadata)

    world.state.write = noted
    world.deploy("topics", dataset())
    world.clock.advance(DAY)
    name, data, metadata = seen[state]
    write(name, data, replacing=None, metadata=metadata)
    assert world.only_run().state is state
    return world


def test_a_record_that_comes_back_from_before_and_is_cancelled_leaves_the_model_to_its_readers():
    world = back_to(State.SUCCEEDED)
    swept(world, times=1)
    assert world.only_run().state is State.DEPLOYING
    cancel(world.only_run().id, asked(world), tuner=world.tuner, budget=world.budget, progress=world.progress)
    for _ in range(4):
        world.watch()
    assert world.only_run().state is State.WITHHELD
    assert is_served(world)


@pytest.mark.parametrize("state", [State.SUBMITTED, State.SUCCEEDED, State.DEPLOYING])
def test_a_record_that_comes_back_from_before_is_followed_to_where_it_was(state):
    world = back_to(state)
    swept(world)
    for _ in range(4):
        world.watch()
    assert is_served(world)
    assert world.only_run().state is State.DEPLOYED
    assert world.host.deployments == 1


def test_an_end_that_comes_back_from_before_an_approval_leaves_the_model_to_its_readers():
    world = World()
    world.deploy("topics", dataset() | {"tuning.yaml": b"deploy: manual\n"})
    run = world.only_run()
    assert run.state is State.WITHHELD
    name = f"ledger/{run.id}.json"
    [stored] = world.state.list(name)
    data = world.state.read(name)[0]
    approve(run.id, asked(world), host=world.host, progress=world.progress)
    for _ in range(5):
        world.watch()
    assert world.aliases.of("topics").run == run.id

    world.state.write(name, data, replacing=None, metadata=stored.metadata)
    world.clock.advance(timedelta(days=1).total_seconds())
    swept(world)
    assert is_served(world)
    assert [told.state for told in world.published(events.EndpointUnowned)] == [State.WITHHELD]
