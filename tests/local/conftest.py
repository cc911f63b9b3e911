"""Servers that several of these tests share the way to start."""

import pytest
from support.pubsub import Clients, PubSubServer
from support.servers import running
from support.stack import standing


@pytest.fixture(scope="module")
def pubsub(tmp_path_factory):
    """A Pub/Sub server of the module's own."""
    with running(PubSubServer(tmp_path_factory.mktemp("pubsub"))) as server:
        yield server


@pytest.fixture(scope="module")
def clients(pubsub):
    """Google's own clients of it."""
    clients = Clients(pubsub.host)
    yield clients
    clients.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A whole stack of the module's own."""
    with standing(tmp_path_factory.mktemp("home")) as stack:
        yield stack
