"""A run is followed from its drop to its end, and each thing about it is told once."""

from datetime import timedelta

import pytest
from support.data import dataset
from support.world import World

from dropforge.adapters.memory import ManualClock
from dropforge.domain.datasets import Folder
from dropforge.domain.errors import Conflict, Exhausted, Missing
from dropforge.domain.jobs import JobState, Look, fault_of
from dropforge.domain.runs import State
from dropforge.follow import Follower

LONGEST = 200  # looks, after which a test has failed


class Busy(ManualClock):
    """Time in which something happens whenever somebody sleeps: one thing after the other."""

    def __init__(self, happens=()):
        super().__init__()
        self.happens = list(happens)
        self.sleeps = []

    def sleep(self, seconds):
        super().sleep(seconds)
        self.sleeps.append(seconds)
        assert len(self.sleeps) < LONGEST, "nothing more happens"
        if self.happens:
            self.happens.pop(0)()


@pytest.fixture
def world():
    return World()


def follower(world, *happens, seconds=None):
    clock = Busy(happens)
    clock._now = world.clock.now()
    until = None if seconds is None else clock.now() + timedelta(seconds=seconds)
    return Follower(world.ledger, clock, until)


def landed(world, files=None, name="topics"):
    """A folder that lies there, and the events that nobody has handled."""
    events = world.put(name, files or dataset())
    return Folder.of(name, world.drop.list(f"datasets/{name}/")), events


def states(changes):
    return [change.step.state for change in changes if change.step]


class TestOneRun:
    def test_each_step_is_told_once_to_the_end(self, world):
        world.land(world.put("topics", dataset()))
        run_id = world.only_run().id
        steps = follower(world, world.react, world.finish_jobs, *[world.watch] * 6).changes(run_id)
        assert states(steps) == [
            State.VALIDATING,
            State.VALIDATED,
            State.SUBMITTED,
            State.SUCCEEDED,
            State.DEPLOYING,
            State.DEPLOYED,
        ]

    def test_steps_that_are_known_are_passed_over(self, world):
        world.land(world.put("topics", dataset()))
        run = world.only_run()
        steps = follower(world, world.react, seconds=3).changes(run.id, len(run.history))
        assert states(steps) == [State.SUBMITTED]

    def test_what_it_is_told_to_be_is_what_it_was_at_that_step(self, world):
        world.deploy("topics", dataset())
        changes = list(follower(world).changes(world.only_run().id))
        assert [change.run.state for change in changes] == states(changes)
        assert changes[0].run.job == ""
        assert changes[-1].run.serving

    def test_the_time_may_be_up_before_its_end(self, world):
        world.land(world.put("topics", dataset()))
        follows = follower(world, seconds=30)
        assert states(follows.changes(world.only_run().id))[-1] is State.VALIDATED
        assert sum(follows.clock.sleeps) == pytest.approx(30)

    def test_where_nothing_happens_it_looks_more_rarely(self, world):
        world.land(world.put("topics", dataset()))
        follows = follower(world, seconds=100)
        list(follows.changes(world.only_run().id))
        assert follows.clock.sleeps[1] < follows.clock.sleeps[5] <= max(follows.clock.sleeps) == 5

    def test_why_it_waits_is_told_once(self, world):
        world.land(world.put("topics", dataset()))
        run_id = world.only_run().id

        def full(order):
            raise Exhausted("60 submissions a minute")

        world.tuner.submit = full
        changes = list(follower(world, world.react, world.watch, world.watch, seconds=20).changes(run_id))
        assert [change.waits.reason for change in changes if change.waits] == ["quota"]

    def test_an_attempt_that_was_begun_by_itself_is_followed(self, world):
        world.land(world.put("topics", dataset()))
        world.react()
        fault = fault_of(
            "INTERNAL", "The following quotas are exceeded: gpus", "text-embedding-trainer", of_pipeline=True
        )
        [job] = world.tuner.looks
        world.tuner.looks[job] = Look(state=JobState.FAILED, fault=fault)
        changes = list(follower(world, world.watch, seconds=60).changes(world.only_run().id))
        assert {change.run.attempt for change in changes} == {1, 2}
        assert changes[-1].run.state is State.VALIDATED

    def test_one_that_is_not_there_is_told(self, world):
        with pytest.raises(Missing, match="there is no run nobody"):
            list(follower(world).changes("nobody"))


class TestDrop:
    def test_the_run_is_known_once_the_folder_is_taken_in(self, world):
        folder, events = landed(world)
        run = follower(world, lambda: None, lambda: world.land(events)).run_of(folder, world.drop)
        assert run.id == world.only_run().id

    def test_of_the_same_bytes_it_is_the_run_of_the_drop_before(self, world):
        world.deploy("topics", dataset())
        folder, events = landed(world)
        run = follower(world, lambda: world.land(events)).run_of(folder, world.drop)
        assert (run.id, run.state) == (world.only_run().id, State.DEPLOYED)
        assert run.pins != folder.pins

    def test_a_rejected_one_is_known_as_well(self, world):
        folder, events = landed(world, dataset() | {"test_label.tsv": b"x"})
        assert follower(world, lambda: world.land(events)).run_of(folder, world.drop).state is State.REJECTED

    def test_the_time_may_be_up_before(self, world):
        folder, _ = landed(world)
        assert follower(world, seconds=10).run_of(folder, world.drop) is None

    def test_one_that_another_followed_is_still_known_by_its_bytes(self, world):
        folder, events = landed(world)
        world.land(events)
        first = world.only_run().id
        world.land(world.put("topics", dataset(queries=90)))
        assert follower(world).run_of(folder, world.drop).id == first

    def test_one_that_was_changed_before_it_was_taken_in_is_told(self, world):
        folder, _ = landed(world)
        world.land(world.put("topics", dataset(queries=90)))
        with pytest.raises(Conflict, match="changed before they were taken in"):
            follower(world).run_of(folder, world.drop)


class TestEverything:
    def looks(self, follows, most):
        looks = follows.everything()
        return [next(looks) for _ in range(most)]

    def test_what_is_in_flight_is_told_as_it_stands_and_then_what_is_new(self, world):
        world.land(world.put("topics", dataset()))
        found = self.looks(follower(world, world.react, lambda: None), 3)
        assert [states(news) for news in found] == [[State.VALIDATED], [State.SUBMITTED], []]

    def test_the_end_of_a_run_is_told(self, world):
        world.land(world.put("topics", dataset()))
        world.react()
        follows = follower(world, world.finish_jobs, *[world.watch] * 6)
        found = [state for news in self.looks(follows, 8) for state in states(news)]
        assert found == [State.SUBMITTED, State.SUCCEEDED, State.DEPLOYING, State.DEPLOYED]

    def test_a_run_that_comes_and_goes_between_two_looks_is_told(self, world):
        rejected = dataset() | {"test_label.tsv": b"x"}
        found = self.looks(follower(world, lambda: world.land(world.put("topics", rejected))), 2)
        assert [states(news) for news in found] == [[], [State.VALIDATING, State.REJECTED]]

    def test_what_ended_before_is_not_told(self, world):
        world.deploy("topics", dataset())
        world.clock.advance(60)
        assert self.looks(follower(world), 2) == [[], []]
