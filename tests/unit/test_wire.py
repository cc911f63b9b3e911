"""What goes over the wire comes back as it was, and what is not ours is told from what is."""

import base64
import json
from datetime import UTC, datetime

import pytest
from cloudevents.http import CloudEvent
from support.data import dataset
from support.world import World

from dropforge import wire
from dropforge.domain.announcements import announcement
from dropforge.domain.errors import Unreadable
from dropforge.domain.events import EVERY_TYPE
from dropforge.domain.jobs import JobState
from dropforge.domain.messages import message_of
from dropforge.reports.examples import PROJECT, examples

EXAMPLES = list(examples().values())


def delivered(data, attributes):
    """A Pub/Sub message as Eventarc hands it to a function."""
    message = {"data": base64.b64encode(data).decode(), "attributes": attributes, "messageId": "1"}
    return CloudEvent(
        {
            "id": "1",
            "source": "//pubsub.googleapis.com/projects/p/topics/t",
            "type": "google.cloud.pubsub.topic.v1.messagePublished",
        },
        {"message": message, "subscription": "projects/p/subscriptions/s"},
    )


def test_the_examples_hold_every_type():
    assert {type(event) for event in EXAMPLES} == set(EVERY_TYPE)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.id)
def test_an_event_comes_back_as_it_was(event):
    assert wire.domain_event(delivered(*wire.publishable(event, PROJECT))) == event


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.id)
def test_an_event_is_a_cloud_event_in_the_pubsub_binding(event):
    data, attributes = wire.publishable(event, PROJECT)

    assert attributes["ce-specversion"] == "1.0"
    assert attributes["ce-id"] == event.id
    assert attributes["ce-type"] == event.TYPE
    assert attributes["content-type"] == "application/json"
    assert datetime.fromisoformat(attributes["ce-time"]) == event.time
    assert all(isinstance(value, str) and len(value.encode()) <= 1024 for value in attributes.values())
    assert json.loads(data)["dataset"] == event.dataset


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.id)
def test_people_are_told_of_an_event_or_it_is_nobodys_news(event):
    message = message_of(event)
    if message is None:
        assert event.TYPE == "dropforge.space.retired.v1"
    else:
        assert message.id == event.id
        assert message.headline


def test_fields_of_a_later_release_do_no_harm():
    event = EXAMPLES[0]
    data, attributes = wire.publishable(event, PROJECT)
    later = json.dumps(json.loads(data) | {"added_in_a_later_release": [1]}).encode()
    assert wire.read_message(later, attributes) == event


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        (b"{}", {}),
        (b"{}", {"ce-type": "dropforge.dataset.validated.v2"}),
        (b"not json", {"ce-type": "dropforge.dataset.validated.v1", "ce-id": "x", "ce-time": "2026-11-02T09:00:00Z"}),
        (b"[]", {"ce-type": "dropforge.dataset.validated.v1", "ce-id": "x", "ce-time": "2026-11-02T09:00:00Z"}),
        (b"{}", {"ce-type": "dropforge.dataset.validated.v1", "ce-id": "x", "ce-time": "yesterday"}),
        (b"{}", {"ce-type": "dropforge.dataset.validated.v1"}),
    ],
)
def test_a_message_that_is_not_ours_is_unreadable(data, attributes):
    with pytest.raises(Unreadable):
        wire.domain_event(delivered(data, attributes))


@pytest.mark.parametrize("data", [None, [], "text", {"message": None}, {"message": {"data": "%%%"}}, {"message": []}])
def test_what_is_no_pubsub_message_is_unreadable(data):
    event = delivered(b"", {})
    event.data = data
    with pytest.raises(Unreadable):
        wire.tick(event)


@pytest.mark.parametrize("generation", ["1700000000000001", 1700000000000001])
def test_a_generation_may_be_a_text_or_a_number(generation):
    event = CloudEvent({"source": "s", "type": "t"}, {"bucket": "b", "name": "n", "generation": generation})
    assert wire.object_finalized(event).generation == 1700000000000001


@pytest.mark.parametrize("data", [None, {}, {"bucket": "b", "name": "n", "generation": "x"}, "text"])
def test_what_is_no_storage_event_is_unreadable(data):
    with pytest.raises(Unreadable):
        wire.object_finalized(CloudEvent({"source": "s", "type": "t"}, data))


def test_a_published_event_does_not_change_from_one_publication_to_the_next():
    world = World()
    world.land(world.put("topics", dataset()))
    world.react()
    world.finish_jobs(JobState.FAILED)
    world.watch()
    for event in world.bus.published:
        run = world.ledger.load(event.run)
        if event.state is run.state:
            assert wire.publishable(announcement(run, world.settings.links), PROJECT) == wire.publishable(
                event, PROJECT
            )


def test_times_keep_their_zone():
    assert wire.decode(wire.encode(datetime(2026, 1, 1, tzinfo=UTC)), datetime, "x") == datetime(2026, 1, 1, tzinfo=UTC)
