"""Faults of what servers send by themselves: finalize notifications, pushes and ticks."""

import json

import httpx
import pytest
from support.faulty import faults
from support.pubsub import PROJECT, Pair
from support.servers import Server, eventually, running
from support.storage import Receiver, StorageServer, put

DELIVERIES = pytest.mark.parametrize(
    ("instruction", "attempts_that_arrive"),
    [
        ("drop", 0),
        ("duplicate", 2),
        ("delay-for-0.1s", 1),
        ("return-503", 1),
        ("return-503-after-commit", 2),
        ("return-reset-connection", 2),
    ],
)


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def storage(tmp_path_factory, receiver):
    options = ["--notify", f"drop={receiver.url}", "--minimum-backoff", "0.05"]
    with running(StorageServer(tmp_path_factory.mktemp("storage"), *options)) as server:
        yield server


@DELIVERIES
def test_a_notification_is_delivered_as_it_was_asked_for(storage, receiver, instruction, attempts_that_arrive):
    """Expect a dropped one to count as delivered, and any other to arrive in the end, always as the same event."""
    told_before, delivered_before = len(receiver.received), storage.outbox()["delivered"]
    with faults(storage.url, {"notification": [instruction]}) as asked, storage.client() as client:
        put(client.bucket("drop"), instruction)
        eventually(lambda: storage.outbox()["delivered"] > delivered_before)
        assert asked.fired == {"notification": 1}

    told = receiver.received[told_before:]
    assert [instruction] * attempts_that_arrive == [one.body["name"] for one in told]
    assert len({one.headers["ce-id"] for one in told}) <= 1
    assert storage.outbox()["pending"] == 0


@DELIVERIES
def test_a_push_is_delivered_as_it_was_asked_for(pubsub, clients, instruction, attempts_that_arrive):
    """Expect a dropped one to count as acknowledged, and any other to arrive in the end."""
    with Receiver() as receiver, faults(pubsub.url, {"push": [instruction]}) as asked:
        pair = Pair(clients, push_config={"push_endpoint": receiver.url})
        pair.publish("body")
        eventually(lambda: asked.fired == {"push": 1} and not pubsub.status()[pair.subscription]["backlog"])

        assert len(receiver.received) == attempts_that_arrive
        assert len({one.body["message"]["messageId"] for one in receiver.received}) <= 1
        clients.subscriber.delete_subscription(subscription=pair.subscription)


@pytest.fixture(scope="module")
def topic(clients):
    return Pair(clients)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory, pubsub, topic):
    schedule = f"--schedule=sweep={topic.topic.rpartition('/')[2]}=3600"
    options = ("--dir", tmp_path_factory.mktemp("scheduler"), "--project", PROJECT.partition("/")[2], schedule)
    with running(
        Server("dropforge_local.scheduler.server", *options, env={"PUBSUB_EMULATOR_HOST": pubsub.host})
    ) as server:
        topic.ack(*topic.pull_until(1))
        yield server


@pytest.mark.parametrize(
    ("instruction", "published"), [("drop", 0), ("duplicate", 2), ("delay-for-0.1s", 1), (None, 1)]
)
def test_a_tick_is_published_as_it_was_asked_for(scheduler, topic, instruction, published):
    with faults(scheduler.url, {"tick": [instruction] if instruction else []}) as asked:
        httpx.post(f"{scheduler.url}/_local/schedules/sweep:run").raise_for_status()
        assert asked.fired == {"tick": 1 if instruction else 0}

    received = topic.pull_until(published)
    assert {"sweep"} >= {json.loads(one.message.data)["schedule"] for one in received}
    assert published == len(received)
    for one in received:
        topic.ack(one)
