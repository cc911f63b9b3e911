"""The workers together, in memory: from a drop to a deployed model, and what goes wrong on the way."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.data import dataset, labels
from support.world import World

from dropforge import wire
from dropforge.aliases import Aliases
from dropforge.domain import events
from dropforge.domain.errors import Exhausted, Missing, Unavailable
from dropforge.domain.facts import Fault
from dropforge.domain.jobs import JobState, Look
from dropforge.domain.runs import State
from dropforge.wire import ObjectFinalized
from dropforge.workers.submit import submit
from dropforge.workers.sweep import sweep
from dropforge.workers.watch import watch


@pytest.fixture
def world() -> World:
    return World()


def load_one(world: World) -> None:
    """Bring a run so far that its model is loaded and has not been tried."""
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs()
    for _ in range(2):
        world.watch()


def test_a_dropped_folder_ends_as_a_deployed_model(world):
    world.deploy("topics", dataset())

    run = world.only_run()
    assert run.state is State.DEPLOYED
    assert [step.state.value for step in run.history] == [
        "validating",
        "validated",
        "submitted",
        "succeeded",
        "deploying",
        "deployed",
    ]
    assert run.judgement.verdict == "better"
    assert list(world.ledger.active()) == []
    assert world.aliases.of("topics").run == run.id


def test_each_public_event_is_told_once_under_its_own_id(world):
    world.deploy("topics", dataset())

    run = world.only_run()
    assert [event.id for event in world.bus.published] == [
        f"{run.id}/validated",
        f"{run.id}/submitted",
        f"{run.id}/succeeded",
        f"{run.id}/deployed",
    ]
    assert len(world.notifier.told) == 4


def test_the_job_reads_a_copy_of_exactly_what_was_validated(world):
    files = dataset()
    world.land(world.put("topics", files))
    world.react()

    run = world.only_run()
    [order] = world.tuner.jobs.values()
    assert order.parameters["corpus_path"] == f"gs://state/runs/{run.id}/input/corpus.jsonl"
    for name, data in files.items():
        assert world.state.read(f"runs/{run.id}/input/{name}")[0] == data


def test_only_the_newest_file_speaks_for_the_folder(world):
    outcomes = world.land(world.put("topics", dataset()))

    assert [outcome.what.value for outcome in outcomes] == ["deferred", "deferred", "deferred", "done"]


def test_every_event_delivered_five_times_in_reverse_makes_one_job_and_one_deployment(world):
    landed = world.put("topics", dataset())
    world.land(list(reversed(landed)) * 5)
    for _ in range(5):
        world._heard = 0
        world.react()
    world.finish_jobs()
    for _ in range(6):
        world._heard = 0
        world.watch()

    assert len(world.tuner.jobs) == 1
    assert world.host.deployments == 1
    assert world.only_run().state is State.DEPLOYED
    assert len(world.notifier.told) == len({event.id for event in world.bus.published}) == 4


def test_the_same_bytes_again_are_skipped_and_told_once_a_drop(world):
    world.deploy("topics", dataset())

    for _ in range(2):
        world.land(world.put("topics", dataset()))

    run = world.only_run()
    skipped = world.published(events.DatasetSkipped)
    assert [(event.run, event.state) for event in skipped] == [(run.id, State.VALIDATED)] * 2
    assert len({event.id for event in skipped}) == 2
    assert len(world.tuner.jobs) == 1


def test_one_changed_byte_is_a_new_version(world):
    world.deploy("topics", dataset())
    first = world.only_run()

    changed = dataset() | {"training_label.tsv": dataset()["training_label.tsv"].replace(b"q0\td0\t1", b"q0\td0\t2")}
    world.deploy("topics", changed)

    runs = [world.ledger.load(summary.id) for summary in world.ledger.summaries()]
    second = next(run for run in runs if run.id != first.id)
    assert second.state is State.DEPLOYED
    assert second.serving.previous_space == first.serving.space
    alias = world.aliases.of("topics")
    assert (alias.run, alias.previous.run) == (second.id, first.id)


def test_the_space_that_readers_used_before_is_told_of_even_if_it_is_retired_by_then(world, monkeypatch):
    world.deploy("topics", dataset())
    first = world.only_run()
    moved = Aliases.move

    def cut_off(self, *arguments):
        moved(self, *arguments)
        raise Unavailable("killed")

    monkeypatch.setattr(Aliases, "move", cut_off)
    world.deploy("topics", dataset(queries=90))
    monkeypatch.undo()
    world.aliases.forget_previous("topics", first.id)
    world.watch()
    assert world.published(events.ModelDeployed)[-1].previous_space_id == first.serving.space


def test_an_older_drop_that_is_done_later_does_not_move_the_alias_back(world):
    world.land(world.put("topics", dataset()))
    world.react()
    older = world.only_run()
    world.land(world.put("topics", dataset(queries=90)))
    world.react()
    newer = next(s for s in world.ledger.summaries() if s.id != older.id)
    world.tuner.end(world.ledger.load(newer.id).job, JobState.SUCCEEDED, metrics={})
    for _ in range(4):
        world.watch()
    world.finish_jobs()
    for _ in range(4):
        world.watch()

    assert world.aliases.of("topics").run == newer.id
    told = {event.run: event.current for event in world.published(events.ModelDeployed)}
    assert told == {newer.id: True, older.id: False}


def test_a_broken_folder_is_rejected_with_every_finding_and_no_job(world):
    broken = dataset() | {"test_label.tsv": labels([("q41", "d1", 1), ("nobody", "d2", 1), ("q42", "nowhere", 1)])}
    world.land(world.put("topics", broken))
    world.react()

    run = world.only_run()
    assert run.state is State.REJECTED
    [rejected] = world.published(events.DatasetRejected)
    assert {(finding.code, finding.file, finding.line) for finding in rejected.errors} == {
        ("labels-unknown-query", "test_label.tsv", 3),
        ("labels-unknown-document", "test_label.tsv", 4),
        ("labels-too-few-queries", "test_label.tsv", 0),
    }
    assert world.tuner.jobs == {}
    assert list(world.ledger.active()) == []


def test_a_folder_without_its_test_labels_waits(world):
    files = dataset()
    del files["test_label.tsv"]
    [*_, last] = world.land(world.put("topics", files))

    assert (last.what.value, last.why) == ("deferred", "waiting for test_label.tsv")
    assert list(world.ledger.summaries()) == []


def test_test_labels_may_be_split_off_by_the_service(world):
    files = dataset()
    del files["test_label.tsv"]
    world.land(world.put("topics", files | {"tuning.yaml": b"test_labels: split\n"}))
    world.react()

    [order] = world.tuner.jobs.values()
    assert order.parameters["test_label_path"] == ""


def test_a_manifest_completes_the_folder_without_waiting(world):
    world.put("topics", dataset())
    listed = [
        {"name": file.name.rpartition("/")[2], "size": file.size, "crc32c": file.crc32c}
        for file in world.drop.list("datasets/topics/")
    ]
    before = world.clock.now()
    [outcome] = world.land(world.put("topics", {"MANIFEST.json": wire.encode({"files": listed})}))

    assert outcome.why == "dataset validated"
    assert (world.clock.now() - before).total_seconds() == pytest.approx(0.1)


def test_a_file_replaced_while_it_is_checked_begins_again(world):
    landed = world.put("topics", dataset())
    stream = world.drop.open

    def replace_then_open(file):
        if file.name.endswith("corpus.jsonl"):
            world.drop.open = stream
            world.late = world.put("topics", {"corpus.jsonl": dataset(documents=21)["corpus.jsonl"]})
        return stream(file)

    world.drop.open = replace_then_open
    outcome = world.land(landed)[-1]
    assert outcome.what.value == "deferred"
    [again] = world.land(world.late)
    assert again.why == "dataset validated"
    assert [owed.run for owed in world.ledger.active()] == [world.only_run().id], "nothing is owed for what is gone"


@pytest.mark.parametrize(
    ("ending", "state"),
    [(JobState.FAILED, State.FAILED), (JobState.CANCELLED, State.CANCELLED)],
)
def test_a_job_that_does_not_succeed_is_told_and_not_deployed(world, ending, state):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs(ending)
    world.watch()

    assert world.only_run().state is state
    [complete] = world.published(events.JobComplete)
    assert complete.outcome == state.value
    assert list(world.host.endpoints()) == []
    assert list(world.ledger.active()) == []


def test_a_paused_job_is_told_and_followed_until_it_ends(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs(JobState.RUNNING)
    world.watch()
    world.finish_jobs(JobState.PAUSED)
    world.watch()
    assert world.only_run().state is State.PAUSED

    world.tuner.end(world.only_run().job, JobState.SUCCEEDED, metrics={})
    for _ in range(4):
        world.watch()
    assert [event.outcome for event in world.published(events.JobComplete)] == ["paused", "succeeded"]
    assert world.only_run().state is State.DEPLOYED


def test_a_job_that_vanished_fails_its_run(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.tuner.looks.clear()
    world.watch()

    assert (world.only_run().state, world.only_run().fault.code) == (State.FAILED, "NOT_FOUND")


def test_a_deployment_is_followed_though_its_job_was_removed(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs()
    world.watch()
    world.tuner.looks.clear()
    for _ in range(3):
        world.watch()
    assert world.only_run().state is State.DEPLOYED


def test_a_refused_job_fails_its_run_and_says_why(world):
    world.tuner.refuses = "batch_size must be a power of two"
    world.land(world.put("topics", dataset()))
    world.react()

    run = world.only_run()
    assert (run.state, run.fault.message) == (State.FAILED, "batch_size must be a power of two")
    assert world.published(events.JobComplete)[0].outcome == "failed"


def test_a_worse_model_is_withheld(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs(metrics={"base_ndcg_at_10": 0.8, "tuned_ndcg_at_10": 0.5})
    world.watch()

    run = world.only_run()
    assert (run.state, run.judgement.verdict) == (State.WITHHELD, "worse")
    assert [event.run for event in world.published(events.ModelWithheld)] == [run.id]
    assert list(world.host.endpoints()) == []
    assert world.aliases.of("topics") is None


def test_a_failed_deployment_leaves_nothing_that_bills(world):
    world.host.fails = Fault(code="INVALID_ARGUMENT", message="no such machine", step="", blame="system_error")
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs()
    for _ in range(4):
        world.watch()

    run = world.only_run()
    assert (run.state, run.fault.message) == (State.DEPLOY_FAILED, "no such machine")
    assert list(world.host.endpoints()) == []
    assert [event.run for event in world.published(events.DeployFailed)] == [run.id]


def test_a_model_that_answers_nonsense_is_not_pointed_to(world):
    world.host.wrong = True
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs()
    for _ in range(8):
        world.watch()

    run = world.only_run()
    assert (run.state, run.fault.step) == (State.DEPLOY_FAILED, "smoke prediction")
    assert (world.host.deployments, list(world.host.endpoints())) == (1, [])
    assert world.aliases.of("topics") is None


def test_a_folder_whose_name_cannot_be_used_is_told_of(world):
    world.land(world.put("My Topics", dataset()))

    told = world.published(events.DatasetMisnamed)
    assert {(event.dataset, event.suggestion) for event in told} == {("My Topics", "my-topics")}
    assert len(told) == 1

    world.land(world.put("My Topics", dataset()))
    assert len({event.id for event in world.published(events.DatasetMisnamed)}) == 2


def test_a_folder_dropped_into_another_is_told_of(world):
    world.land(world.put("topics/my-folder", dataset()))

    assert {(event.dataset, event.suggestion) for event in world.published(events.DatasetMisnamed)} == {
        ("topics/my-folder", "topics-my-folder")
    }


def test_files_elsewhere_start_nothing(world):
    for name in ("readme.txt", "datasets/", "datasets/topics/", "datasets/topics/a/b.jsonl", "datasets/t/x.part"):
        [outcome] = world.land([ObjectFinalized("drop", name, 1)])
        assert outcome.what.value == "ignored"
    assert world.bus.published == []


def test_a_step_that_a_tick_could_not_tell_is_told_by_the_next(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs()
    with world.bus_down():
        world.perform(watch, world.tick("watch"))
    assert world.only_run().state is State.SUCCEEDED
    assert world.published(events.JobComplete) == []

    world.perform(watch, world.tick("watch"))
    assert [event.outcome for event in world.published(events.JobComplete)] == ["succeeded"]


def test_a_bug_in_one_run_does_not_keep_the_watcher_from_the_next(world):
    for dataset_name in ("alpha", "beta"):
        world.land(world.put(dataset_name, dataset()))
    world.react()
    world.finish_jobs()
    look = world.tuner.look

    def broken_for_alpha(job):
        return {}["bug"] if "alpha" in job else look(job)

    world.tuner.look = broken_for_alpha
    assert world.watch().why == "2 in flight, looked at 2, moved 1; 0 waiting, submitted 0"
    states = {summary.dataset: summary.state for summary in world.ledger.summaries()}
    assert states == {"alpha": State.SUBMITTED, "beta": State.DEPLOYING}


def test_only_a_job_that_begins_or_ends_is_looked_at_by_itself(world):
    for dataset_name in ("alpha", "beta", "gamma"):
        world.land(world.put(dataset_name, dataset()))
    world.react()
    look, looked_at = world.tuner.look, []
    world.tuner.look = lambda job: looked_at.append(job) or look(job)
    world.watch()
    assert looked_at == []
    world.finish_jobs(JobState.RUNNING)
    for _ in range(3):
        world.watch()
    assert len(looked_at) == 3
    [beta] = [job for job in world.tuner.jobs if "beta" in job]
    world.tuner.end(beta, JobState.FAILED)
    for _ in range(3):
        world.watch()
    assert looked_at[3:] == [beta]


def test_a_manifest_of_some_files_completes_nothing(world):
    world.put("topics", {"corpus.jsonl": dataset()["corpus.jsonl"]})
    [file] = world.drop.list("datasets/topics/")
    manifest = wire.encode({"files": [{"name": "corpus.jsonl", "size": file.size, "crc32c": file.crc32c}]})
    [outcome] = world.land(world.put("topics", {"MANIFEST.json": manifest}))

    assert outcome.why == "waiting for queries.jsonl, training_label.tsv, test_label.tsv"


def test_a_stray_file_in_the_settling_time_does_not_strand_the_drop(world):
    [*_, last] = world.put("topics", dataset())
    sleep = world.clock.sleep

    def somebody_adds_a_readme(seconds):
        sleep(seconds)
        world.late = world.put("topics", {"README.md": b"about topics"})

    world.clock.sleep = somebody_adds_a_readme
    [outcome] = world.land([last])
    world.clock.sleep = sleep
    [stray] = world.land(world.late)
    assert (outcome.why, stray.why) == ("dataset validated", "no file of a dataset")
    assert world.only_run().checked.counts == {}


def test_a_replaced_configuration_is_never_taken_for_none(world):
    landed = world.put("topics", dataset() | {"tuning.yaml": b"train_steps: 60\n"})
    stream, opened = world.drop.open, []

    def replace_then_open(file):
        if file.name.endswith("tuning.yaml"):
            opened.append(file)
            if len(opened) == 1:
                world.late = world.put("topics", {"tuning.yaml": b"train_steps: 61\n"})
        return stream(file)

    world.drop.open = replace_then_open
    world.land(landed[-1:])
    world.drop.open = stream
    world.land(world.late)
    assert [world.ledger.load(run.id).tuning.train_steps for run in world.ledger.summaries()] == [61]


def test_an_encoded_file_is_told_of_and_never_opened(world):
    listing = world.drop.list

    def encoded(prefix):
        return iter([replace(file, encoding="gzip") for file in listing(prefix)])

    world.drop.list = encoded
    world.drop.open = None
    world.land(world.put("topics", dataset() | {"tuning.yaml": b"train_steps: 60\n"}))
    counts = world.only_run().checked.counts
    assert counts == {"bytes-encoded": 4, "tuning-unreadable": 1}


def test_a_manifest_that_does_not_fit_is_told_of(world):
    manifest = wire.encode({"files": [{"name": "corpus.jsonl", "size": 1, "crc32c": "AAAAAA=="}]})
    world.land(world.put("topics", dataset() | {"MANIFEST.json": manifest}))

    [rejected] = world.published(events.DatasetRejected)
    assert [finding.message for finding in rejected.errors] == ['"corpus.jsonl" is not as it is listed']


@pytest.mark.parametrize("manifest", [b"[" * 5_000, b"{}", b"not json"])
def test_a_manifest_that_cannot_be_read_is_told_of(world, manifest):
    world.land(world.put("topics", dataset() | {"MANIFEST.json": manifest}))

    [rejected] = world.published(events.DatasetRejected)
    assert [finding.code for finding in rejected.errors] == ["manifest-unreadable"]


def test_a_refusal_that_was_not_told_is_told_on_redelivery(world):
    world.tuner.refuses = "no"
    world.land(world.put("topics", dataset()))
    [validated_event] = world.bus.published
    with world.bus_down(), pytest.raises(Unavailable):
        world.perform(submit, validated_event)
    world.perform(submit, validated_event)
    assert [event.outcome for event in world.published(events.JobComplete)] == ["failed"]


def test_a_submission_is_told_though_the_watcher_was_faster(world):
    world.land(world.put("topics", dataset()))
    [validated_event] = world.bus.published
    with world.bus_down(), pytest.raises(Unavailable):
        world.perform(submit, validated_event)
    world.finish_jobs(JobState.RUNNING)
    world.perform(watch, world.tick("watch"))
    assert world.only_run().state is State.RUNNING
    [told] = world.published(events.TuningSubmitted)
    assert (told.state, told.id) == (State.SUBMITTED, f"{told.run}/submitted")
    world.perform(submit, validated_event)
    assert world.published(events.TuningSubmitted) == [told], "what was told is not told again"


def test_a_submission_whose_event_was_lost_before_it_was_told_is_told_by_the_sweep(world):
    world.land(world.put("topics", dataset()))
    [validated_event] = world.bus.published
    with world.bus_down(), pytest.raises(Unavailable):
        world.perform(submit, validated_event)
    world.clock.advance(601)
    world.perform(sweep, world.tick("sweep"))
    assert len(world.published(events.TuningSubmitted)) == 1


def test_a_twin_that_finds_a_file_gone_leaves_the_run_alone(world):
    [*_, last] = world.put("topics", dataset())
    stream = world.drop.open

    def twin_is_faster(file):
        world.drop.open = stream
        world.land([last])
        world.react()
        world.put("topics", {"corpus.jsonl": dataset(documents=30)["corpus.jsonl"]})
        return stream(file)

    world.drop.open = twin_is_faster
    world.land([last])
    run = world.only_run()
    assert (run.state, [owed.run for owed in world.ledger.active()]) == (State.SUBMITTED, [run.id])


@pytest.mark.parametrize("gone", ["model", "input"])
def test_a_deployment_that_cannot_come_to_anything_is_given_up_and_told(world, gone):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs()
    world.watch()
    run = world.only_run()

    def no_model(*_):
        raise Missing("the model is not there")

    if gone == "model":
        world.host.deploy = no_model
    else:
        world.state.delete(f"runs/{run.id}/input/training_label.tsv")
    for _ in range(8):
        world.watch()
    assert world.only_run().state is State.DEPLOY_FAILED
    assert list(world.host.endpoints()) == []
    assert len(world.published(events.DeployFailed)) == 1


def test_an_alias_is_never_left_on_an_endpoint_that_was_cleared_away(world):
    load_one(world)
    reach = world.aliases.move

    def cut_off(to):
        reach(to)
        raise Unavailable("the instance went away")

    world.aliases.move = cut_off
    world.perform(watch, world.tick("watch"))
    world.aliases.move = reach
    assert world.aliases.of("topics") is not None

    world.host.wrong = True  # and now the model answers nonsense for a moment
    world.watch()
    assert world.only_run().state is State.DEPLOYED


def test_a_look_that_was_held_up_does_not_give_up_what_another_has_opened(world):
    load_one(world)
    embed = world.host.embed

    def answers_late(*_):
        world.host.embed = embed
        world.watch()  # another look finds that all is well, while this one waits for an answer
        raise Missing("the endpoint did not answer")

    world.host.embed = answers_late
    world.watch()
    run = world.only_run()
    assert (run.state, run.fault) == (State.DEPLOYED, None)
    assert world.host.serves(run.serving.endpoint, run.serving.deployed_model)
    assert world.published(events.DeployFailed) == []


def test_a_look_that_was_held_up_does_not_take_away_what_another_was_about_to_open(world):
    """The other was cut off between its decision and the alias: the next look points readers there."""
    load_one(world)
    embed, move = world.host.embed, world.aliases.move

    def cut_off(_):
        world.aliases.move = move
        raise Unavailable("the machine went away")

    def answers_late(*_):
        world.host.embed, world.aliases.move = embed, cut_off
        world.watch()
        raise Missing("the endpoint did not answer")

    world.host.embed = answers_late
    for _ in range(2):
        world.watch()
    run = world.only_run()
    assert (run.state, run.fault) == (State.DEPLOYED, None)
    assert world.host.serves(run.serving.endpoint, run.serving.deployed_model)
    assert world.published(events.DeployFailed) == []


def test_a_look_that_was_held_up_does_not_open_what_another_has_given_up(world):
    load_one(world)
    embed = world.host.embed

    def given_up_meanwhile(*arguments):
        world.host.embed = embed
        world.host.wrong = True
        for _ in range(3):
            world.watch()
        world.host.wrong = False
        return [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]

    world.host.embed = given_up_meanwhile
    world.watch()
    assert world.only_run().state is State.DEPLOY_FAILED
    assert world.aliases.of("topics") is None
    assert list(world.host.endpoints()) == []


def test_a_look_that_is_out_of_date_is_not_believed(world):
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs(JobState.RUNNING)
    world.watch()
    look = world.tuner.look

    def answers_late(job):
        world.tuner.look = look
        for state in (JobState.PAUSED, JobState.RUNNING):
            world.tuner.end(job, state)
            world.watch()  # others see it paused and resumed, while this look waits
        return Look(state=JobState.PAUSED)

    world.finish_jobs(JobState.PAUSED)
    world.tuner.look = answers_late
    world.watch()
    assert [step.state.value for step in world.only_run().history[3:]] == ["running", "paused", "running"]


class TestQuota:
    """Where the service takes no more jobs for the moment, runs wait in the ledger and nothing fails."""

    @pytest.fixture
    def asked(self, world):
        """Three validated runs that wait; gives what the service is asked for, and how much it still takes."""
        submit_for_real, asked = world.tuner.submit, SimpleNamespace(ids=[], room=0)

        def limited(order):
            asked.ids.append(order.id)
            if asked.room == 0:
                raise Exhausted("60 submissions a minute")
            asked.room -= 1
            return submit_for_real(order)

        world.tuner.submit = limited
        for name in ("gamma", "alpha", "beta"):
            world.land(world.put(name, dataset()))
            world.clock.advance(1)
        world.react()
        return asked

    def states(self, world):
        return {summary.dataset: summary.state.value for summary in world.ledger.summaries()}

    def test_a_run_waits_and_its_event_is_acknowledged(self, world, asked):
        assert self.states(world) == dict.fromkeys(("alpha", "beta", "gamma"), "validated")
        assert [outcome.why for outcome in world.outcomes if "quota" in outcome.why] == [
            "no room yet (quota): the watcher submits it"
        ] * 3

    def test_the_watcher_submits_the_oldest_first_and_asks_once_too_often(self, world, asked):
        asked.ids.clear()
        asked.room = 1
        assert world.watch().why.endswith("3 waiting, submitted 1")
        assert self.states(world) == {"gamma": "submitted", "alpha": "validated", "beta": "validated"}
        assert [run.partition("-")[0] for run in asked.ids] == ["gamma", "alpha"]

        asked.room = 5
        world.watch()
        assert set(self.states(world).values()) == {"submitted"}
        assert world.watch().why.endswith("0 waiting, submitted 0")

    def test_the_sweep_leaves_them_to_the_watcher(self, world, asked):
        asked.ids.clear()
        world.clock.advance(3600)
        world.sweep()
        assert asked.ids == []
