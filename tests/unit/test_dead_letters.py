"""An event that cannot be handled is kept with the reason, once, and can be delivered again."""

import base64
import getpass
import json
from datetime import timedelta

import pytest
from cloudevents.http import CloudEvent
from structlog.testing import capture_logs
from support.data import dataset
from support.world import World
from typer.testing import CliRunner

from dropforge import bootstrap, wire
from dropforge.cli import dlq
from dropforge.cli import main as command_line
from dropforge.deadletters import DeadLetter, Discarded, SetAside, retry
from dropforge.delivery import deliver
from dropforge.domain.errors import Permanent, Unavailable
from dropforge.outcome import done


@pytest.fixture
def world(monkeypatch):
    world = World()
    bootstrap.use(world)
    monkeypatch.setattr(dlq, "connect", lambda: world)
    yield world
    bootstrap.use(None)


@pytest.fixture
def validated(world):
    """The event of a validated dataset."""
    world.land(world.put("topics", dataset()))
    return world.bus.published[0]


def message(world, data=b"", attributes=(), *, number="4711", age=timedelta()):
    """A Pub/Sub message as a function is given it."""
    content = {"data": base64.b64encode(data).decode(), "attributes": dict(attributes), "messageId": number}
    return CloudEvent(
        {
            "id": number,
            "source": "//pubsub.googleapis.com/projects/p/topics/t",
            "type": "google.cloud.pubsub.topic.v1.messagePublished",
            "time": (world.clock.now() - age).isoformat(),
        },
        {"message": content, "subscription": "projects/p/subscriptions/s"},
    )


def failing(error):
    def submit_tuning(event):
        raise error

    return submit_tuning


def kept(world):
    return list(SetAside(world.state).letters())


def test_what_will_never_work_is_set_aside_once_with_its_reason(world, validated):
    event = message(world, *wire.publishable(validated, world.settings.project))
    for _ in range(2):
        deliver(event, read=wire.domain_event, work=failing(Permanent("two versions share an id")))
    [letter] = kept(world)
    assert (letter.name, letter.error, letter.reason) == (
        "submit_tuning/4711",
        "Permanent",
        "two versions share an id",
    )
    assert letter.event() == validated


@pytest.mark.parametrize("error", [Unavailable("no answer"), RuntimeError("a bug")], ids=["transient", "bug"])
def test_what_fails_is_delivered_again_until_it_is_too_old(world, validated, error):
    limit = world.settings.gives_up_after
    young = message(world, *wire.publishable(validated, world.settings.project), age=limit - timedelta(minutes=1))
    with pytest.raises(type(error)):
        deliver(young, read=wire.domain_event, work=failing(error))
    assert kept(world) == []

    old = message(world, *wire.publishable(validated, world.settings.project), age=limit + timedelta(minutes=1))
    deliver(old, read=wire.domain_event, work=failing(error))
    [letter] = kept(world)
    assert (letter.error, letter.reason) == (type(error).__name__, str(error))


def test_what_a_letter_says_of_its_error_holds_no_secret(world):
    error = Permanent("refused: Authorization: Bearer hunter2")
    deliver(message(world, attributes={"schedule": "x"}), read=wire.tick, work=failing(error))
    [letter] = kept(world)
    assert letter.reason == "refused: Authorization: Bearer (not shown)"


def test_an_event_that_does_not_say_how_old_it_is_is_never_too_old(world, validated):
    event = message(world, *wire.publishable(validated, world.settings.project))
    event = CloudEvent({name: event[name] for name in ("id", "source", "type")}, event.data)
    with pytest.raises(Unavailable):
        deliver(event, read=wire.domain_event, work=failing(Unavailable("no answer")))


@pytest.mark.parametrize(("minutes", "worked"), [(9, True), (11, False)])
def test_a_tick_that_comes_late_is_passed_over(world, minutes, worked):
    ticks = []

    def sweep(tick):
        ticks.append(tick)
        return done("swept")

    late = message(world, attributes={"schedule": "sweep"}, age=timedelta(minutes=minutes))
    deliver(late, read=wire.tick, work=sweep)
    assert bool(ticks) is worked


def test_a_letter_is_published_again_and_then_taken_away(world, validated):
    aside = SetAside(world.state)
    aside.keep(message(world, *wire.publishable(validated, world.settings.project)), "submit_tuning", Permanent("no"))
    [letter] = kept(world)
    with world.bus_down(), pytest.raises(Unavailable):
        retry(letter, aside, world.bus)
    assert kept(world) == [letter], "what could not be published still lies there"
    assert retry(letter, aside, world.bus) == validated
    assert world.bus.published[-1] == validated
    assert kept(world) == []


def test_a_tick_and_an_object_are_left_to_the_next_sweep(world):
    aside = SetAside(world.state)
    aside.keep(message(world, attributes={"schedule": "watch"}), "watch_status", RuntimeError("a bug"))
    finalized = {"bucket": "drop", "name": "datasets/topics/corpus.jsonl", "generation": "1"}
    landed = {"id": "1", "source": "//storage.googleapis.com/b", "type": "google.cloud.storage.object.v1.finalized"}
    aside.keep(CloudEvent(landed, finalized), "validate_dataset", Permanent("no"))
    assert [retry(letter, aside, world.bus) for letter in kept(world)] == [None, None]
    assert (kept(world), world.bus.published) == ([], [])


class TestCommand:
    """`dropforge dlq` over what workers set aside and what Pub/Sub gave up."""

    @pytest.fixture
    def letters(self, world, validated):
        event = message(world, *wire.publishable(validated, world.settings.project))
        SetAside(world.state).keep(event, "submit_tuning", Permanent("said \x1b[2J no"))
        unreadable = message(world, b"{", {"ce-type": "other"}, number="4712")
        SetAside(world.state).keep(unreadable, "deploy_model", Permanent("odd"))
        data, attributes = wire.publishable(validated, world.settings.project)
        world.undelivered.kept.append(
            DeadLetter(
                function="notify_slack",
                id="4713",
                type=event["type"],
                source="s",
                time="2026-11-02T09:00:00+00:00",
                error="Undelivered",
                reason="given up after 100 deliveries",
                data={"message": {"data": base64.b64encode(data).decode(), "attributes": attributes}},
            )
        )

    def said(self, *arguments, code=0):
        answer = CliRunner().invoke(command_line.app, ["dlq", *arguments])
        assert answer.exit_code == code, answer.output
        return answer.output

    def test_without_any_it_says_so(self, world):
        assert self.said("list") == "No dead letters.\n"
        assert json.loads(self.said("list", "--json")) == []

    @pytest.mark.usefixtures("letters")
    def test_all_are_listed_with_their_reasons(self):
        shown = self.said("list")
        for part in ("submit_tuning/4711", "deploy_model/4712", "notify_slack/4713", "given up after 100 deliveries"):
            assert part in shown
        assert "\x1b" not in shown
        listed = json.loads(self.said("list", "--json"))
        assert {letter["name"] for letter in listed} == {
            "submit_tuning/4711",
            "deploy_model/4712",
            "notify_slack/4713",
        }

    @pytest.mark.usefixtures("letters")
    def test_one_is_shown_whole(self, validated):
        shown = self.said("show", "notify_slack/4713")
        assert f"dropforge.dataset.validated.v1 {validated.id}" in shown
        assert "nothing that can be read" in self.said("show", "deploy_model/4712")
        assert json.loads(self.said("show", "submit_tuning/4711", "--json"))["function"] == "submit_tuning"

    @pytest.mark.usefixtures("letters")
    def test_those_that_can_be_retried_are_and_the_others_stay(self, world, validated):
        before = len(world.bus.published)
        shown = self.said("retry", "--all", code=1)
        assert shown.count(f"published {validated.id} again") == 2
        assert "deploy_model/4712: cannot be retried" in shown
        assert world.bus.published[before:] == [validated, validated]
        assert [letter.name for letter in kept(world)] == ["deploy_model/4712"]
        assert world.undelivered.kept == []

    @pytest.mark.usefixtures("letters")
    def test_one_is_retried_by_its_name(self, world):
        self.said("retry", "submit_tuning/4711")
        assert [letter.name for letter in kept(world)] == ["deploy_model/4712"]

    @pytest.mark.usefixtures("letters")
    def test_one_that_is_of_no_use_is_discarded(self, world):
        assert self.said("discard", "deploy_model/4712").endswith("deploy_model/4712: removed\n")
        assert [letter.name for letter in kept(world)] == ["submit_tuning/4711"]

    @pytest.mark.usefixtures("letters")
    def test_what_was_discarded_stays_on_record_with_who_and_why(self, world, monkeypatch):
        monkeypatch.setattr(getpass, "getuser", lambda: "ann")
        [before] = world.undelivered.kept
        with capture_logs() as logged:
            self.said("discard", "notify_slack/4713", "--reason", "told by hand \x1b[2J")
        data, _ = world.state.read("discarded/notify_slack/4713.json")
        record = wire.decode(data, Discarded, "the record")
        assert (record.letter, record.request.by) == (before, "ann")
        assert (record.request.at, record.request.reason) == (world.clock.now(), "told by hand \\x1b[2J")
        [entry] = [entry for entry in logged if entry["event"] == "event.discarded"]
        assert (entry["letter"], entry["by"], entry["reason"]) == ("notify_slack/4713", "ann", record.request.reason)
        assert world.undelivered.kept == []
        assert "notify_slack/4713" not in self.said("list")

    @pytest.mark.usefixtures("letters")
    def test_one_that_cannot_be_put_on_record_stays(self, world, monkeypatch):
        def full(*_, **__):
            raise Unavailable("Cloud Storage did not answer")

        monkeypatch.setattr(world.state, "write", full)
        self.said("discard", "deploy_model/4712", code=2)
        assert "deploy_model/4712" in [letter.name for letter in kept(world)]

    @pytest.mark.usefixtures("letters")
    @pytest.mark.parametrize("command", ["retry", "discard"])
    def test_none_is_touched_where_none_is_named(self, world, command):
        assert "name the dead letters" in self.said(command, code=2)
        assert len(kept(world)) == 2
