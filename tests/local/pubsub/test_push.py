"""Push delivery: both forms, and what becomes of a message whose endpoint fails, hangs or is not there."""

import asyncio
import base64
import json
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from google.protobuf import duration_pb2
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from support.pubsub import PROJECT, Clients, PubSubServer
from support.servers import eventually, free_port, running
from uvicorn import Config, Server

TOPIC = f"{PROJECT}/topics/events"
LETTERS = f"{PROJECT}/topics/letters"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(PubSubServer(tmp_path_factory.mktemp("pubsub"))) as server:
        yield server


@pytest.fixture(scope="module")
def clients(server):
    clients = Clients(server.host)
    for topic in (TOPIC, LETTERS):
        clients.plain_publisher.create_topic(name=topic)
    yield clients
    clients.close()


@pytest.fixture
def subscribe(clients, request):
    """Subscribe an endpoint to TOPIC for as long as the test runs; the subscription's name."""
    names = []

    def subscribe(url, topic=TOPIC, attributes=None, **options):
        name = f"{PROJECT}/subscriptions/{request.node.name.replace('[', '-').replace(']', '')}-{len(names)}"
        push = {"push_endpoint": url, "attributes": attributes or {}, **options.pop("push", {})}
        subscription = {"name": name, "topic": topic, "push_config": push, **options}
        clients.subscriber.create_subscription(request=subscription)
        names.append(name)
        return name

    yield subscribe
    for name in names:
        clients.subscriber.delete_subscription(subscription=name)


@pytest.fixture
def publish(clients):
    def publish(*bodies, topic=TOPIC, **fields):
        messages = [{"data": body.encode(), **fields} for body in bodies]
        return list(clients.plain_publisher.publish(topic=topic, messages=messages).message_ids)

    return publish


class Endpoint:
    """An HTTP server that keeps what it is sent and answers as it is told."""

    def __init__(self, port=0):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook?key=value"
        self.requests = []
        self.times = []
        self.statuses = []
        self.delay = 0.0
        self.at_once = self.most_at_once = 0

    async def answer(self, request):
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        body = await request.body()
        self.requests.append((request, body))
        self.times.append(time.monotonic())
        await asyncio.sleep(self.delay)
        self.at_once -= 1
        return Response(status_code=self.statuses.pop(0) if self.statuses else 204)

    def envelopes(self):
        return [json.loads(body) for _, body in self.requests]

    def bodies(self):
        return [base64.b64decode(envelope["message"]["data"]).decode() for envelope in self.envelopes()]


@contextmanager
def serving(endpoint):
    app = Starlette(routes=[Route("/hook", endpoint.answer, methods=["POST"])])
    server = Server(Config(app, host="127.0.0.1", port=endpoint.port, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started)
    try:
        yield endpoint
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def endpoint():
    with serving(Endpoint()) as endpoint:
        yield endpoint


def backlog(server, subscription):
    return server.status()[subscription]["backlog"]


EVENTARC = {"dropforge-delivery": "eventarc"}
HALF_A_SECOND = {"minimum_backoff": duration_pb2.Duration(nanos=500_000_000)}


class TestForms:
    def test_eventarc_gets_a_binary_cloud_event(self, subscribe, publish, endpoint):
        subscription = subscribe(endpoint.url, attributes=EVENTARC)

        [message_id] = publish("body", attributes={"kind": "test"}, ordering_key="key")

        eventually(lambda: endpoint.requests)
        [(request, _)], [envelope] = endpoint.requests, endpoint.envelopes()
        time_of_publication = envelope["message"].pop("publishTime")
        assert {
            "ce-id": message_id,
            "ce-specversion": "1.0",
            "ce-time": time_of_publication,
            "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
            "ce-source": f"//pubsub.googleapis.com/{TOPIC}",
            "content-type": "application/json",
        }.items() <= dict(request.headers).items()
        assert envelope == {
            "message": {
                "data": "Ym9keQ==",
                "attributes": {"kind": "test"},
                "messageId": message_id,
                "orderingKey": "key",
            },
            "subscription": subscription,
        }
        assert str(request.url) == endpoint.url

    def test_eventarc_is_told_the_attempt_where_there_are_dead_letters(self, subscribe, publish, endpoint):
        subscribe(endpoint.url, attributes=EVENTARC, dead_letter_policy={"dead_letter_topic": LETTERS})
        endpoint.statuses = [500]

        publish("x")

        eventually(lambda: len(endpoint.requests) == 2)
        assert [envelope["deliveryAttempt"] for envelope in endpoint.envelopes()] == [1, 2]

    def test_without_a_wrapper_the_body_is_the_data(self, subscribe, publish, endpoint):
        subscription = subscribe(endpoint.url, push={"no_wrapper": {"write_metadata": True}})

        [message_id] = publish("bare", attributes={"town": "Zürich"})

        eventually(lambda: endpoint.requests)
        [(request, body)] = endpoint.requests
        assert body == b"bare"
        assert {
            "town": "Zürich".encode().decode("latin-1"),
            "x-goog-pubsub-message-id": message_id,
            "x-goog-pubsub-subscription-name": subscription,
        }.items() <= dict(request.headers).items()


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_these_acknowledge(self, server, subscribe, publish, endpoint, status):
        subscription = subscribe(endpoint.url)
        endpoint.statuses = [status]

        publish("x")

        eventually(lambda: endpoint.requests and not backlog(server, subscription))
        assert len(endpoint.requests) == 1

    @pytest.mark.parametrize("status", [203, 302, 400, 404, 429, 500, 503])
    def test_all_others_refuse(self, server, subscribe, publish, endpoint, status):
        subscription = subscribe(endpoint.url)
        endpoint.statuses = [status]

        publish("x")

        eventually(lambda: len(endpoint.requests) == 2 and not backlog(server, subscription))

    def test_many_requests_are_in_flight_at_once_but_not_more_than_64(self, subscribe, publish, endpoint):
        endpoint.delay = 0.3
        subscribe(endpoint.url)

        publish(*[str(number) for number in range(100)])

        eventually(lambda: len(endpoint.requests) == 100)
        assert endpoint.most_at_once == 64
        assert sorted(endpoint.bodies(), key=int) == [str(number) for number in range(100)]

    def test_messages_of_a_key_are_pushed_one_after_the_other(self, subscribe, publish, endpoint):
        endpoint.delay = 0.02
        endpoint.statuses = [204, 500]
        subscribe(endpoint.url, enable_message_ordering=True)

        publish("a", "b", "c", ordering_key="key")

        eventually(lambda: len(endpoint.requests) == 4)
        assert (endpoint.bodies(), endpoint.most_at_once) == (["a", "b", "b", "c"], 1)


class TestFailures:
    def test_the_retry_policy_may_ask_for_less_than_a_second(self, subscribe, publish, endpoint):
        endpoint.statuses = [500, 500]
        subscribe(endpoint.url, retry_policy=HALF_A_SECOND)

        publish("x")

        eventually(lambda: len(endpoint.times) == 3)
        first, second, third = endpoint.times
        assert 0.4 < second - first < 0.9
        assert 0.9 < third - second < 1.6

    def test_a_message_that_is_refused_too_often_becomes_a_dead_letter(self, subscribe, publish, endpoint):
        broken, letters = Endpoint(), endpoint
        broken.statuses = [500] * 5
        policy = {"dead_letter_topic": LETTERS, "max_delivery_attempts": 5}
        with serving(broken):
            subscribe(letters.url, topic=LETTERS)
            subscribe(broken.url, dead_letter_policy=policy, retry_policy={"minimum_backoff": duration_pb2.Duration()})

            publish("poison")

            eventually(lambda: letters.requests)
        assert letters.bodies() == ["poison"]
        assert len(broken.requests) == 5

    def test_a_closed_door_costs_no_attempts(self, server, subscribe, publish):
        absent = Endpoint()
        policy = {"dead_letter_topic": LETTERS, "max_delivery_attempts": 5}
        subscription = subscribe(absent.url, attributes=EVENTARC, dead_letter_policy=policy)
        publish(*"abcdefghij")
        time.sleep(2)
        tries = server.status()[subscription]["delivered"]

        with serving(absent):
            eventually(lambda: len(absent.requests) == 10)

        assert {envelope["deliveryAttempt"] for envelope in absent.envelopes()} == {1}
        assert 10 < tries < 20, "the ten at first, and then one at a time with growing pauses"

    def test_an_endpoint_that_hangs_is_given_up_at_the_ack_deadline(self, subscribe, publish, endpoint):
        endpoint.delay = 10.6
        subscribe(endpoint.url, ack_deadline_seconds=10)

        publish("slow")

        eventually(lambda: len(endpoint.times) == 2, seconds=14)
        first, second = endpoint.times
        assert 10 < second - first < 11

    def test_an_endpoint_that_hangs_up_is_tried_again(self, subscribe, publish):
        with socket.create_server(("127.0.0.1", 0)) as rude:
            subscribe(f"http://127.0.0.1:{rude.getsockname()[1]}/")
            publish("x")
            for _ in range(3):
                connection, _ = rude.accept()
                connection.recv(65536)
                connection.close()

    def test_an_idle_connection_that_was_closed_meanwhile_costs_no_attempt(self, subscribe, publish):
        def answer(connection):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            subscribe(url, dead_letter_policy={"dead_letter_topic": LETTERS})
            publish("first")
            kept, _ = listener.accept()
            answer(kept)
            publish("second")
            kept.recv(65536)
            kept.close()

            fresh, _ = listener.accept()
            with fresh:
                request = fresh.recv(65536)
                fresh.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        assert b'"deliveryAttempt": 1' in request

    def test_a_new_endpoint_takes_over(self, clients, subscribe, publish, endpoint):
        absent = Endpoint()
        subscription = subscribe(absent.url)
        publish("x")

        clients.subscriber.modify_push_config(subscription=subscription, push_config={"push_endpoint": endpoint.url})

        eventually(lambda: endpoint.requests)
