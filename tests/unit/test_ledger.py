"""The ledger loses no write, whoever else writes and whichever answers are lost."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.data import dataset
from support.lossy import LosesAnswers
from support.runs import MOMENT, validated
from support.world import World

from dropforge.aliases import Aliases
from dropforge.claims import Claimed, Claims
from dropforge.domain.errors import Conflict, Contended, Missing, Unavailable, Unreadable
from dropforge.domain.runs import State, Step, advance
from dropforge.domain.spaces import Alias
from dropforge.ledger import Ledger
from dropforge.markers import Intent
from dropforge.workers.notify import notify


@pytest.fixture
def world() -> World:
    return World()


def submitted(run):
    return advance(run, State.SUBMITTED, at=MOMENT, function="test", event="e")


def test_a_run_comes_back_as_it_was_stored(world):
    run = validated()
    world.ledger.record(run)
    assert world.ledger.load(run.id) == run


def test_a_recorded_run_stands(world):
    first, is_mine = world.ledger.record(validated())
    assert is_mine
    assert world.ledger.record(replace(validated(), dataset="other")) == (first, False)


@pytest.mark.parametrize("outcome", [State.VALIDATED, State.REJECTED])
def test_a_run_that_another_records_meanwhile_keeps_its_marker(world, outcome):
    run = replace(validated(), state=outcome)
    world.ledger.begin(Intent(run.id, run.dataset, run.started))
    mine = world.ledger.intent(run.id)
    world.ledger.record(run)  # and its recorder is cut off before it tells
    world.ledger.forget(mine)
    assert [owed.run for owed in world.ledger.active()] == [run.id]


def test_a_lost_race_is_decided_again(world):
    world.ledger.record(validated())
    asked = []

    def decide(run):
        asked.append(run.state)
        if len(asked) == 1:
            world.ledger.change(run.id, submitted)
            return replace(run, job="mine")
        return replace(run, job="mine, later")

    changed = world.ledger.change(validated().id, decide)
    assert asked == [State.VALIDATED, State.SUBMITTED]
    assert (changed.state, changed.job) == (State.SUBMITTED, "mine, later")


def test_an_own_lost_answer_is_no_lost_race(world):
    world.ledger.record(validated())
    ledger = Ledger(LosesAnswers(world.state))
    asked = []

    def decide(run):
        asked.append(run)
        return submitted(run)

    assert ledger.change(validated().id, decide).state is State.SUBMITTED
    assert len(asked) == 1


def test_an_own_lost_answer_on_recording_is_no_conflict(world):
    ledger = Ledger(LosesAnswers(world.state))
    assert ledger.record(validated()) == (validated(), True)


def test_whoever_made_a_step_tells_it_though_every_answer_was_lost(world):
    world.__dict__["state"] = LosesAnswers(world.state)
    world.land(world.put("topics", dataset()))
    assert [event.state for event in world.bus.published] == [State.VALIDATED]
    world.react()
    assert [event.state for event in world.bus.published] == [State.VALIDATED, State.SUBMITTED]


def test_others_who_keep_winning_are_told_of(world):
    world.ledger.record(validated())

    def decide(run):
        world.ledger.change(run.id, lambda now: replace(now, job=now.job + "x"))
        return replace(run, job="mine")

    with pytest.raises(Contended, match="8 times in a row"):
        world.ledger.change(validated().id, decide)


def test_a_run_that_was_never_recorded_cannot_change(world):
    with pytest.raises(Missing, match="not in the ledger"):
        world.ledger.change("nobody", submitted)


def test_a_record_that_cannot_be_read_is_told_of(world):
    world.state.write("ledger/r.json", b'{"schema": "one"}', replacing=None)
    with pytest.raises(Unreadable, match=r"ledger/r\.json cannot be read"):
        world.ledger.load("r")


def test_a_list_of_runs_reads_no_run(world):
    world.ledger.record(validated())
    world.state.read = None
    [summary] = world.ledger.summaries()
    assert (summary.id, summary.state, summary.base) == (validated().id, State.VALIDATED, None)


class TestHistory:
    @staticmethod
    def settled(world, number, state=State.REJECTED):
        step = Step(state=State.VALIDATING, at=MOMENT + timedelta(minutes=number), function="test", event="e")
        begun = replace(validated(f"topics-{number:012x}"), state=State.VALIDATING, history=(step,), dropped_at=step.at)
        run = advance(begun, state, at=step.at + timedelta(seconds=1), function="test", event="e")
        world.ledger.begin(Intent(run.id, run.dataset, run.started))
        world.ledger.record(run)
        world.ledger.settle(run)
        return run

    def test_it_is_paged_through_from_the_newest_without_reading_a_run(self, world):
        runs = [self.settled(world, number).id for number in range(5)]
        world.state.read = None
        first = world.ledger.past(most=2)
        assert [run.id for run in first.runs] == runs[:2:-1]
        second = world.ledger.past(behind=first.rest, most=2)
        assert [run.id for run in second.runs] == [runs[2], runs[1]]
        assert [run.id for run in world.ledger.past(behind=second.rest, most=2).runs] == runs[:1]
        assert world.ledger.past(behind=second.rest, most=2).rest == ""

    def test_a_run_in_flight_is_no_part_of_it(self, world):
        run = validated()
        world.ledger.record(run)
        world.ledger.note_told(run, first=True)
        [listed] = world.ledger.in_flight()
        assert (listed.id, listed.dataset, listed.state) == (run.id, "topics", State.VALIDATED)
        assert world.ledger.past(most=9).runs == []

    def test_its_line_is_there_before_the_marker_goes(self, world):
        world.state.delete = None
        with pytest.raises(TypeError):
            self.settled(world, 1)
        assert len(world.ledger.past(most=9).runs) == len(list(world.ledger.in_flight())) == 1

    def test_an_old_line_never_replaces_a_newer_one(self, world):
        deployed = replace(validated(), state=State.DEPLOYED)
        world.ledger.record(deployed)
        write = world.state.write

        def retired_meanwhile(name, data, **how):
            if name.startswith("past/"):
                world.state.write = write
                world.ledger.change(
                    deployed.id, lambda run: advance(run, State.RETIRED, at=MOMENT, function="test", event="e")
                )
                world.ledger.settle(world.ledger.load(deployed.id))
            return write(name, data, **how)

        world.state.write = retired_meanwhile
        world.ledger.settle(deployed)
        [line] = world.ledger.past(most=9).runs
        assert line.state is State.RETIRED

    def test_a_lost_answer_is_no_second_line(self, world):
        Ledger(LosesAnswers(world.state)).record(replace(validated(), state=State.REJECTED))
        Ledger(LosesAnswers(world.state)).settle(replace(validated(), state=State.REJECTED))
        assert [run.state for run in world.ledger.past(most=9).runs] == [State.REJECTED]

    def test_runs_of_a_dataset_are_told_from_those_whose_name_begins_alike(self, world):
        world.ledger.record(validated())
        world.ledger.record(replace(validated("topics-two-0123456789ab"), dataset="topics-two"))
        assert [run.dataset for run in world.ledger.of_dataset("topics")] == ["topics"]


def test_the_alias_moves_forward_only(world):
    def alias(run, hours):
        at = MOMENT + timedelta(hours=hours)
        return Alias(dataset="topics", space=f"{run}/256/DEFAULT", run=run, endpoint="e", dimensions=256, wanted_at=at)

    assert world.aliases.move(alias("one", 1)).previous is None
    assert world.aliases.move(alias("two", 2)).previous.run == "one"
    assert world.aliases.move(alias("two", 2)).previous.run == "one"
    assert world.aliases.move(alias("old", 0)).run == "two"
    assert Aliases(LosesAnswers(world.state)).move(alias("three", 3)).previous.run == "two"


class TestClaims:
    def take(self, world):
        return world.claims.take("told/e1", lasting=timedelta(minutes=2))

    def test_a_claim_is_taken_once(self, world):
        assert (self.take(world), self.take(world)) == (Claimed.MINE, Claimed.BUSY)

    def test_a_claim_that_has_run_out_is_taken_again(self, world):
        self.take(world)
        world.clock.advance(121)
        assert self.take(world) is Claimed.MINE

    def test_work_that_is_done_stays_done(self, world):
        self.take(world)
        world.claims.finish("told/e1")
        world.clock.advance(10_000)
        assert self.take(world) is Claimed.DONE

    def test_a_claim_given_back_is_free(self, world):
        self.take(world)
        world.claims.release("told/e1")
        assert self.take(world) is Claimed.MINE

    def test_one_that_has_run_out_is_not_given_back_for_another(self, world):
        late, next_one = Claims(world.state, world.clock), Claims(world.state, world.clock)
        late.take("told/e1", lasting=timedelta(minutes=1))
        world.clock.advance(61)
        assert next_one.take("told/e1", lasting=timedelta(minutes=1)) is Claimed.MINE
        late.release("told/e1")
        assert world.claims.take("told/e1", lasting=timedelta(minutes=1)) is Claimed.BUSY

    def test_an_own_lost_answer_is_ones_own_claim(self, world):
        world.claims._state = LosesAnswers(world.state)
        assert self.take(world) is Claimed.MINE


def test_a_notifier_that_is_down_is_asked_again_and_tells_once(world):
    def down(_):
        raise Unavailable("Slack answered 503")

    world.land(world.put("topics", dataset()))
    [event] = world.bus.published
    tell, world.notifier.tell = world.notifier.tell, down
    for _ in range(3):
        with pytest.raises(Unavailable):
            world.perform(notify, event)
    world.notifier.tell = tell
    assert [world.perform(notify, event).why for _ in range(2)] == ["told", "told before"]
    assert len(world.notifier.told) == 1


def test_conflicts_of_the_store_are_conflicts(world):
    generation = world.state.write("x", b"1", replacing=0)
    world.state.write("x", b"2", replacing=generation)
    with pytest.raises(Conflict):
        world.state.write("x", b"3", replacing=generation)
