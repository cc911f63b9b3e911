"""Pub/Sub as its contract wants it: our server, and the official emulator where it is installed."""

import shutil

import pytest
from support.pubsub import Clients, Pair, PubSubServer, emulator_jar, official_emulator
from support.servers import running


@pytest.fixture(scope="module", params=["local", "emulator"])
def pubsub_host(request, tmp_path_factory):
    if request.param == "local":
        with running(PubSubServer(tmp_path_factory.mktemp("pubsub"))) as server:
            yield server.host
    elif (jar := emulator_jar()) and shutil.which("java"):
        with official_emulator(jar) as address:
            yield address
    else:
        pytest.skip("the official emulator is not installed")


@pytest.fixture
def emulator_differs(request):
    """Strictly expect the official emulator to fail this test, for the reason that is given."""

    def differs(reason):
        if "emulator" in request.node.callspec.id:
            request.applymarker(pytest.mark.xfail(reason=f"the official emulator {reason}", strict=True))

    return differs


@pytest.fixture(scope="module")
def clients(pubsub_host):
    clients = Clients(pubsub_host)
    yield clients
    clients.close()


@pytest.fixture
def pair(clients):
    return Pair(clients)
