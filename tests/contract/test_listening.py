"""Somebody listens in, on our server and on the official emulator: everything is heard, and nothing is left behind."""

import pytest
from support.runs import validated

from dropforge import wire
from dropforge.adapters.google import listening
from dropforge.adapters.google.listening import Listening, once
from dropforge.domain.announcements import Links, announcement
from dropforge.domain.errors import Missing

LINKS = Links("", "p", "l")
TOPICS = ("dataset-validated", "job-complete")


@pytest.fixture
def topics(clients, pubsub_host, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_host)
    names = [f"projects/test/topics/{topic}" for topic in TOPICS]
    for name in names:
        clients.plain_publisher.create_topic(name=name)
    yield names
    for name in names:
        clients.plain_publisher.delete_topic(topic=name)


@pytest.fixture
def subscriptions(clients):
    return lambda project="test": list(clients.subscriber.list_subscriptions(project=f"projects/{project}"))


def publish(clients, topic, event):
    data, attributes = wire.publishable(event, "test")
    clients.plain_publisher.publish(topic=topic, messages=[{"data": data, "attributes": attributes}])


def test_what_is_published_meanwhile_is_heard(clients, topics, subscriptions):
    events = [announcement(validated(f"topics-{number}123456789ab"), LINKS) for number in range(2)]
    with Listening("test").to(TOPICS) as heard:
        made = subscriptions()
        assert [one.topic for one in made] == topics
        assert {one.expiration_policy.ttl.days for one in made} == {1}
        assert {one.labels["app"] for one in made} == {"dropforge"}
        for topic, event in zip(topics, events, strict=True):
            publish(clients, topic, event)
        received = [wire.read_message(*next(heard)) for _ in events]
    assert sorted(received, key=lambda event: event.id) == events
    assert subscriptions() == []


def test_an_event_that_comes_again_is_given_once():
    a, b, unnamed = (b"a", {"ce-id": "a"}), (b"b", {"ce-id": "b"}), (b"x", {})
    assert list(once([a, b, a, unnamed, unnamed, b, a])) == [a, b, unnamed, unnamed]


def test_only_so_many_events_are_remembered(monkeypatch):
    monkeypatch.setattr(listening, "_REMEMBERED", 1)
    a, b = (b"a", {"ce-id": "a"}), (b"b", {"ce-id": "b"})
    assert list(once([a, a, b, a])) == [a, b, a]


def test_only_what_is_about_a_dataset(clients, topics, emulator_differs):
    emulator_differs("does not apply filters")
    mine = announcement(validated(), LINKS)
    with Listening("test").to(TOPICS[:1], dataset=mine.dataset) as heard:
        data, attributes = wire.publishable(mine, "test")
        messages = [{"data": data, "attributes": attributes | {"dataset": name}} for name in ("other", mine.dataset)]
        clients.plain_publisher.publish(topic=topics[0], messages=messages)
        assert next(heard)[1]["dataset"] == mine.dataset


@pytest.mark.usefixtures("topics")
def test_a_dataset_of_any_name_can_be_asked_for():
    with Listening("test").to(TOPICS[:1], dataset='of "quotes" and \\ slashes'):
        pass


@pytest.mark.usefixtures("topics")
def test_the_subscription_can_be_in_another_project(subscriptions):
    with Listening("test").to(TOPICS[:1], within="mine"):
        assert len(subscriptions("mine")) == 1
        assert subscriptions() == []
    assert subscriptions("mine") == []


@pytest.mark.usefixtures("topics")
def test_whoever_is_cut_off_leaves_nothing_behind(subscriptions):
    with pytest.raises(KeyboardInterrupt), Listening("test").to(TOPICS):
        raise KeyboardInterrupt
    assert subscriptions() == []


@pytest.mark.usefixtures("topics")
def test_a_topic_that_is_not_there_is_told_and_nothing_is_left_behind(subscriptions):
    with (
        pytest.raises(Missing, match=r"topics/notices: .*`dropforge doctor` tells"),
        Listening("test").to((*TOPICS, "notices")),
    ):
        pass
    assert subscriptions() == []


@pytest.mark.usefixtures("topics")
def test_a_subscription_that_was_taken_away_ends_it(clients, subscriptions):
    with Listening("test").to(TOPICS) as heard:
        clients.subscriber.delete_subscription(subscription=subscriptions()[0].name)
        with pytest.raises(Missing, match="listening"):
            next(heard)
    assert subscriptions() == []
