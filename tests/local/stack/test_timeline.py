"""What is told of a running stack, live: by `up`, and to those who wait until something has happened."""

import threading
import time

import pytest
from support.pubsub import Clients, PubSubServer
from support.runs import validated
from support.servers import eventually, running

from dropforge import wire
from dropforge.adapters.google import listening
from dropforge.domain.announcements import Links, announcement
from dropforge.domain.errors import Missing
from dropforge.domain.topology import PUBLIC
from dropforge_local import cli
from dropforge_local.stack.record import Identity, Record, State
from dropforge_local.stack.timeline import Timeline

PROJECT = "dropforge-local"
LINKS = Links("", "p", "l")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(PubSubServer(tmp_path_factory.mktemp("pubsub"))) as server:
        clients = Clients(server.host)
        for topic in PUBLIC:
            clients.plain_publisher.create_topic(name=f"projects/{PROJECT}/topics/{topic}")
        clients.close()
        yield server


@pytest.fixture
def clients(server, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.host)
    clients = Clients(server.host)
    yield clients
    for subscription in subscriptions(clients):
        clients.subscriber.delete_subscription(subscription=subscription)
    clients.close()


def subscriptions(clients):
    return [one.name for one in clients.subscriber.list_subscriptions(project=f"projects/{PROJECT}")]


def event(number):
    return announcement(validated(f"topics-{number}123456789ab"), LINKS)


def publish(clients, event):
    data, attributes = wire.publishable(event, PROJECT)
    topic = f"projects/{PROJECT}/topics/{event.TOPIC}"
    clients.plain_publisher.publish(topic=topic, messages=[{"data": data, "attributes": attributes}])


def soon():
    return time.monotonic() + 5


def test_each_event_is_given_once_also_when_it_was_published_while_nobody_listened(clients):
    with Timeline(PROJECT, "mine"):
        pass
    for each in (event(1), event(1), event(2)):
        publish(clients, each)

    with Timeline(PROJECT, "mine") as mine:
        heard = [next(mine.events(until=soon())) for _ in range(2)]
        more = list(mine.events(until=time.monotonic() + 0.5))

    assert sorted(one.id for one in heard) == sorted([event(1).id, event(2).id])
    assert more == []


def test_no_more_is_remembered_than_is_needed_to_know_what_comes_twice(clients, monkeypatch):
    monkeypatch.setattr(listening, "_REMEMBERED", 1)
    with Timeline(PROJECT, "mine") as mine:
        for each in (event(1), event(2), event(1)):
            publish(clients, each)
            assert next(mine.events(until=soon())).id == each.id


def test_a_stream_that_has_ended_is_no_silence(clients):
    with Timeline(PROJECT, "mine") as mine:
        clients.subscriber.delete_subscription(subscription=subscriptions(clients)[0])
        with pytest.raises(Missing, match="listening"):
            next(mine.events(until=soon()))


def test_up_tells_what_happens_from_now_on_and_says_so_when_it_cannot(clients, capsys):
    stack = Record(Identity(1, 0.0), State.READY, "", (), {"DROPFORGE_PROJECT": PROJECT})
    telling = threading.Thread(target=cli._tell_what_happens, args=[stack], daemon=True)
    telling.start()
    eventually(lambda: len(subscriptions(clients)) == len(PUBLIC))
    publish(clients, event(1))
    told = ""

    def is_told():
        nonlocal told
        told += capsys.readouterr().out
        return event(1).dataset in told

    eventually(is_told, otherwise=lambda: told)
    clients.subscriber.delete_subscription(subscription=subscriptions(clients)[0])
    telling.join(30)

    assert "no longer shown here (listening: " in capsys.readouterr().err
    assert subscriptions(clients) == []
