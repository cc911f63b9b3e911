"""`dropforge events`: heard as it comes, published again as it was, described without a stack."""

import json
import os
import re
import signal
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import failed
from support.data import dataset
from support.world import World
from typer.testing import CliRunner

from dropforge import wire
from dropforge.cli import events
from dropforge.cli import main as command_line
from dropforge.doctor.facts import Subscription
from dropforge.domain.events import EVERY_TYPE, JobComplete
from dropforge.domain.runs import State
from dropforge.reports.examples import PROJECT, examples
from dropforge.reports.schemas import schema, short

ROOT = Path(__file__).parents[2]
EXAMPLES = examples()


class Heard:
    """Listening, to what a test puts here; then somebody ends it."""

    def __init__(self):
        self.messages = []
        self.asked = None
        self.ended = False

    @contextmanager
    def to(self, topics, *, dataset, within):
        self.asked = (topics, dataset, within)
        try:
            yield self._one_by_one()
        finally:
            self.ended = True

    def _one_by_one(self):
        yield from self.messages
        os.kill(os.getpid(), signal.SIGTERM)


class Wiring:
    """Two subscriptions to one topic, one to another."""

    def subscriptions(self):
        pairs = [("search-team", "job-complete"), ("deploy_model.job-complete", "job-complete"), ("x", "notices")]
        return tuple(
            Subscription(name=name, topic=topic, push="", dead_letters="", expires=False, backs_off=True)
            for name, topic in pairs
        )


@pytest.fixture
def world(monkeypatch):
    world = World()
    world.listening, world.wiring = Heard(), Wiring()
    monkeypatch.setattr(events, "connect", lambda: world)
    return world


@pytest.fixture
def deployed(world):
    """A run that came home."""
    world.deploy("topics", dataset())
    return world.only_run()


def asked(*arguments, say=""):
    return CliRunner().invoke(command_line.app, ["events", *arguments], input=say)


def said(*arguments, say=""):
    answer = asked(*arguments, say=say)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


class TestTail:
    def test_each_event_is_a_line(self, world):
        world.listening.messages = [
            wire.publishable(EXAMPLES[name], PROJECT) for name in ("job.complete", "base-model.retiring")
        ]
        complete, retiring = said("tail", "--count", "2").splitlines()
        run = EXAMPLES["job.complete"].run
        assert complete == f"2026-11-02 10:37:15  topics  {run}  job.complete  topics: tuning succeeded"
        assert retiring.startswith(f"2027-01-01 00:00:00  topics  {run}  base-model.retiring  ")
        assert world.listening.ended

    def test_json_holds_attributes_and_data(self, world):
        data, attributes = wire.publishable(EXAMPLES["model.deployed"], PROJECT)
        world.listening.messages = [(data, attributes)]
        assert json.loads(said("tail", "--json", "--count", "1")) == {
            "attributes": attributes,
            "data": json.loads(data),
        }

    def test_topics_a_dataset_and_whose_subscription_it_is_are_chosen(self, world):
        asked("tail", "--topic", "notices", "--topic", "job-complete", "--dataset", "topics", "--project", "mine")
        assert world.listening.asked == (("notices", "job-complete"), "topics", "mine")
        asked("tail")
        assert world.listening.asked[0] == tuple(dict.fromkeys(kind.TOPIC for kind in EVERY_TYPE))

    def test_what_ends_it_by_hand_leaves_nothing_behind(self, world):
        before = signal.getsignal(signal.SIGTERM)
        assert asked("tail").exit_code == 130
        assert world.listening.ended
        assert signal.getsignal(signal.SIGTERM) is before

    @pytest.mark.parametrize("form", [[], ["--json"]])
    def test_what_a_dataset_says_does_not_reach_the_terminal(self, world, form):
        hostile = "\x1b[2Jtopics\u202e\nrun"
        data, attributes = wire.publishable(EXAMPLES["job.complete"], PROJECT)
        content = json.loads(data) | {"dataset": hostile, "run": hostile}
        world.listening.messages = [(json.dumps(content).encode(), attributes | {"dataset": hostile, "ce-id": hostile})]
        [line] = said("tail", "--count", "1", *form).splitlines()
        assert line.isprintable()

    @pytest.mark.parametrize(
        ("data", "attributes"),
        [
            (
                b"{}",
                {"ce-type": "dropforge.of.a.later.release.v1\x1b", "ce-id": "r/x", "ce-time": "2026-11-02T09:00:00Z"},
            ),
            (b"no JSON", {"ce-type": "dropforge.job.complete.v1", "ce-id": "r/x", "ce-time": "2026-11-02T09:00:00Z"}),
            (b"\xff", {}),
        ],
    )
    def test_what_cannot_be_read_is_a_line_too_and_listening_goes_on(self, world, data, attributes):
        good = wire.publishable(EXAMPLES["job.complete"], PROJECT)
        world.listening.messages = [(data, attributes), good]
        first, second = said("tail", "--count", "2").splitlines()
        assert attributes.get("ce-id", "not known") in first
        assert first.isprintable()
        assert "job.complete" in second
        assert len(said("tail", "--json", "--count", "2").splitlines()) == 2

    def test_a_topic_that_is_none_of_ours_is_refused(self, world, capsys, monkeypatch):
        error = failed(capsys, monkeypatch, "events", "tail", "--topic", "watch-requests")
        assert error.startswith("dropforge: there is no public topic watch-requests: there are dataset-validated, ")
        assert world.listening.asked is None


class TestReplay:
    def published(self, world):
        return [wire.publishable(event, PROJECT) for event in world.bus.published]

    def test_a_run_is_told_again_to_the_byte(self, world, deployed):
        before = self.published(world)
        told = said("replay", "topics", "--yes")
        assert self.published(world) == 2 * before
        for event in world.bus.published:
            assert f"published {event.id} to {event.TOPIC}" in told

    def test_nothing_is_done_twice_for_it(self, world, deployed):
        jobs, told = dict(world.tuner.jobs), list(world.notifier.told)
        said("replay", deployed.id, "--yes")
        world.react()
        for _ in range(3):
            world.watch()
        assert world.only_run() == deployed
        assert (world.tuner.jobs, world.notifier.told) == (jobs, told)

    @pytest.mark.parametrize("chosen", [["--topic", "job-complete"], ["--state", "succeeded"]])
    def test_only_what_was_asked_for(self, world, deployed, chosen):
        world.bus.published.clear()
        said("replay", deployed.id, "--yes", *chosen)
        [event] = world.bus.published
        assert (type(event), event.id) == (JobComplete, f"{deployed.id}/succeeded")

    def test_without_a_yes_nothing_is_published(self, world, deployed):
        before = len(world.bus.published)
        answer = asked("replay", deployed.id, say="n\n")
        assert answer.exit_code == 1
        assert f"{deployed.id}/deployed" in answer.output
        assert len(world.bus.published) == before
        said("replay", deployed.id, say="y\n")
        assert len(world.bus.published) == 2 * before

    def test_who_hears_it_again_is_told_before(self, world, deployed):
        told = said("replay", deployed.id, "--topic", "job-complete", "--yes")
        assert "Heard again by deploy_model.job-complete, search-team, and by subscriptions of other projects" in told

    def test_what_there_is_is_told_where_nothing_fits(self, world, deployed, capsys, monkeypatch):
        error = failed(capsys, monkeypatch, "events", "replay", deployed.id, "--topic", "dataset-rejected")
        assert error.startswith(f"dropforge: run {deployed.id} has no such event to publish again: it has published ")
        assert f"{deployed.id}/succeeded on job-complete" in error

    def test_what_a_run_told_before_it_was_taken_up_again_is_not_made_up(self, world, deployed):
        """Given a run whose record was overwritten by an approval, expect only what came after it."""
        world.ledger.change(deployed.id, lambda run: replace(run, reopened=5))
        world.bus.published.clear()
        answer = asked("replay", deployed.id, "--state", "validated", "--yes")
        assert "cannot be made anew from its record" in answer.stderr
        said("replay", deployed.id, "--yes")
        assert [event.state for event in world.bus.published] == [State.DEPLOYED]


class TestSchema:
    def test_every_type_is_listed(self):
        listed = said("schema")
        assert [kind for kind in EVERY_TYPE if f"{short(kind)} " not in listed or kind.TOPIC not in listed] == []

    @pytest.mark.parametrize("name", ["job.complete", "dropforge.job.complete.v1"])
    def test_a_type_is_described(self, name):
        assert json.loads(said("schema", name)) == schema(JobComplete)

    def test_a_type_that_is_none_is_one_sentence(self, capsys, monkeypatch):
        error = failed(capsys, monkeypatch, "events", "schema", "job.\x1bdone")
        assert error == "dropforge: there is no type of event job.\\x1bdone: `dropforge events schema` lists them\n"


def test_the_commands_on_the_page_are_understood():
    lines = re.findall(r"^dropforge events ([^#\n]+)", (ROOT / "docs/events.md").read_text("utf-8"), re.MULTILINE)
    assert {line.split()[0] for line in lines} == {"tail", "replay", "schema"}
    for line in lines:
        said(*line.split(), "--help")


def test_every_command_has_an_example():
    for command in ("tail", "replay", "schema"):
        shown = " ".join(said(command, "--help").replace("`", "").split())
        assert f"Example: dropforge events {command}" in shown
