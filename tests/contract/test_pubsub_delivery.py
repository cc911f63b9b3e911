"""Messages from publisher to subscriber as Google's client libraries expect it: of our server and of the official emulator."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.protobuf import duration_pb2
from support.pubsub import PROJECT, Pair, bodies
from support.servers import eventually


class TestPublish:
    def test_every_message_gets_an_id_of_its_own(self, pair):
        ids = pair.publish(*"abcde")

        assert len(set(ids)) == 5

    def test_a_batching_publisher_gets_the_id_of_each_message(self, clients, pair):
        futures = [clients.publisher.publish(pair.topic, str(number).encode()) for number in range(50)]

        ids = [future.result(timeout=10) for future in futures]

        received = {one.message.message_id: one.message.data for one in pair.pull_until(50)}
        assert [str(number).encode() for number in range(50)] == [received[message_id] for message_id in ids]

    def test_a_message_arrives_as_it_was_sent(self, pair):
        before = datetime.now(UTC)
        [message_id] = pair.publish("body", kind="test", empty="")

        [received] = pair.pull()

        assert received.message.data == b"body"
        assert dict(received.message.attributes) == {"kind": "test", "empty": ""}
        assert received.message.message_id == message_id
        assert abs(received.message.publish_time - before) < timedelta(seconds=5)

    def test_every_subscription_gets_a_copy(self, clients, pair):
        other = Pair(clients)
        name = f"{other.subscription}-second"
        clients.subscriber.create_subscription(name=name, topic=pair.topic)

        pair.publish("twice")

        second = clients.subscriber.pull(subscription=name, max_messages=10)
        assert bodies(pair.pull()) == bodies(second.received_messages) == ["twice"]

    def test_a_message_with_neither_data_nor_attributes_is_refused(self, pair):
        with pytest.raises(exceptions.InvalidArgument):
            pair.publisher.publish(topic=pair.topic, messages=[{"ordering_key": "k"}])

    def test_attributes_alone_are_a_message(self, pair):
        pair.publish("", kind="bare")

        assert [dict(one.message.attributes) for one in pair.pull()] == [{"kind": "bare"}]


class TestPull:
    def test_an_acknowledged_message_is_never_seen_again(self, pair):
        pair.publish("once")
        pair.deadline(1, *(received := pair.pull()))

        pair.ack(*received)

        assert pair.pull(within=1.5) == []

    def test_a_refused_message_comes_again(self, pair):
        pair.publish("again")

        pair.deadline(0, *pair.pull())

        assert bodies(pair.pull()) == ["again"]

    def test_an_expired_lease_is_redelivered(self, pair):
        pair.publish("again")
        pair.deadline(1, *pair.pull())
        started = time.monotonic()

        assert bodies(pair.pull()) == ["again"]
        assert time.monotonic() - started > 0.5

    def test_an_extended_lease_is_not(self, pair):
        pair.publish("mine")
        pair.deadline(1, *(received := pair.pull()))

        pair.deadline(20, *received)

        assert pair.pull(within=1.5) == []

    def test_a_pull_waits_for_a_message(self, pair):
        threading.Timer(0.5, pair.publish, ["late"]).start()

        assert bodies(pair.pull()) == ["late"]

    def test_an_acknowledgement_of_nothing_is_refused(self, pair):
        with pytest.raises(exceptions.InvalidArgument):
            pair.ack()
        with pytest.raises(exceptions.InvalidArgument):
            pair.deadline(10)

    def test_a_pull_of_nothing_is_refused(self, pair):
        with pytest.raises(exceptions.InvalidArgument):
            pair.pull(limit=0)

    def test_an_answer_stays_within_what_the_client_takes(self, pair, emulator_differs):
        emulator_differs("sends answers of any size")
        for _ in range(5):
            pair.publish("x" * 1_000_000)

        assert len(pair.pull_until(5)) == 5


class TestFilters:
    def test_only_matching_messages_are_delivered(self, clients, emulator_differs):
        emulator_differs("stores filters and ignores them")
        pair = Pair(clients, filter='attributes.kind = "good" AND NOT attributes:test')

        pair.publish("no", kind="bad")
        pair.publish("neither", kind="good", test="1")
        pair.publish("yes", kind="good")

        assert bodies(pair.pull()) == ["yes"]


class TestOrdering:
    @pytest.fixture
    def pair(self, clients):
        return Pair(clients, enable_message_ordering=True)

    def test_messages_of_a_key_come_in_order(self, pair):
        for number in range(20):
            pair.publish_ordered("key", str(number))
        received = []

        while len(received) < 20:
            received += (some := pair.pull(limit=3))
            pair.ack(*some)

        assert bodies(received) == [str(number) for number in range(20)]

    def test_a_refused_message_comes_again_before_those_behind_it(self, pair, emulator_differs):
        emulator_differs("goes on with the messages behind a refused one")
        pair.publish_ordered("key", "first", "second", "third")
        received = pair.pull_until(3)

        pair.deadline(0, received[0])

        assert bodies(pair.pull_until(3, within=4)) == ["first", "second", "third"]

    def test_one_key_does_not_wait_for_another(self, pair):
        pair.publish_ordered("blocked", "held")
        pair.pull()

        pair.publish_ordered("free", "flows")

        assert bodies(pair.pull()) == ["flows"]


class TestFailedDeliveries:
    @pytest.fixture
    def letters(self, clients):
        return Pair(clients)

    @pytest.fixture
    def pair(self, clients, letters):
        policy = {"dead_letter_topic": letters.topic, "max_delivery_attempts": 5}
        return Pair(clients, dead_letter_policy=policy)

    def test_attempts_are_counted_where_there_are_dead_letters(self, pair):
        pair.publish("x")
        attempts = []

        for _ in range(3):
            [received] = pair.pull()
            attempts.append(received.delivery_attempt)
            pair.deadline(0, received)

        assert attempts == [1, 2, 3]

    def test_attempts_are_not_told_otherwise(self, letters):
        letters.publish("x")

        assert [one.delivery_attempt for one in letters.pull()] == [0]

    def test_a_message_that_fails_too_often_becomes_a_dead_letter(self, pair, letters):
        pair.publish("poison", kind="test")
        for _ in range(5):
            pair.deadline(0, *pair.pull())

        assert pair.pull(within=1.0) == []
        [letter] = letters.pull()

        assert letter.message.data == b"poison"
        assert {
            "kind": "test",
            "CloudPubSubDeadLetterSourceDeliveryCount": "5",
            "CloudPubSubDeadLetterSourceSubscription": pair.subscription.rpartition("/")[2],
            "CloudPubSubDeadLetterSourceSubscriptionProject": PROJECT.rpartition("/")[2],
        }.items() <= dict(letter.message.attributes).items()
        assert "CloudPubSubDeadLetterSourceTopicPublishTime" in letter.message.attributes

    def test_a_refused_message_waits_for_its_backoff(self, clients, emulator_differs):
        emulator_differs("repeats the first failed delivery at once")
        pair = Pair(clients, retry_policy={"minimum_backoff": duration_pb2.Duration(seconds=1)})
        pair.publish("later")
        pair.deadline(0, *pair.pull())
        started = time.monotonic()

        assert bodies(pair.pull()) == ["later"]
        assert time.monotonic() - started > 0.8


class TestSeek:
    @pytest.fixture
    def pair(self, clients):
        return Pair(clients, retain_acked_messages=True)

    def seek(self, pair, target):
        pair.subscriber.seek(request={"subscription": pair.subscription, **target})

    def test_seeking_back_replays_what_was_acknowledged(self, pair):
        start = datetime.now(UTC) - timedelta(seconds=5)
        pair.publish("a", "b")
        pair.ack(*pair.pull_until(2))

        self.seek(pair, {"time": start})

        assert sorted(bodies(pair.pull_until(2))) == ["a", "b"]

    def test_seeking_to_the_present_drops_the_backlog(self, pair):
        pair.publish("old")

        self.seek(pair, {"time": datetime.now(UTC) + timedelta(seconds=1)})

        assert pair.pull(within=1.0) == []

    def test_seeking_to_a_snapshot_owes_what_was_owed_and_published_since(self, pair):
        snapshot = pair.subscription.replace("subscriptions", "snapshots")
        pair.publish("before")
        pair.ack(*pair.pull())
        pair.publish("owed")
        pair.subscriber.create_snapshot(name=snapshot, subscription=pair.subscription)
        pair.publish("since")
        pair.ack(*pair.pull_until(2))

        self.seek(pair, {"snapshot": snapshot})

        assert sorted(bodies(pair.pull_until(2))) == ["owed", "since"]
        assert pair.pull(within=1.0) == []

    def test_a_snapshot_is_listed_until_it_is_deleted(self, pair):
        snapshot = pair.subscription.replace("subscriptions", "snapshots")
        pair.subscriber.create_snapshot(name=snapshot, subscription=pair.subscription)

        listed = [one.name for one in pair.subscriber.list_snapshots(project=PROJECT)]
        pair.subscriber.delete_snapshot(snapshot=snapshot)

        assert snapshot in listed
        assert snapshot not in [one.name for one in pair.subscriber.list_snapshots(project=PROJECT)]


class Subscriber:
    """A callback that collects, under a streaming pull."""

    def __init__(self, pair, *, ack=True, **flow_control):
        self.messages = []
        self._ack = ack
        self.future = pair.subscriber.subscribe(
            pair.subscription, self._receive, flow_control=pubsub_v1.types.FlowControl(**flow_control)
        )

    def _receive(self, message):
        self.messages.append(message)
        if self._ack:
            message.ack()

    def stop(self):
        self.future.cancel()
        self.future.result(timeout=10)


class TestStreamingPull:
    def test_messages_arrive_as_they_are_published(self, pair):
        subscriber = Subscriber(pair)

        for number in range(10):
            pair.publish(str(number))

        eventually(lambda: len(subscriber.messages) == 10)
        subscriber.stop()

    def test_acknowledged_messages_stay_away(self, pair):
        subscriber = Subscriber(pair)
        pair.publish("once")
        eventually(lambda: subscriber.messages)
        subscriber.stop()

        assert pair.pull(within=1.0) == []

    def test_no_more_is_sent_than_flow_control_allows(self, pair, emulator_differs):
        emulator_differs("sends whatever it has, and leaves flow control to the client")
        pair.publish(*"abcdef")
        subscriber = Subscriber(pair, ack=False, max_messages=2)
        eventually(lambda: len(subscriber.messages) == 2)

        rest = pair.pull_until(4, within=4)
        time.sleep(0.5)

        assert (len(subscriber.messages), len(rest)) == (2, 4)
        for message in subscriber.messages:
            message.ack()
        subscriber.stop()

    def test_a_refused_message_comes_again(self, pair):
        subscriber = Subscriber(pair, ack=False)
        pair.publish("again")
        eventually(lambda: subscriber.messages)

        subscriber.messages[0].nack()

        eventually(lambda: len(subscriber.messages) >= 2)
        subscriber.messages[-1].ack()
        subscriber.stop()

    def test_the_deletion_of_the_subscription_ends_the_stream(self, pair):
        subscriber = Subscriber(pair)
        pair.publish("so that the stream stands")
        eventually(lambda: subscriber.messages)

        pair.subscriber.delete_subscription(subscription=pair.subscription)

        with pytest.raises(exceptions.NotFound):
            subscriber.future.result(timeout=10)


class TestExactlyOnce:
    @pytest.fixture
    def pair(self, clients):
        return Pair(clients, enable_exactly_once_delivery=True)

    def test_an_acknowledgement_is_confirmed(self, pair):
        pair.publish("once")
        subscriber = Subscriber(pair, ack=False)
        eventually(lambda: subscriber.messages)

        confirmation = subscriber.messages[0].ack_with_response()

        assert confirmation.result(timeout=10) == AcknowledgeStatus.SUCCESS
        subscriber.stop()

    def test_an_acknowledgement_that_comes_too_late_is_told_so(self, pair):
        pair.publish("twice")
        subscriber = Subscriber(pair, ack=False)
        eventually(lambda: subscriber.messages)
        message = subscriber.messages[0]
        message.modify_ack_deadline(0)
        eventually(lambda: len(subscriber.messages) == 2)

        with pytest.raises(AcknowledgeError) as failure:
            message.ack_with_response().result(timeout=10)

        assert failure.value.error_code == AcknowledgeStatus.INVALID_ACK_ID
        subscriber.messages[1].ack()
        subscriber.stop()


@pytest.fixture
def endpoint():
    """An HTTP server that keeps the JSON bodies of what it is sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            server.received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.received = []
    server.url = f"http://127.0.0.1:{server.server_port}/push"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class TestPush:
    def test_a_message_is_posted_in_its_wrapping(self, clients, endpoint):
        pair = Pair(clients, push_config={"push_endpoint": endpoint.url})

        [message_id] = pair.publish("body", kind="test")

        eventually(lambda: endpoint.received)
        [envelope] = endpoint.received
        assert envelope["subscription"] == pair.subscription
        assert envelope["message"]["data"] == "Ym9keQ=="
        assert envelope["message"]["attributes"] == {"kind": "test"}
        assert envelope["message"]["messageId"] == envelope["message"]["message_id"] == message_id
        assert envelope["message"]["publishTime"] == envelope["message"]["publish_time"]

    def test_a_subscription_can_be_turned_to_push_and_back(self, pair, endpoint):
        config = {"push_endpoint": endpoint.url}
        pair.subscriber.modify_push_config(subscription=pair.subscription, push_config=config)
        pair.publish("pushed")
        eventually(lambda: endpoint.received)

        pair.subscriber.modify_push_config(subscription=pair.subscription, push_config={})
        pair.publish("pulled")

        assert bodies(pair.pull()) == ["pulled"]

    def test_an_endpoint_that_is_no_url_is_refused(self, clients):
        with pytest.raises(exceptions.InvalidArgument):
            Pair(clients, push_config={"push_endpoint": "example"})

    def test_what_is_pushed_cannot_be_pulled(self, clients, endpoint, emulator_differs):
        emulator_differs("lets a push subscription be pulled")
        pair = Pair(clients, push_config={"push_endpoint": endpoint.url})

        with pytest.raises(exceptions.FailedPrecondition):
            pair.pull(within=1.0)
