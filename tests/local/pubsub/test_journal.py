"""What a kill leaves behind: everything that was acknowledged to a client, and nothing that was settled before."""

import asyncio
import queue
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from google.api_core import exceptions
from support.pubsub import PROJECT, Clients, PubSubServer
from support.servers import eventually, running

from dropforge_local.pubsub.journal import Journal, Row

TOPIC = f"{PROJECT}/topics/events"
SUBSCRIPTION = f"{PROJECT}/subscriptions/reader"
SNAPSHOT = f"{PROJECT}/snapshots/before"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(PubSubServer(tmp_path_factory.mktemp("pubsub"))) as server:
        yield server


@pytest.fixture
def clients(server):
    clients = Clients(server.host)
    clients.plain_publisher.create_topic(name=TOPIC)
    yield clients
    for subscription in clients.subscriber.list_subscriptions(project=PROJECT):
        clients.subscriber.delete_subscription(subscription=subscription.name)
    for snapshot in clients.subscriber.list_snapshots(project=PROJECT):
        clients.subscriber.delete_snapshot(snapshot=snapshot.name)
    clients.plain_publisher.delete_topic(topic=TOPIC)
    clients.close()


def subscribe(clients, **options):
    clients.subscriber.create_subscription(request={"name": SUBSCRIPTION, "topic": TOPIC, **options})


def publish(clients, *bodies):
    messages = [{"data": body.encode()} for body in bodies]
    return list(clients.plain_publisher.publish(topic=TOPIC, messages=messages, timeout=5, retry=None).message_ids)


def pull(clients, limit=1000):
    answer = clients.subscriber.pull(subscription=SUBSCRIPTION, max_messages=limit, timeout=5)
    return list(answer.received_messages)


def bodies(received):
    return [one.message.data.decode() for one in received]


def test_what_was_published_is_delivered_after_a_kill(server, clients):
    subscribe(clients)
    ids = publish(clients, "a", "b", "c")

    server.restart()

    assert ids == [one.message.message_id for one in pull(clients)]


def test_what_was_leased_is_delivered_again_with_its_attempts(server, clients):
    subscribe(clients, dead_letter_policy={"dead_letter_topic": TOPIC})
    publish(clients, "x")
    clients.subscriber.modify_ack_deadline(
        subscription=SUBSCRIPTION, ack_ids=[pull(clients)[0].ack_id], ack_deadline_seconds=0
    )
    pull(clients)
    publish(clients, "y")

    server.restart()

    assert [(one.message.data, one.delivery_attempt) for one in pull(clients)] == [(b"x", 2), (b"y", 1)]


def test_what_was_acknowledged_long_ago_is_not(server, clients):
    subscribe(clients)
    publish(clients, "done")
    clients.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[pull(clients)[0].ack_id])
    publish(clients, "owed")  # is committed together with, or after, the acknowledgement

    server.restart()

    assert bodies(pull(clients)) == ["owed"]


def test_ids_are_never_given_twice(server, clients):
    before = publish(clients, "a", "b")

    server.restart()

    assert int(min(publish(clients, "c"))) > int(max(before))


def test_topics_subscriptions_and_snapshots_are_as_they_were(server, clients):
    subscribe(clients, filter="attributes:kind", retain_acked_messages=True, enable_message_ordering=True)
    clients.subscriber.create_snapshot(name=SNAPSHOT, subscription=SUBSCRIPTION)
    before = clients.subscriber.get_subscription(subscription=SUBSCRIPTION)

    server.restart()

    assert before == clients.subscriber.get_subscription(subscription=SUBSCRIPTION)
    assert [topic.name for topic in clients.plain_publisher.list_topics(project=PROJECT)] == [TOPIC]
    assert [snapshot.name for snapshot in clients.subscriber.list_snapshots(project=PROJECT)] == [SNAPSHOT]


def test_a_snapshot_still_replays(server, clients):
    subscribe(clients)
    publish(clients, "owed")
    clients.subscriber.create_snapshot(name=SNAPSHOT, subscription=SUBSCRIPTION)
    publish(clients, "since")
    clients.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[one.ack_id for one in pull(clients)])

    server.restart()
    clients.subscriber.seek(request={"subscription": SUBSCRIPTION, "snapshot": SNAPSHOT})

    assert bodies(pull(clients)) == ["owed", "since"]


def test_what_was_deleted_stays_away(server, clients):
    subscribe(clients)
    publish(clients, "x")
    clients.subscriber.delete_subscription(subscription=SUBSCRIPTION)

    server.restart()

    with pytest.raises(exceptions.NotFound):
        pull(clients)


def test_a_kill_amid_heavy_publishing_loses_nothing_that_was_confirmed(server, clients):
    subscribe(clients)
    confirmed = []

    def publish_until_it_fails():
        with suppress(exceptions.GoogleAPICallError):
            while True:
                confirmed.extend(publish(clients, *"abcdefghij"))

    publishers = [threading.Thread(target=publish_until_it_fails) for _ in range(4)]
    for publisher in publishers:
        publisher.start()
    eventually(lambda: len(confirmed) > 2000)
    server.kill()
    for publisher in publishers:
        publisher.join()
    server.start()

    kept = set()
    while some := {one.message.message_id for one in pull(clients)} - kept:
        kept |= some
        if set(confirmed) <= kept:
            break
    assert set(confirmed) - kept == set()


def test_a_polite_stop_takes_little_time_and_loses_nothing(server, clients):
    subscribe(clients)
    publish(clients, "x")
    requests = queue.SimpleQueue()
    requests.put({"subscription": SUBSCRIPTION, "stream_ack_deadline_seconds": 60})
    stream = clients.subscriber.streaming_pull(requests=iter(requests.get, None))
    next(stream)
    started = time.monotonic()

    status = server.stop()
    seconds = time.monotonic() - started
    requests.put(None)
    server.start()

    assert status in {0, -signal.SIGTERM}
    assert seconds < 5
    assert bodies(pull(clients)) == ["x"]


def test_the_log_begins_anew_before_it_is_long(tmp_path):
    journal = Journal(tmp_path / "journal")

    async def write():
        running = asyncio.create_task(journal.run())
        for number in range(1, 13):
            journal.put_message(Row(number, SUBSCRIPTION, bytes(1 << 20)))
            await journal.committed()
        running.cancel()
        await asyncio.wait([running])

    with ThreadPoolExecutor(1) as apart:  # a test of the browser may have left a loop in this thread
        apart.submit(lambda: asyncio.run(write())).result()
    size = (tmp_path / "journal-wal").stat().st_size
    kept = len(journal.backlog())
    journal.close()

    assert size < 7 << 20
    assert kept == 12
