"""What a bus publishes is heard as it was told: in memory, and by Google's subscriber from the local Pub/Sub."""

import pytest
from google.cloud import pubsub_v1
from support.pubsub import PubSubServer
from support.runs import validated
from support.servers import running

from dropforge import wire
from dropforge.adapters.google.pubsub import PubSubBus
from dropforge.adapters.memory import MemoryBus
from dropforge.domain.announcements import Links, announcement
from dropforge.domain.errors import Misconfigured

EVENT = announcement(validated(), Links("", "p", "l"))


class OverPubSub:
    def __init__(self) -> None:
        self.bus = PubSubBus("p")
        self._subscriber = pubsub_v1.SubscriberClient()
        self._subscription = "projects/p/subscriptions/listener"
        pubsub_v1.PublisherClient().create_topic(name=f"projects/p/topics/{EVENT.TOPIC}")
        self._subscriber.create_subscription(name=self._subscription, topic=f"projects/p/topics/{EVENT.TOPIC}")

    def heard(self):
        pulled = self._subscriber.pull(subscription=self._subscription, max_messages=10, timeout=10)
        return [wire.read_message(one.message.data, one.message.attributes) for one in pulled.received_messages]


class InMemory:
    def __init__(self) -> None:
        self.bus = MemoryBus()

    def heard(self):
        return self.bus.published


@pytest.fixture
def pubsub(tmp_path, monkeypatch):
    with running(PubSubServer(tmp_path)) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.host)
        yield OverPubSub()


@pytest.fixture(params=["memory", "pubsub"])
def listened(request):
    return InMemory() if request.param == "memory" else request.getfixturevalue("pubsub")


def test_an_event_is_heard_as_it_was_told(listened):
    listened.bus.publish(EVENT)
    assert listened.heard() == [EVENT]


@pytest.mark.usefixtures("pubsub")
def test_a_topic_that_is_not_there_is_a_matter_for_the_operator():
    with pytest.raises(Misconfigured, match="create the topic"):
        PubSubBus("elsewhere").publish(EVENT)
