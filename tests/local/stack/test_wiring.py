"""Wiring, against the local Pub/Sub and looked at through Google's client."""

from datetime import timedelta

import pytest
from google.cloud import pubsub_v1
from support.pubsub import PubSubServer
from support.servers import free_port, running

from dropforge.adapters.google import undelivered
from dropforge.adapters.google.listening import Listening
from dropforge_local.stack import environment, topology
from dropforge_local.stack.errors import StackError
from dropforge_local.stack.up import CHECKOUT
from dropforge_local.stack.wiring import wire

PROJECT = "projects/dropforge-local"
PLAN = topology.load(CHECKOUT / "deploy" / "topology.json")


def urls(port):
    return {name: f"http://127.0.0.1:{port}/{name}" for name in PLAN.functions}


@pytest.fixture
def rest_port(tmp_path, monkeypatch):
    """Where a Pub/Sub of its own speaks REST; Google's client finds the same one."""
    with running(PubSubServer(tmp_path)) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.host)
        yield server.rest_port


@pytest.fixture
def subscriptions(rest_port):
    """All subscriptions by name, as they are now."""
    with pubsub_v1.SubscriberClient() as client:
        yield lambda: {
            one.name.removeprefix(f"{PROJECT}/subscriptions/"): one
            for one in client.list_subscriptions(project=PROJECT)
        }


def test_every_function_is_subscribed_to_its_topics_as_eventarc_would(rest_port, subscriptions):
    wire(PLAN, rest_port=rest_port, urls=urls(1))

    push = subscriptions()["submit_tuning.dataset-validated"]
    assert f"{PROJECT}/topics/dataset-validated" == push.topic
    assert push.push_config.push_endpoint == "http://127.0.0.1:1/submit_tuning"
    assert push.push_config.attributes == {"dropforge-delivery": "eventarc"}
    assert push.ack_deadline_seconds == 120
    assert (timedelta(seconds=0.5), timedelta(seconds=10)) == (
        push.retry_policy.minimum_backoff,
        push.retry_policy.maximum_backoff,
    )
    assert f"{PROJECT}/topics/dead-submit_tuning" == push.dead_letter_policy.dead_letter_topic
    assert push.dead_letter_policy.max_delivery_attempts == 100
    assert timedelta(0) == push.expiration_policy.ttl


def test_one_function_has_a_subscription_a_topic_and_one_place_for_dead_letters(rest_port, subscriptions):
    wire(PLAN, rest_port=rest_port, urls=urls(1))

    topics = PLAN.functions["notify_slack"].trigger.topics
    assert {f"notify_slack.{topic}" for topic in topics} == {
        name for name in subscriptions() if name.startswith("notify_slack.")
    }
    dead = subscriptions()["dead-notify_slack"]
    assert f"{PROJECT}/topics/dead-notify_slack" == dead.topic
    assert not dead.push_config.push_endpoint


def test_functions_that_no_topic_calls_get_no_subscription(rest_port, subscriptions):
    wire(PLAN, rest_port=rest_port, urls=urls(1))

    assert not [name for name in subscriptions() if "validate_dataset" in name or "console" in name]


def test_ticks_are_kept_briefly_and_events_for_a_week(rest_port, subscriptions):
    wire(PLAN, rest_port=rest_port, urls=urls(1))

    kept = {name: one.message_retention_duration for name, one in subscriptions().items()}
    assert timedelta(minutes=10) == kept["sweep.sweep-requests"]
    assert timedelta(days=7) == kept["deploy_model.job-complete"]


def test_a_subscription_whose_topic_was_deleted_takes_the_new_one(rest_port, subscriptions):
    wire(PLAN, rest_port=rest_port, urls=urls(1))
    with pubsub_v1.PublisherClient() as client:
        client.delete_topic(topic=f"{PROJECT}/topics/notices")

    wire(PLAN, rest_port=rest_port, urls=urls(1))

    assert subscriptions()["notify_slack.notices"].topic == f"{PROJECT}/topics/notices"


def test_a_second_start_moves_the_endpoints_and_nothing_else(rest_port, subscriptions):
    wire(PLAN, rest_port=rest_port, urls=urls(1))
    before = subscriptions()

    wire(PLAN, rest_port=rest_port, urls=urls(2))

    after = subscriptions()
    assert before.keys() == after.keys()
    assert after["sweep.sweep-requests"].push_config.push_endpoint == "http://127.0.0.1:2/sweep"
    assert before["sweep.sweep-requests"].topic == after["sweep.sweep-requests"].topic
    assert before["dead-sweep"] == after["dead-sweep"]


def test_a_subscription_of_a_function_that_is_gone_is_deleted_and_a_persons_own_stays(rest_port, subscriptions):
    wire(PLAN, rest_port=rest_port, urls=urls(1))
    with pubsub_v1.SubscriberClient() as client:
        topic = f"{PROJECT}/topics/notices"
        push_config = {"push_endpoint": "http://127.0.0.1:1/", "attributes": {"dropforge-delivery": "eventarc"}}
        client.create_subscription(
            request={"name": f"{PROJECT}/subscriptions/retired.notices", "topic": topic, "push_config": push_config}
        )
        client.create_subscription(name=f"{PROJECT}/subscriptions/mine", topic=topic)

    wire(PLAN, rest_port=rest_port, urls=urls(1))

    assert "retired.notices" not in subscriptions()
    assert "mine" in subscriptions()


def test_what_somebody_listened_by_who_was_cut_off_is_deleted(rest_port, subscriptions):
    wire(PLAN, rest_port=rest_port, urls=urls(1))
    before = subscriptions().keys()
    with Listening(environment.PROJECT).to(["notices"]):
        assert len(subscriptions()) == len(before) + 1

        wire(PLAN, rest_port=rest_port, urls=urls(1))

        assert before == subscriptions().keys()


def test_a_pubsub_that_is_not_there_is_explained():
    with pytest.raises(StackError, match=r"Pub/Sub did not answer PUT .* logs/pubsub\.log"):
        wire(PLAN, rest_port=free_port(), urls=urls(1))


def test_every_dead_letter_that_is_kept_is_one_that_people_are_shown(rest_port, subscriptions):
    wire(PLAN, rest_port=rest_port, urls=urls(1))
    kept = {name for name in subscriptions() if "." not in name}
    assert kept
    assert kept <= set(undelivered._OURS)
