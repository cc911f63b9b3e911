"""What people ask for by hand: it is done once, told to everybody, and no crash in the middle loses it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.data import dataset
from support.world import ENVIRONMENT, World

from dropforge.actions.approve import approve
from dropforge.actions.cancel import cancel
from dropforge.actions.rerun import rerun
from dropforge.actions.retire import leave, retire
from dropforge.actions.rollback import rollback
from dropforge.domain import events
from dropforge.domain.caps import Caps
from dropforge.domain.errors import Exhausted, Missing, NotAllowed, Unavailable
from dropforge.domain.facts import Fault, Request
from dropforge.domain.jobs import JobState
from dropforge.domain.messages import message_of
from dropforge.domain.runs import State
from dropforge.domain.spaces import alias_of
from dropforge.progress import Progress
from dropforge.settings import load

WORSE = {"base_ndcg_at_10": 0.9, "tuned_ndcg_at_10": 0.2}


@pytest.fixture
def world() -> World:
    return World()


def asked(world, reason=""):
    return Request(by="ann", at=world.clock.now(), reason=reason)


def fail(error):
    raise error


def submitted(world, name="topics"):
    world.land(world.put(name, dataset()))
    world.react()
    return world.only_run().id


def withheld(world):
    run_id = submitted(world)
    world.finish_jobs(metrics=WORSE)
    world.watch()
    assert world.ledger.load(run_id).state is State.WITHHELD
    return run_id


def renewed(world):
    """Two versions of one dataset, both deployed, the second used."""
    world.deploy("topics", dataset())
    first = world.only_run().id
    world.clock.advance(60)
    world.deploy("topics", dataset(queries=90))
    [second] = {summary.id for summary in world.ledger.summaries()} - {first}
    return first, second


def cancelled(world, run_id):
    cancel(run_id, asked(world), tuner=world.tuner, budget=world.budget, progress=world.progress)


class TestCancel:
    def test_a_running_job_is_asked_to_stop_and_the_run_ends_when_it_has(self, world):
        run_id = submitted(world)
        cancelled(world, run_id)
        assert world.ledger.load(run_id).state is State.SUBMITTED, "it bills until it has stopped"
        world.watch()
        run = world.ledger.load(run_id)
        assert (run.state, run.fault.kind, run.fault.message) == (State.CANCELLED, "request", "asked for by ann")
        [told] = world.published(events.JobComplete)
        assert (told.outcome, told.error.message) == ("cancelled", "asked for by ann")

    def test_a_job_that_cannot_be_asked_now_is_asked_again_by_the_watcher(self, world):
        run_id = submitted(world)
        cancel_for_real = world.tuner.cancel

        def busy(job):
            raise Unavailable(f"{job} is being prepared")

        world.tuner.cancel = busy
        with pytest.raises(Unavailable):
            cancelled(world, run_id)
        world.watch()
        world.tuner.cancel = cancel_for_real
        world.watch()
        world.watch()
        assert world.ledger.load(run_id).state is State.CANCELLED

    def test_a_run_that_waits_for_room_is_cancelled_at_once_and_never_submitted(self, world):
        submit = world.tuner.submit

        def full(order):
            raise Exhausted(f"no room for {order.id}")

        world.tuner.submit = full
        run_id = submitted(world)
        cancelled(world, run_id)
        world.tuner.submit = submit
        for _ in range(3):
            world.watch()
        assert world.ledger.load(run_id).state is State.CANCELLED
        assert world.tuner.jobs == {}

    def test_a_job_that_was_submitted_in_that_very_moment_is_stopped(self, world):
        submit = world.tuner.submit

        def cancelled_meanwhile(order):
            job = submit(order)
            cancelled(world, order.id)
            return job

        world.tuner.submit = cancelled_meanwhile
        run_id = submitted(world)
        assert world.ledger.load(run_id).state is State.CANCELLED
        assert [look.state for look in world.tuner.looks.values()] == [JobState.CANCELLED]

    def test_and_where_that_was_cut_off_the_sweep_stops_it(self, world):
        submit, cancel_for_real = world.tuner.submit, world.tuner.cancel

        def cancelled_meanwhile(order):
            job = submit(order)
            cancelled(world, order.id)
            return job

        def busy(job):
            raise Unavailable(f"{job} cannot be asked")

        world.tuner.submit, world.tuner.cancel = cancelled_meanwhile, busy
        with pytest.raises(Unavailable):
            submitted(world)
        world.tuner.cancel = cancel_for_real
        world.sweep()
        assert [look.state for look in world.tuner.looks.values()] == [JobState.CANCELLED]

    def test_one_that_was_cut_off_is_seen_through_and_nothing_is_submitted(self, world, monkeypatch):
        submit = world.tuner.submit
        monkeypatch.setattr(world.tuner, "submit", lambda order: fail(Exhausted(f"no room for {order.id}")))
        run_id = submitted(world)
        with monkeypatch.context() as patch:
            patch.setattr(Progress, "catch_up", lambda *_: fail(Unavailable("Pub/Sub did not answer")))
            with pytest.raises(Unavailable):
                cancelled(world, run_id)
        assert world.ledger.load(run_id).state is State.VALIDATED
        monkeypatch.setattr(world.tuner, "submit", submit)
        world.watch()
        run = world.ledger.load(run_id)
        assert (run.state, run.fault.message, run.waiting) == (State.CANCELLED, "asked for by ann", None)
        assert world.tuner.jobs == {}
        assert [told.outcome for told in world.published(events.JobComplete)] == ["cancelled"]

    def test_a_job_that_one_was_about_to_submit_is_adopted_and_stopped(self, world, monkeypatch):
        monkeypatch.setattr(Progress, "reach", lambda *_, **__: fail(Unavailable("cut off")))
        with pytest.raises(Unavailable):
            submitted(world)
        with pytest.raises(Unavailable):
            cancelled(world, world.only_run().id)
        monkeypatch.undo()
        for _ in range(2):
            world.watch()
        assert world.only_run().state is State.CANCELLED
        assert [look.state for look in world.tuner.looks.values()] == [JobState.CANCELLED]

    def test_asked_twice_it_gives_no_room_back_for_a_job_that_cost_something(self):
        settings = load(ENVIRONMENT)
        world = World(replace(settings, operator=replace(settings.operator, caps=Caps(day_accelerator_hours=10_000))))
        run_id = submitted(world)
        cancelled(world, run_id)
        world.watch()
        reserved = world.budget.standing(frozenset).reserved.accelerator_hours
        cancelled(world, run_id)
        assert world.budget.standing(frozenset).reserved.accelerator_hours == reserved > 0

    def test_a_model_that_came_out_all_the_same_is_withheld(self, world):
        run_id = submitted(world)
        world.tuner.cancel = lambda job: None
        cancelled(world, run_id)
        world.finish_jobs()
        world.watch()
        run = world.ledger.load(run_id)
        assert (run.state, run.fault.message) == (State.WITHHELD, "asked for by ann")
        assert list(world.host.endpoints()) == []

    def test_a_model_on_its_way_to_readers_is_taken_back(self, world):
        run_id = submitted(world)
        world.finish_jobs()
        world.watch()
        assert world.ledger.load(run_id).state is State.DEPLOYING
        cancelled(world, run_id)
        for _ in range(4):
            world.watch()
        assert world.ledger.load(run_id).state is State.WITHHELD
        assert list(world.host.endpoints()) == []
        assert world.aliases.of("topics") is None

    def test_what_has_ended_cannot_be_cancelled_and_says_what_can_be_done(self, world):
        world.deploy("topics", dataset())
        with pytest.raises(NotAllowed, match="dropforge retire"):
            cancelled(world, world.only_run().id)
        with pytest.raises(Missing):
            cancelled(world, "nobody-0123456789ab")


class TestRerun:
    def again(self, world, run_id, reason="more quota now"):
        return rerun(run_id, asked(world, reason), attempts=world.attempts, progress=world.progress)

    def test_it_is_another_run_with_its_own_input_and_job(self, world):
        run_id = submitted(world)
        world.finish_jobs(JobState.FAILED)
        world.watch()
        second = self.again(world, run_id)
        assert (second.id, second.attempt, second.reason) == (f"{run_id}-a2", 2, "more quota now")
        names = {file.name for file in world.state.list(f"runs/{second.id}/input/")}
        assert names == {f"runs/{second.id}/input/{pin.name}" for pin in second.pins}
        world.react()
        world.finish_jobs()
        for _ in range(4):
            world.watch()
        assert world.ledger.load(second.id).state is State.DEPLOYED
        told = [event for event in world.published(events.DatasetValidated) if event.attempt == 2]
        assert [event.reason for event in told] == ["more quota now"]

    def test_it_goes_on_from_the_last_attempt(self, world):
        run_id = submitted(world)
        for _ in range(2):
            world.finish_jobs(JobState.FAILED)
            world.watch()
            again = self.again(world, run_id)
            world.react()
        assert again.attempt == 3

    def test_not_while_one_is_under_way(self, world):
        run_id = submitted(world)
        with pytest.raises(NotAllowed, match="cancel it first"):
            self.again(world, run_id)

    def test_not_for_a_dataset_that_was_rejected(self, world):
        world.land(world.put("topics", dataset() | {"corpus.jsonl": b"{"}))
        with pytest.raises(NotAllowed, match="mend its files"):
            self.again(world, world.only_run().id)

    def test_not_where_its_input_is_there_no_more(self, world):
        run_id = submitted(world)
        world.finish_jobs(JobState.FAILED)
        world.watch()
        world.state.delete(f"runs/{run_id}/input/corpus.jsonl")
        with pytest.raises(NotAllowed, match=r"corpus\.jsonl"):
            self.again(world, run_id)

    def test_it_is_a_later_wish_than_what_was_dropped_before_it(self, world):
        first, second = renewed(world)
        assert world.aliases.of("topics").run == second
        world.clock.advance(60)
        again = self.again(world, first)
        world.react()
        world.finish_jobs()
        for _ in range(5):
            world.watch()
        assert world.aliases.of("topics").run == again.id

    def test_whoever_was_cut_off_finds_it_begun(self, world):
        run_id = submitted(world)
        world.finish_jobs(JobState.FAILED)
        world.watch()
        with world.bus_down(), pytest.raises(Unavailable):
            self.again(world, run_id)
        world.clock.advance(3600)
        world.sweep()
        assert world.ledger.load(f"{run_id}-a2").state is State.SUBMITTED


class TestApprove:
    def approved(self, world, run_id):
        return approve(run_id, asked(world), host=world.host, progress=world.progress)

    def test_a_withheld_model_is_deployed_whatever_the_gate_said(self, world):
        run_id = withheld(world)
        assert self.approved(world, run_id).state is State.DEPLOYING
        for _ in range(4):
            world.watch()
        run = world.ledger.load(run_id)
        assert (run.state, run.approval.by, run.judgement.verdict) == (State.DEPLOYED, "ann", "worse")
        assert world.aliases.of("topics").run == run_id
        assert [event.id for event in world.published(events.ModelWithheld)] == [f"{run_id}/withheld"]
        assert [owed.run for owed in world.ledger.active()] == []

    def test_asked_twice_it_is_deployed_once(self, world):
        run_id = withheld(world)
        self.approved(world, run_id)
        self.approved(world, run_id)
        for _ in range(4):
            world.watch()
        assert world.host.deployments == 1
        assert [step.state for step in world.ledger.load(run_id).history].count(State.DEPLOYING) == 1

    def test_what_is_left_of_a_run_that_was_taken_up_again_is_removed_by_the_sweep(self, world):
        """A function that was frozen loads the model once more when the run has ended for the second time."""
        run_id = withheld(world)
        self.approved(world, run_id)
        cancelled(world, run_id)
        for _ in range(4):
            world.watch()
        run = world.ledger.load(run_id)
        assert run.state is State.WITHHELD
        world.host.create_endpoint(run_id, {"dropforge-run": run_id})
        world.host.deploy(run.serving.endpoint, run.tuned.model, run.serving.deployed_model, run_id)
        world.clock.advance(3600)
        for _ in range(3):
            world.sweep()
        assert list(world.host.endpoints()) == []

    def test_one_that_was_cut_off_before_it_was_written_leaves_nothing(self, world):
        run_id = withheld(world)
        change = world.ledger.change

        def cut_off(*_, **__):
            raise Unavailable("the machine went away")

        world.ledger.change = cut_off
        with pytest.raises(Unavailable):
            self.approved(world, run_id)
        world.ledger.change = change
        world.clock.advance(3600)
        world.sweep()
        assert world.ledger.load(run_id).state is State.WITHHELD
        assert list(world.ledger.active()) == []

    def test_a_deployment_that_failed_is_tried_again(self, world):
        run_id = submitted(world)
        world.host.fails = Fault(code="INVALID_ARGUMENT", message="no such machine", step="", blame="system_error")
        world.finish_jobs()
        for _ in range(5):
            world.watch()
        assert world.ledger.load(run_id).state is State.DEPLOY_FAILED
        world.host.fails = None
        self.approved(world, run_id)
        for _ in range(4):
            world.watch()
        run = world.ledger.load(run_id)
        assert (run.state, run.fault) == (State.DEPLOYED, None)

    def test_only_what_has_a_model_and_is_not_served(self, world):
        world.deploy("topics", dataset())
        with pytest.raises(NotAllowed, match="deployed"):
            self.approved(world, world.only_run().id)

    def test_a_policy_of_manual_waits_for_it(self, world):
        world.land(world.put("topics", dataset() | {"tuning.yaml": b"deploy: manual\n"}))
        world.react()
        world.finish_jobs()
        world.watch()
        run_id = world.only_run().id
        assert world.only_run().state is State.WITHHELD
        assert list(world.host.endpoints()) == [], "nothing bills while it waits"
        self.approved(world, run_id)
        for _ in range(4):
            world.watch()
        assert world.only_run().state is State.DEPLOYED


class TestRollback:
    def back(self, world, to=""):
        return rollback(
            "topics", to, asked(world, "worse answers"), aliases=world.aliases, host=world.host, progress=world.progress
        )

    def test_readers_are_pointed_to_the_space_before_and_told_of_both(self, world):
        first, second = renewed(world)
        assert self.back(world).run == first
        [told] = world.published(events.AliasMoved)
        assert (told.space_id, told.previous_space_id) == (f"{first}/3/DEFAULT", f"{second}/3/DEFAULT")
        assert (told.by, told.reason) == ("ann", "worse answers")

    def test_the_space_that_is_left_is_kept_and_then_retired(self, world):
        first, second = renewed(world)
        self.back(world)
        for _ in range(4):
            world.clock.advance(25 * 3600)
            world.sweep()
        assert world.ledger.load(first).state is State.DEPLOYED
        assert world.ledger.load(second).state is State.RETIRED

    def test_back_and_forth(self, world):
        first, second = renewed(world)
        self.back(world)
        world.clock.advance(1)
        assert self.back(world).run == second
        world.clock.advance(1)
        assert self.back(world, to=first).run == first

    def test_a_move_that_nobody_was_told_of_is_told_by_the_sweep(self, world):
        first, _ = renewed(world)
        with world.bus_down(), pytest.raises(Unavailable):
            self.back(world)
        world.sweep()
        world.sweep()
        assert [event.run for event in world.published(events.AliasMoved)] == [first]

    def test_a_newer_drop_moves_on_from_it(self, world):
        renewed(world)
        self.back(world)
        world.clock.advance(60)
        world.deploy("topics", dataset(queries=100))
        assert world.aliases.of("topics").run not in {summary.run for summary in world.published(events.AliasMoved)}

    def test_an_older_deployment_that_is_done_later_does_not(self, world):
        world.deploy("topics", dataset())
        first = world.only_run().id
        world.clock.advance(60)
        world.land(world.put("topics", dataset(queries=90)))  # in flight all the while
        world.react()
        world.clock.advance(60)
        world.deploy("topics", dataset(queries=100))
        alias = world.aliases.of("topics")
        assert alias.previous is not None
        self.back(world, to=first)
        world.finish_jobs()
        for _ in range(4):
            world.watch()
        assert world.aliases.of("topics").run == first

    def test_nothing_to_go_back_to(self, world):
        with pytest.raises(Missing, match="pointed nowhere"):
            self.back(world)
        world.deploy("topics", dataset())
        with pytest.raises(NotAllowed, match="no former space"):
            self.back(world)
        with pytest.raises(Missing, match="no run other"):
            self.back(world, to="other")

    def test_a_space_that_is_about_to_go_is_not_gone_back_to(self, world):
        first, second = renewed(world)
        discard = world.host.discard

        def rolled_back_meanwhile(*arguments):
            world.host.discard = discard
            with pytest.raises(NotAllowed, match="not served"):
                self.back(world, to=first)
            return discard(*arguments)

        world.host.discard = rolled_back_meanwhile
        for _ in range(3):
            world.clock.advance(25 * 3600)
            world.sweep()
        assert world.aliases.of("topics").run == second
        assert world.ledger.load(first).state is State.RETIRED

    def test_a_space_that_readers_came_back_to_while_it_was_to_go_stays(self, world):
        first, _ = renewed(world)
        change = world.ledger.change

        def rolled_back_just_before(*arguments):
            world.ledger.change = change
            self.back(world, to=first)
            return change(*arguments)

        world.ledger.change = rolled_back_just_before
        world.clock.advance(25 * 3600)
        world.sweep()
        run = world.ledger.load(first)
        assert (run.state, run.serving.decision) == (State.DEPLOYED, "open")
        assert world.aliases.of("topics").run == first


class TestWhatIsNotServed:
    def test_nobody_is_pointed_to_a_space_that_was_removed_by_hand(self, world):
        first, _ = renewed(world)
        world.host._endpoints.pop(world.ledger.load(first).serving.endpoint)
        wish = asked(world)
        with pytest.raises(NotAllowed, match="not served"):
            rollback("topics", "", wish, aliases=world.aliases, host=world.host, progress=world.progress)

    def test_readers_whose_model_was_removed_by_hand_are_told_of_once(self, world):
        world.deploy("topics", dataset())
        run = world.only_run()
        world.host._endpoints[run.serving.endpoint].deployed.clear()
        world.sweep()
        world.sweep()
        [told] = world.published(events.AliasUnserved)
        assert (told.run, told.endpoint) == (run.id, run.serving.endpoint)

    def test_a_move_to_what_went_meanwhile_is_taken_back_by_the_sweep(self, world):
        """Cut off after the move, and before it saw that the space was being retired."""
        first, second = renewed(world)
        run = world.ledger.load(first)
        alias = world.aliases.move(alias_of(run, request=asked(world)))
        assert alias.run == first
        world.host._endpoints.pop(run.serving.endpoint)
        world.sweep()
        assert world.aliases.of("topics").run == second
        assert all(event.run != first for event in world.published(events.AliasMoved))

    def test_one_who_is_late_with_undeploying_does_not_meet_what_was_approved_since(self, world):
        first, _ = renewed(world)
        before = world.ledger.load(first).serving
        leave(first, asked(world), even_current=False, aliases=world.aliases, progress=world.progress)
        for _ in range(3):
            world.sweep()
        approve(first, asked(world), host=world.host, progress=world.progress)
        for _ in range(4):
            world.watch()
        now = world.ledger.load(first).serving
        with pytest.raises(Unavailable):
            world.host.discard(before.endpoint, before.deployed_model)
        assert world.host.serves(now.endpoint, now.deployed_model)

    def test_a_look_that_was_held_up_does_not_point_readers_to_what_has_gone_again(self, world):
        submitted(world)
        world.finish_jobs()
        move = world.aliases.move

        def held_up(to):
            world.aliases.move = move
            for _ in range(2):
                world.watch()
            assert world.ledger.load(to.run).state is State.DEPLOYED
            leave(to.run, asked(world), even_current=True, aliases=world.aliases, progress=world.progress)
            for _ in range(3):
                world.sweep()
            return move(to)

        world.aliases.move = held_up
        for _ in range(6):
            world.watch()
        assert world.only_run().state is State.RETIRED
        assert world.aliases.of("topics") is None

    def test_a_look_that_pointed_readers_to_it_and_was_cut_off_is_made_good_by_the_sweep(self, world):
        world.deploy("topics", dataset())
        run = world.only_run()
        leave(run.id, asked(world), even_current=True, aliases=world.aliases, progress=world.progress)
        for _ in range(3):
            world.sweep()
        world.aliases.move(alias_of(run))
        world.sweep()
        assert world.aliases.of("topics") is None


class TestClocks:
    def test_a_clock_that_is_behind_keeps_nobody_from_going_back(self, world):
        first, _ = renewed(world)
        wish = Request(by="ann", at=world.clock.now() - timedelta(hours=5))
        alias = rollback("topics", "", wish, aliases=world.aliases, host=world.host, progress=world.progress)
        assert alias.run == first

    def test_the_time_of_a_wish_is_the_stores(self, world):
        assert world.ledger.clock() == world.clock.now()


class TestRetire:
    def gone(self, world, run_id, reason="", *, even_current=False):
        left = leave(
            run_id, asked(world, reason), even_current=even_current, aliases=world.aliases, progress=world.progress
        )
        for _ in range(3):
            try:
                return retire(
                    left,
                    aliases=world.aliases,
                    host=world.host,
                    progress=world.progress,
                    function="retire",
                    cause="retire/ann",
                )
            except Unavailable:
                continue
        raise AssertionError("it was never emptied")

    def test_a_former_space_goes_at_once(self, world):
        first, second = renewed(world)
        self.gone(world, first)
        assert world.ledger.load(first).state is State.RETIRED
        assert [endpoint.run for endpoint in world.host.endpoints()] == [second]

    def test_what_readers_use_stays_unless_that_is_wanted(self, world):
        world.deploy("topics", dataset())
        run_id = world.only_run().id
        with pytest.raises(NotAllowed, match="--even-current"):
            self.gone(world, run_id)
        self.gone(world, run_id, even_current=True)
        assert world.aliases.of("topics") is None
        assert list(world.host.endpoints()) == []

    def test_readers_whom_a_late_look_points_back_are_turned_away_again(self, world):
        """It read the run while it was deploying; another look deployed it, and then a person spoke."""
        world.deploy("topics", dataset())
        run = world.only_run()
        change = world.ledger.change

        def pointed_back_just_before(*arguments):
            world.ledger.change = change
            world.aliases.move(alias_of(run))
            return change(*arguments)

        world.ledger.change = pointed_back_just_before
        self.gone(world, run.id, even_current=True)
        assert world.ledger.change == change, "no look was late"
        assert world.only_run().state is State.RETIRED
        assert world.aliases.of("topics") is None

    def test_readers_whom_somebody_points_back_after_it_stay(self, world):
        first, second = renewed(world)
        world.clock.advance(5)
        leave(second, asked(world), even_current=True, aliases=world.aliases, progress=world.progress)
        world.clock.advance(5)
        for to in (first, second):
            rollback("topics", to, asked(world), aliases=world.aliases, host=world.host, progress=world.progress)
        for _ in range(3):
            world.sweep()
        assert world.ledger.load(second).state is State.DEPLOYED
        assert world.aliases.of("topics").run == second

    @pytest.mark.parametrize("even_current", [False, True])
    def test_one_that_was_cut_off_is_brought_to_its_end_by_the_next_sweep(self, even_current, world):
        first, second = renewed(world)
        wanted = second if even_current else first
        leave(wanted, asked(world), even_current=even_current, aliases=world.aliases, progress=world.progress)
        for _ in range(3):
            world.sweep()
        assert world.ledger.load(wanted).state is State.RETIRED
        assert (world.aliases.of("topics") is None) is even_current

    def told(self, world):
        """What the world and people are told of retirements."""
        for event in world.published(events.SpaceRetired):
            facts = dict(message_of(event).facts)
            yield (event.by, event.reason), (facts.get("By", ""), facts.get("Why", ""))

    def test_who_asked_for_it_and_why_is_on_record_and_told(self, world):
        first, _ = renewed(world)
        self.gone(world, first, "too dear")
        asked_for = world.ledger.load(first).retirement
        assert (asked_for.by, asked_for.reason) == ("ann", "too dear")
        assert list(self.told(world)) == [(("ann", "too dear"), ("ann", "too dear"))]

    def test_also_where_it_was_cut_off_and_the_sweep_did_it(self, world):
        first, _ = renewed(world)
        leave(first, asked(world, "zu teuer: 5 €"), even_current=False, aliases=world.aliases, progress=world.progress)
        for _ in range(3):
            world.sweep()
        assert list(self.told(world)) == [(("ann", "zu teuer: 5 €"), ("ann", "zu teuer: 5 €"))]

    def test_where_nobody_asked_for_it_nobody_is_named(self, world):
        first, second = renewed(world)
        self.gone(world, first, "too dear")
        world.clock.advance(60)
        approve(first, asked(world), host=world.host, progress=world.progress)
        for _ in range(4):
            world.watch()
        assert world.ledger.load(first).retirement is None
        rollback("topics", second, asked(world), aliases=world.aliases, host=world.host, progress=world.progress)
        for _ in range(3):
            world.clock.advance(25 * 3600)
            world.sweep()
        assert world.ledger.load(first).state is State.RETIRED
        assert [told for told, _ in self.told(world)] == [("ann", "too dear"), ("", "")]

    def test_a_retired_model_can_be_approved_again(self, world):
        first, second = renewed(world)
        self.gone(world, first)
        world.clock.advance(60)
        approve(first, asked(world), host=world.host, progress=world.progress)
        for _ in range(4):
            world.watch()
        assert world.ledger.load(first).state is State.DEPLOYED
        assert world.aliases.of("topics").run == first, "it was asked for later"
        assert world.aliases.of("topics").previous.run == second
