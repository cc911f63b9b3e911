"""What Pub/Sub gave up is found, republished and taken away, on our server and on the official emulator."""

import pytest
from google.api_core import exceptions
from support.runs import validated
from support.servers import eventually

from dropforge import wire
from dropforge.adapters.google.undelivered import Undelivered
from dropforge.domain.announcements import Links, announcement
from dropforge.domain.errors import Missing

EVENT = announcement(validated(), Links("", "p", "l"))


@pytest.fixture
def project(clients, pubsub_host, monkeypatch):
    """A project in which one message was given up by Pub/Sub, and another subscription has a message, too."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_host)
    topic, dead = "projects/test/topics/events", "projects/test/topics/dead-submit_tuning"
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    subscriber = clients.subscriber
    for name in (topic, dead):
        clients.plain_publisher.create_topic(name=name)
    pull = subscriber.create_subscription(
        request={"name": "projects/test/subscriptions/worker", "topic": topic, "dead_letter_policy": policy}
    ).name
    dead_letters = "projects/test/subscriptions/dead-submit_tuning"
    subscriber.create_subscription(name=dead_letters, topic=dead)
    data, attributes = wire.publishable(EVENT, "test")
    clients.plain_publisher.publish(topic=topic, messages=[{"data": data, "attributes": attributes}])

    def is_given_up():
        try:
            received = subscriber.pull(subscription=pull, max_messages=1, timeout=1, retry=None).received_messages
        except exceptions.DeadlineExceeded:
            return True
        ids = [one.ack_id for one in received]
        if ids:
            subscriber.modify_ack_deadline(subscription=pull, ack_ids=ids, ack_deadline_seconds=0)
        return not ids

    eventually(is_given_up, seconds=30)
    yield "test"
    for name in (pull, dead_letters):
        subscriber.delete_subscription(subscription=name)
    for name in (topic, dead):
        clients.plain_publisher.delete_topic(topic=name)


def test_a_message_that_was_given_up_is_found_until_it_is_taken_away(project):
    first = Undelivered(project)
    [letter] = first.letters()
    assert (letter.function, letter.error) == ("submit_tuning", "Undelivered")
    assert "5 deliveries" in letter.reason
    assert letter.event() == EVENT
    first.give_back()

    second = Undelivered(project)
    [again] = second.letters()
    assert again == letter
    second.remove(again)
    assert list(Undelivered(project).letters()) == []


def test_only_what_was_looked_at_can_be_taken_away(project):
    undelivered = Undelivered(project)
    [letter] = undelivered.letters()
    undelivered.give_back()
    with pytest.raises(Missing, match="list the dead letters again"):
        undelivered.remove(letter)
