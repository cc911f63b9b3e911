"""What goes over the wire comes back as it was, and what is not ours is told from what is."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cloudevents.http import CloudEvent
from support.data import dataset
from support.runs import MOMENT, validated
from support.world import World

from dropforge import wire
from dropforge.domain.announcements import (
    Links,
    alias_moved,
    announcement,
    retiring,
    skipped,
    stuck,
    unowned,
    unserved,
    waiting,
)
from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.errors import Unreadable
from dropforge.domain.events import EVERY_TYPE, DatasetIncomplete, DatasetMisnamed
from dropforge.domain.facts import Fault, Judgement, Request, Serving, Tuned, Verdict, Waiting
from dropforge.domain.jobs import JobState
from dropforge.domain.messages import message_of
from dropforge.domain.runs import State, advance
from dropforge.domain.spaces import alias_of

LINKS = Links("http://console.example", "https://jobs.example/", "p")
AT = {"at": MOMENT, "function": "test", "event": "e"}


def every_event():
    """One event of each type, built as the workers build them."""
    run = validated()
    yield announcement(run, LINKS)
    yield announcement(advance(replace(run, state=State.VALIDATING), State.REJECTED, **AT), LINKS)
    submitted = advance(run, State.SUBMITTED, job="projects/p/locations/l/pipelineJobs/r", **AT)
    yield announcement(submitted, LINKS)
    fault = Fault(code="INTERNAL", message="m", step="s", blame="system_error")
    yield announcement(advance(submitted, State.FAILED, fault=fault, **AT), LINKS)
    succeeded = advance(submitted, State.SUCCEEDED, tuned=Tuned(model="m", metrics={"ndcg": 0.5}), **AT)
    yield announcement(succeeded, LINKS)
    judged = Judgement(verdict=Verdict.BETTER, metric="nDCG@10", base=0.5, tuned=0.6, because="it rose")
    yield announcement(advance(succeeded, State.WITHHELD, judgement=judged, **AT), LINKS)
    serving = Serving(endpoint="e", deployed_model="1", space="r/256/DEFAULT", dimensions=256, current=True)
    deploying = advance(succeeded, State.DEPLOYING, serving=serving, judgement=judged, **AT)
    yield announcement(advance(deploying, State.DEPLOY_FAILED, fault=fault, **AT), LINKS)
    deployed = advance(deploying, State.DEPLOYED, **AT)
    yield announcement(deployed, LINKS)
    asked = Request(by="ann", at=MOMENT, reason="worse answers")
    yield alias_moved(alias_of(deployed, request=asked), deployed, LINKS)
    yield announcement(advance(deployed, State.RETIRED, **AT), LINKS)
    yield skipped(deployed, LINKS, drop="0a1b2c3d", at=MOMENT)
    yield DatasetIncomplete(
        id="incomplete/topics/0a", time=MOMENT, dataset="topics", missing=("a",), probably_meant={"a": "A"}, unknown=()
    )
    yield DatasetMisnamed(id="misnamed/X", time=MOMENT, dataset="X", suggestion="x")
    room = Waiting(reason="day_price", since=MOMENT, sentence="over the day's cap")
    yield waiting(replace(run, waiting=room), LINKS)
    yield stuck(deploying, LINKS)
    yield unowned("projects/p/locations/l/endpoints/e", deployed, dataset="topics", at=MOMENT)
    yield unserved(deployed)
    yield retiring("topics", deployed.id, CATALOGUE.base_models["text-embedding-005"])


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
    assert {type(event) for event in every_event()} == set(EVERY_TYPE)


@pytest.mark.parametrize("event", list(every_event()), ids=lambda event: event.id)
def test_an_event_comes_back_as_it_was(event):
    assert wire.domain_event(delivered(*wire.publishable(event))) == event


@pytest.mark.parametrize("event", list(every_event()), ids=lambda event: event.id)
def test_an_event_is_a_cloud_event_in_the_pubsub_binding(event):
    data, attributes = wire.publishable(event)

    assert attributes["ce-specversion"] == "1.0"
    assert attributes["ce-id"] == event.id
    assert attributes["ce-type"] == event.TYPE
    assert attributes["content-type"] == "application/json"
    assert datetime.fromisoformat(attributes["ce-time"]) == event.time
    assert all(isinstance(value, str) and len(value.encode()) <= 1024 for value in attributes.values())
    assert json.loads(data)["dataset"] == event.dataset


@pytest.mark.parametrize("event", list(every_event()), ids=lambda event: event.id)
def test_people_are_told_of_an_event_or_it_is_nobodys_news(event):
    message = message_of(event)
    if message is None:
        assert event.TYPE == "dropforge.space.retired.v1"
    else:
        assert message.id == event.id
        assert message.headline


def test_fields_of_a_later_release_do_no_harm():
    event = next(every_event())
    data, attributes = wire.publishable(event)
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
            assert wire.publishable(announcement(run, world.settings.links)) == wire.publishable(event)


def test_times_keep_their_zone():
    assert wire.decode(wire.encode(datetime(2026, 1, 1, tzinfo=UTC)), datetime, "x") == datetime(2026, 1, 1, tzinfo=UTC)
