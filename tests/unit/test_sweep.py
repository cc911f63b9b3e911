"""What events missed the sweep finds and does: every kind of loss, one at a time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.data import dataset
from support.world import World

from dropforge.domain import events
from dropforge.domain.errors import Exhausted, Unavailable
from dropforge.domain.jobs import JobState
from dropforge.domain.runs import STUCK_AFTER, State
from dropforge.examine import Examiner
from dropforge.ledger import Ledger
from dropforge.markers import Intent
from dropforge.outcome import Outcome
from dropforge.workers.sweep import sweep
from dropforge.workers.validate import Intake
from dropforge.workers.watch import watch

PATIENCE = 601  # seconds: a moment longer than a sweep leaves things to events


@pytest.fixture
def world() -> World:
    return World()


def swept(world: World, *, after: float = PATIENCE) -> Outcome:
    """One sweep, nobody hearing of anything."""
    world.clock.advance(after)
    return world.perform(sweep, world.tick("sweep"))


def test_a_drop_that_nobody_heard_of_is_taken_in(world):
    world.put("topics", dataset())
    world._heard = 10**9
    world.sweep()
    assert list(world.ledger.summaries()) == []

    world.clock.advance(601)
    world.sweep()
    assert world.only_run().state is State.VALIDATED


def test_a_sweep_does_itself_what_lost_events_should_have_brought_about(world):
    world.put("topics", dataset())
    assert swept(world).why == "repaired 1"
    assert world.only_run().state is State.VALIDATED

    swept(world)
    assert world.only_run().state is State.SUBMITTED
    world.finish_jobs()
    world.perform(watch, world.tick("watch"))
    assert world.only_run().state is State.SUCCEEDED

    swept(world)
    assert world.only_run().state is State.DEPLOYING
    for _ in range(3):
        world.perform(watch, world.tick("watch"))
    assert world.only_run().state is State.DEPLOYED


def test_what_was_told_is_not_told_again(world):
    world.land(world.put("topics", dataset()))
    swept(world)
    ids = [event.id for event in world.bus.published]
    assert len(ids) == len(set(ids)) == 2


def test_what_events_may_yet_do_is_left_to_them(world):
    world.land(world.put("topics", dataset()))
    assert swept(world, after=599).why == "repaired 0"
    assert world.only_run().state is State.VALIDATED


def test_one_that_fails_does_not_keep_the_sweep_from_the_next(world):
    for name in ("alpha", "beta", "gamma"):
        world.land(world.put(name, dataset()))
    submit = world.tuner.submit

    def broken_for_beta(order):
        return {}["bug"] if "beta" in order.id else submit(order)

    world.tuner.submit = broken_for_beta
    swept(world)
    states = {summary.dataset: summary.state for summary in world.ledger.summaries()}
    assert states == {"alpha": State.SUBMITTED, "beta": State.VALIDATED, "gamma": State.SUBMITTED}


def test_a_listing_that_fails_does_not_hide_the_others(world):
    world.land(world.put("topics", dataset()))

    def broken(_):
        raise RuntimeError("a bug")

    world.drop.list = broken
    swept(world)
    assert world.only_run().state is State.SUBMITTED


def test_a_sweep_that_runs_out_of_time_goes_on_at_the_next_tick(world):
    for number in range(6):
        world.land(world.put(f"set-{number}", dataset()))
    submit = world.tuner.submit

    def slow(order):
        world.clock.advance(world.settings.working_time.total_seconds() / 3)
        return submit(order)

    world.tuner.submit = slow
    swept(world)
    submitted = [summary for summary in world.ledger.summaries() if summary.state is State.SUBMITTED]
    assert len(submitted) == 3
    swept(world, after=1)
    assert {summary.state for summary in world.ledger.summaries()} == {State.SUBMITTED}


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.RUNNING, JobState.PAUSED])
def test_a_job_that_does_not_get_on_is_told_of_once(world, state):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs(state)
    world.watch()
    run = world.only_run()
    bound = STUCK_AFTER[run.state].total_seconds()
    swept(world, after=bound - 60)
    assert world.published(events.RunStuck) == []
    swept(world, after=120)
    swept(world)
    [told] = world.published(events.RunStuck)
    assert (told.run, told.state, told.since) == (run.id, run.state, run.updated)
    assert told.id == f"{run.id}/stuck/{run.state}"


def test_a_deployment_that_does_not_get_on_is_told_of(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs()
    world.watch()
    swept(world, after=6 * 3600 + 1)
    assert [event.state for event in world.published(events.RunStuck)] == [State.DEPLOYING]


def renewed(world: World) -> tuple[str, str]:
    """Deploy a dataset, then another version of it; gives both runs."""
    world.deploy("topics", dataset())
    first = world.only_run().id
    world.deploy("topics", dataset(queries=90))
    [second] = {summary.id for summary in world.ledger.summaries()} - {first}
    return first, second


def test_a_space_that_readers_left_is_retired_once_it_was_kept_long_enough(world):
    first, second = renewed(world)
    swept(world, after=23 * 3600)
    assert len(list(world.host.endpoints())) == 2, "kept for a rollback"

    for _ in range(3):  # empty the endpoint, remove it, say so
        swept(world, after=3600)
    assert world.ledger.load(first).state is State.RETIRED
    assert [endpoint.run for endpoint in world.host.endpoints()] == [second]
    [told] = world.published(events.SpaceRetired)
    assert told.space_id.startswith(first)
    alias = world.aliases.of("topics")
    assert (alias.run, alias.previous) == (second, None), "no rollback leads to what is gone"
    assert list(world.aliases.left()) == []


def test_a_space_that_readers_use_again_stays(world):
    first, second = renewed(world)
    [left] = world.aliases.left()
    assert left.run == first
    current = world.aliases.of("topics")
    world.aliases.move(replace(current.previous, wanted_at=current.wanted_at))
    assert world.aliases.of("topics").run == first
    for _ in range(4):
        swept(world, after=25 * 3600)
    assert world.ledger.load(first).state is State.DEPLOYED
    assert world.ledger.load(second).state is State.RETIRED


def test_the_space_of_an_older_drop_that_is_done_later_is_retired_too(world):
    old = world.put("topics", dataset())
    world.land(old)
    world.react()
    first = world.only_run().id
    deploy_later = world.tuner.looks.copy()
    new = world.put("topics", {"corpus.jsonl": dataset(documents=21)["corpus.jsonl"]})
    world.land(new)
    world.react()
    [second] = {summary.id for summary in world.ledger.summaries()} - {first}
    for job in world.tuner.looks.keys() - deploy_later.keys():
        world.tuner.end(job, JobState.SUCCEEDED, metrics={"base_ndcg_at_10": 0.5, "tuned_ndcg_at_10": 0.8})
    for _ in range(4):
        world.watch()
    world.finish_jobs()
    for _ in range(4):
        world.watch()
    assert world.aliases.of("topics").run == second
    assert {run.id: run.serving.current for run in map(world.ledger.load, (first, second))} == {
        first: False,
        second: True,
    }
    for _ in range(4):
        swept(world, after=25 * 3600)
    assert world.ledger.load(first).state is State.RETIRED
    assert world.ledger.load(second).state is State.DEPLOYED


def test_a_retirement_that_was_cut_off_before_it_was_told_is_told(world):
    first, _ = renewed(world)
    swept(world, after=25 * 3600)
    with world.bus_down():
        swept(world)
    assert world.ledger.load(first).state is State.RETIRED
    assert world.published(events.SpaceRetired) == []
    swept(world)
    swept(world)
    assert len(world.published(events.SpaceRetired)) == 1


def test_an_endpoint_for_which_no_run_accounts_is_told_of_and_left_alone(world):
    world.host.create_endpoint("somebody", {"managed-by": "dropforge", "dropforge-run": "somebody-0123456789ab"})
    swept(world)
    swept(world)
    [told] = world.published(events.EndpointUnowned)
    assert told.endpoint == world.host.endpoint("somebody")
    assert len(list(world.host.endpoints())) == 1


def test_the_endpoint_of_a_deployed_run_is_nobodys_news(world):
    world.deploy("topics", dataset())
    swept(world)
    assert world.published(events.EndpointUnowned) == []


def test_readers_hear_in_time_that_their_base_model_will_be_retired(world):
    world.deploy("topics", dataset())
    swept(world, after=(timedelta(days=59)).total_seconds())
    assert world.published(events.BaseModelRetiring) == []
    swept(world, after=timedelta(days=3).total_seconds())
    swept(world)
    [told] = world.published(events.BaseModelRetiring)
    assert (told.dataset, told.base_model, f"{told.retires:%Y-%m-%d}") == ("topics", "text-embedding-005", "2027-04-01")


def test_a_validation_cut_off_is_begun_again(world):
    world.put("topics", dataset())
    world.ledger.begin(Intent("topics-0123456789ab", "topics", world.clock.now()))
    world.clock.advance(601)
    world.sweep()

    assert world.only_run().state is State.SUBMITTED
    assert [owed.run for owed in world.ledger.active()] == [world.only_run().id]


def test_a_record_that_is_made_late_is_never_without_a_marker(world, monkeypatch):
    """Given a validator that was frozen until a sweep had given up its run, and then fails, expect the run to go on."""
    check, mark = Examiner.check, Ledger._mark

    def frozen(self, *arguments):
        world.clock.advance(1_000)
        [owed] = world.ledger.active()
        world.state.delete(f"active/{owed.run}")
        return check(self, *arguments)

    def failing(self, intent, *, replacing, noting=None):
        if replacing is None:
            raise Unavailable("storage did not answer")
        return mark(self, intent, replacing=replacing, noting=noting)

    with monkeypatch.context() as patch:
        patch.setattr(Examiner, "check", frozen)
        patch.setattr(Ledger, "_mark", failing)
        landed = world.put("topics", dataset())
        world.land(landed[:-1])
        with pytest.raises(Unavailable):
            world.land(landed[-1:])
    world.land(world.put("topics", dataset(queries=90)))  # the folder speaks for another version from now on
    world.react()
    world.clock.advance(world.settings.patience_seconds + 1)
    world.sweep()
    assert {run.state for run in world.ledger.summaries()} == {State.SUBMITTED}


def test_a_marker_that_was_set_back_by_a_late_note_hides_no_job_that_has_ended(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.state.annotate(f"active/{world.only_run().id}", {"told": "2", "state": "validated"})
    world.finish_jobs()
    world.clock.advance(200)
    world.watch()
    assert world.only_run().state in {State.SUCCEEDED, State.DEPLOYING}


def test_a_marker_that_a_late_validator_left_on_an_ended_run_is_removed_without_a_sweep(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs(JobState.FAILED)
    world.watch()
    run = world.only_run()
    assert not list(world.ledger.active())
    world.ledger.begin(Intent(run.id, run.dataset, run.started))  # frozen before this write, ended after it
    world.clock.advance(200)
    world.watch()
    assert not list(world.ledger.active())
    assert world.only_run().history == run.history


def test_an_incomplete_folder_is_told_of_once(world):
    files = dataset()
    files["Test_Label.csv"] = files.pop("test_label.tsv")
    world.land(world.put("topics", files))
    world.clock.advance(3601)
    world.sweep()
    world.sweep()

    [told] = world.published(events.DatasetIncomplete)
    assert told.missing == ("test_label.tsv",)
    assert told.probably_meant == {"test_label.tsv": "Test_Label.csv"}


def test_a_folder_that_is_completed_while_it_is_looked_at_is_not_called_incomplete(world, monkeypatch):
    files = dataset()
    late = {"test_label.tsv": files.pop("test_label.tsv")}
    world.land(world.put("topics", files))
    world.clock.advance(3601)

    def landing(seconds):
        """Somebody uploads more while the sweep waits for quiet."""
        monkeypatch.undo()
        world.put("topics", {"tuning.yaml": b"train_steps: 30\n"})
        world.clock.advance(seconds)

    consider = Intake.consider

    def completed_meanwhile(self, *arguments, **named):
        if late:
            world.put("topics", late)
            late.clear()
        return consider(self, *arguments, **named)

    monkeypatch.setattr(Intake, "consider", completed_meanwhile)
    monkeypatch.setattr(world.clock, "sleep", landing)
    world.sweep()
    assert world.published(events.DatasetIncomplete) == []


def test_a_folder_in_which_every_name_is_wrong_is_told_of(world):
    right = ("corpus.jsonl", "queries.jsonl", "training_label.tsv", "test_label.tsv")
    wrong = ("Corpus.jsonl", "queries.json", "training-label.tsv", "tests.tsv")
    world.land(world.put("topics", {bad: dataset()[good] for bad, good in zip(wrong, right, strict=True)}))
    world.clock.advance(3601)
    world.sweep()

    [told] = world.published(events.DatasetIncomplete)
    assert told.missing == right
    assert told.probably_meant == dict(zip(right[:3], wrong[:3], strict=True))


def test_a_misnamed_folder_that_nobody_heard_of_is_told_of_once(world):
    world.put("My Topics", dataset())
    world.clock.advance(601)
    world.sweep()
    world.sweep()
    assert [event.dataset for event in world.published(events.DatasetMisnamed)] == ["My Topics"]


def test_a_folder_taken_in_costs_the_sweep_no_further_look(world):
    world.deploy("topics", dataset())
    world.clock.advance(601)
    before = len(world.bus.published)
    assert world.sweep().why == "repaired 0"
    assert len(world.bus.published) == before


@pytest.mark.parametrize("noted", [{"state": "archived"}, {"told": "many"}, {"begun": "yesterday"}])
def test_a_marker_that_cannot_be_read_hides_no_other_run(world, noted):
    for name in ("alpha", "beta"):
        world.land(world.put(name, dataset()))
    world.react()
    [alpha, beta] = [summary.id for summary in world.ledger.summaries()]
    world.state.annotate(f"active/{alpha}", noted)
    world.finish_jobs()
    for _ in range(5):
        world.watch()
    swept(world)
    for _ in range(5):
        world.watch()
    assert {world.ledger.load(run).state for run in (alpha, beta)} == {State.DEPLOYED}


def test_a_listing_of_jobs_that_fails_does_not_keep_deployments_from_being_followed(world):
    world.land(world.put("alpha", dataset()))
    world.react()
    world.finish_jobs()
    world.watch()
    world.land(world.put("beta", dataset()))
    world.react()

    def refused(_):
        raise Unavailable("the service did not answer")

    world.tuner.states = refused
    for _ in range(3):
        world.watch()
    states = {summary.dataset: summary.state for summary in world.ledger.summaries()}
    assert states == {"alpha": State.DEPLOYED, "beta": State.SUBMITTED}


def test_a_retirement_is_told_after_the_deployment_and_leaves_nothing_behind(world):
    first, _ = renewed(world)
    run = world.ledger.load(first)
    world.ledger.begin(Intent(first, "topics", run.started))  # as if nothing of it had been told
    for _ in range(4):
        swept(world, after=25 * 3600)
    assert world.ledger.load(first).state is State.RETIRED
    assert first not in {owed.run for owed in world.ledger.active()}
    told = [event.id for event in world.bus.published if event.id.startswith(first)]
    assert told.index(f"{first}/retired") > len(told) - 1 - told[::-1].index(f"{first}/deployed")
    before = len(world.bus.published)
    swept(world)
    world.watch()
    assert len(world.bus.published) == before


def test_a_space_that_is_being_left_just_now_is_not_forgotten(world):
    world.deploy("topics", dataset())
    first = world.only_run().id
    alias = world.aliases.of("topics")
    write, swept_meanwhile = world.state.write, []

    def swept_before_the_alias_moves(name, data, *, replacing, metadata=None):
        if name == "aliases/topics.json" and not swept_meanwhile:
            swept_meanwhile.append(name)
            swept(world, after=25 * 3600)  # it finds the mark, and the alias where it was
        return write(name, data, replacing=replacing, metadata=metadata)

    world.state.write = swept_before_the_alias_moves
    world.aliases.move(replace(alias, run="topics-0123456789ab", wanted_at=alias.wanted_at + timedelta(hours=1)))
    assert [left.run for left in world.aliases.left()] == [first]


@pytest.mark.parametrize("state", ["waiting", "succeeded"])
def test_a_run_that_waits_for_too_long_is_told_of(world, state):
    world.land(world.put("topics", dataset()))
    if state == "waiting":
        world.tuner.submit = lambda order: _raise(Exhausted("no quota"))
        world.react()
    else:
        world.react()
        world.finish_jobs()
        world.host.create_endpoint = lambda *_: _raise(Unavailable("no rights"))
        world.perform(watch, world.tick("watch"))
    swept(world, after=7 * 3600)
    swept(world)
    assert [event.run for event in world.published(events.RunStuck)] == [world.only_run().id]


def _raise(error):
    raise error


@pytest.mark.parametrize("name", ["数据" * 90, "📦" * 60])
def test_a_folder_with_a_long_name_is_told_of_once(world, name):
    world.put(name, dataset())
    swept(world)
    swept(world)
    [told] = world.published(events.DatasetMisnamed)
    assert len(told.id.encode()) < 1_024
    world.react()
    assert len(world.notifier.told) == 1
    assert all(len(file.name.encode()) < 1_024 for file in world.state.list(""))
