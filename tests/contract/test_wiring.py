"""How subscriptions and buckets are set up is read by Google's clients as it was set; subscriptions on both servers."""

import pytest
from google.cloud import pubsub_v1, storage
from google.protobuf.duration_pb2 import Duration
from support.servers import running
from support.storage import StorageServer

from dropforge.adapters.google.wiring import GoogleWiring
from dropforge.domain.errors import Missing, Unavailable

TOPIC, DEAD = "projects/wired/topics/events", "projects/wired/topics/dead"


def test_a_subscription_is_read_as_it_was_made(clients, pubsub_host, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_host)
    for topic in (TOPIC, DEAD):
        clients.plain_publisher.create_topic(name=topic)
    types = pubsub_v1.types
    bare = {"name": "projects/wired/subscriptions/bare", "topic": TOPIC}
    careful = {
        "name": "projects/wired/subscriptions/careful",
        "topic": TOPIC,
        "push_config": {"push_endpoint": "http://127.0.0.1:9/here"},
        "expiration_policy": types.ExpirationPolicy(),
        "retry_policy": types.RetryPolicy(minimum_backoff=Duration(seconds=10)),
        "dead_letter_policy": {"dead_letter_topic": DEAD, "max_delivery_attempts": 5},
    }
    for request in (bare, careful):
        clients.subscriber.create_subscription(request=request)

    wiring = GoogleWiring("wired")
    assert wiring.topics() == {"events", "dead"}
    found = {each.name: each for each in wiring.subscriptions()}
    assert {each.topic for each in found.values()} == {"events"}
    shown = {name: (each.push, each.dead_letters, each.expires, each.backs_off) for name, each in found.items()}
    assert shown == {"bare": ("", "", True, False), "careful": ("http://127.0.0.1:9/here", "dead", False, True)}


def test_a_pubsub_that_is_not_there_is_told_soon(monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    with pytest.raises(Unavailable):
        GoogleWiring("wired").topics()


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Makes a bucket with these settings, and reads it."""
    with running(StorageServer(tmp_path)) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        client = storage.Client(project="wired")

        def make(**settings):
            bucket = client.bucket("made")
            for name, value in settings.items():
                bucket._patch_property(name, value)
            bucket.create(location="europe-west4")
            return GoogleWiring("wired").bucket("made")

        yield make
        client.close()


def test_a_bucket_is_read_as_it_was_made(made):
    found = made(versioning={"enabled": True})
    assert (found.name, found.location, found.versioned, found.held, found.expires) == (
        "made", "europe-west4", True, "", (),
    )  # fmt: skip
    assert found.created.tzinfo


def test_what_keeps_objects_from_being_replaced_is_read(made):
    assert (
        made(retentionPolicy={"retentionPeriod": "60"}, defaultEventBasedHold=True).held
        == "a retention period and a default hold"
    )


def test_of_a_lifecycle_only_what_deletes_live_objects_counts(made):
    rules = [
        {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["runs/", "logs/"]}},
        {"action": {"type": "Delete"}, "condition": {"age": 30}},
        {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 7}},
        {"action": {"type": "Delete"}, "condition": {"age": 7, "isLive": False}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
        {"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 7}},
    ]
    assert made(lifecycle={"rule": rules}).expires == ("runs/", "logs/", "")


def test_access_and_soft_delete_are_read(made):
    access = {"uniformBucketLevelAccess": {"enabled": False}, "publicAccessPrevention": "enforced"}
    found = made(iamConfiguration=access, softDeletePolicy={"retentionDurationSeconds": "604800"})
    assert (found.uniform, found.private, found.kept_days) == (False, True, 7)


def test_a_bucket_that_is_not_there_is_missing(made):
    made()
    with pytest.raises(Missing, match="gs://other"):
        GoogleWiring("wired").bucket("other")
