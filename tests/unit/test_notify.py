"""Who is told of what, and how often, whatever the operator wants and whoever is away."""

import re
from pathlib import Path

import pytest
from support.data import dataset
from support.world import ENVIRONMENT, World

from dropforge.domain import events
from dropforge.domain.errors import Refused, Unavailable
from dropforge.domain.messages import message_of
from dropforge.domain.notifications import KINDS, Notifications, kind_of, problems_of_notifications
from dropforge.settings import Operator, load
from dropforge.workers.notify import notify

PAGE = (Path(__file__).parents[2] / "docs/notifications.md").read_text("utf-8")


class Hook:
    """Keeps what it was sent; fails as it is told."""

    def __init__(self):
        self.sent = []
        self.fault = None

    def send(self, event, text):
        if self.fault:
            raise self.fault
        self.sent.append((event.id, text))


@pytest.fixture
def world():
    world = World()
    world.webhook = Hook()
    return world


@pytest.fixture
def event(world):
    world.land(world.put("topics", dataset()))
    return world.published(events.DatasetValidated)[0]


def test_both_are_told_once(world, event):
    assert [world.perform(notify, event).why for _ in range(3)] == ["told", "told before", "told before"]
    assert [message.id for message in world.notifier.told] == [event.id]
    assert world.webhook.sent == [(event.id, "topics: dataset accepted")]


@pytest.mark.parametrize("fault", [Unavailable("away"), Refused("not like this")])
def test_one_that_is_away_repeats_nothing_of_the_other(world, event, fault):
    world.webhook.fault = fault
    for _ in range(2):
        with pytest.raises(type(fault)):
            world.perform(notify, event)
    assert len(world.notifier.told) == 1
    world.webhook.fault = None
    assert world.perform(notify, event).why == "told"
    assert (len(world.notifier.told), len(world.webhook.sent)) == (1, 1)


def test_the_other_is_told_while_slack_is_away(world, event):
    def away(_):
        raise Unavailable("Slack answered 503")

    tell, world.notifier.tell = world.notifier.tell, away
    with pytest.raises(Unavailable, match="503"):
        world.perform(notify, event)
    assert len(world.webhook.sent) == 1
    world.notifier.tell = tell
    assert world.perform(notify, event).why == "told"
    assert (len(world.notifier.told), len(world.webhook.sent)) == (1, 1)


def test_what_can_still_be_told_comes_again_before_the_event_is_set_aside(world, event):
    def refused(_):
        raise Refused("msg_too_long")

    world.notifier.tell, world.webhook.fault = refused, Unavailable("away")
    with pytest.raises(Unavailable):
        world.perform(notify, event)
    world.webhook.fault = None
    with pytest.raises(Refused):
        world.perform(notify, event)
    assert len(world.webhook.sent) == 1


def wanting(tmp_path, text):
    path = tmp_path / "dropforge.yaml"
    path.write_text(f"notifications: {{{text}}}")
    return World(load(ENVIRONMENT | {"DROPFORGE_CONFIG": str(path)}))


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("events: ['job.*', model.deployed]", {"job.succeeded", "model.deployed"}),
        ("without: ['dataset.*', tuning.submitted]", {"job.succeeded", "model.deployed"}),
        ("events: []", set()),
        ("", {"dataset.validated", "tuning.submitted", "job.succeeded", "model.deployed"}),
    ],
)
def test_people_hear_of_what_the_operator_wants(tmp_path, wanted, told):
    world = wanting(tmp_path, wanted)
    world.deploy("topics", dataset())
    assert {message.kind for message in world.notifier.told} == told
    assert len(world.notifier.told) == len(told)


def test_a_message_says_what_it_is_about_and_shows_the_figures(world):
    world.deploy("topics", dataset())
    *_, deployed = world.notifier.told
    assert (deployed.kind, deployed.dataset, deployed.run) == ("model.deployed", "topics", world.only_run().id)
    judged = world.only_run().judgement
    assert deployed.bars == (("base", judged.base), ("tuned", judged.tuned))
    world.deploy("topics", dataset(queries=90))
    assert [label for label, _ in world.notifier.told[-1].bars] == ["base", "in use", "tuned"]


def test_every_message_of_a_run_is_of_its_thread_and_no_other_is(world):
    world.deploy("topics", dataset())
    for event in world.bus.published:
        assert message_of(event).run == event.run
    lost = events.DatasetMisnamed(id="m", time=world.clock.now(), dataset="A/b", suggestion="")
    assert (message_of(lost).run, message_of(lost).dataset) == ("", "A/b")


def test_every_event_has_a_kind_of_its_own(world):
    assert len(KINDS) == len(events.EVERY_TYPE) - 1 + 4, "the end of a job has four"
    assert kind_of(events.DatasetMisnamed(id="m", time=world.clock.now(), dataset="x", suggestion="")) in KINDS


def test_the_page_tells_of_every_event_and_of_what_holds_without_a_file(tmp_path):
    rows = "".join(line.partition("|")[2].partition("|")[0] for line in PAGE.splitlines() if line.startswith("| `"))
    assert sorted(re.findall(r"`([\w.-]+)`", rows)) == sorted(KINDS)
    [written] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "dropforge.yaml"
    path.write_text(written, "utf-8")
    assert load(ENVIRONMENT | {"DROPFORGE_CONFIG": str(path)}).operator == Operator()


@pytest.mark.parametrize(
    ("dataset", "channel"),
    [("legal-de", "#legal"), ("legal-fr", "C0123456"), ("topics", "#ml"), ("../../legal-", "#ml"), ("", "#ml")],
)
def test_a_dataset_has_the_first_channel_that_fits(dataset, channel):
    wanted = Notifications(channel="#ml", channels={"legal-fr": "C0123456", "legal-*": "#legal"})
    assert wanted.channel_of(dataset) == channel
    assert wanted.every_channel == ("#ml", "C0123456", "#legal")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Notifications(channel="ml"), "notifications.channel is 'ml'"),
        (Notifications(channel="#ML"), "notifications.channel is '#ML'"),
        (Notifications(channel=""), "notifications.channel is ''"),
        (Notifications(channels={"legal-*": "#a b"}), "notifications.channels.legal-* is '#a b'"),
        (Notifications(events=("model.deploy",)), "'model.deploy', which is no event; did you mean model.deployed?"),
        (Notifications(broadcast=("job.complete",)), "notifications.broadcast names 'job.complete'"),
        (Notifications(without=("nothing.*",)), "notifications.without names 'nothing.*'"),
    ],
)
def test_what_an_operator_cannot_mean_is_told(wanted, told):
    [problem] = problems_of_notifications(wanted)
    assert told in problem


def test_what_holds_without_a_file_can_be_meant():
    assert list(problems_of_notifications(Notifications())) == []
