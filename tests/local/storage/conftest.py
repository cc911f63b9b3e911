"""A local Cloud Storage server for the tests of one file, Google's client for it, and a bucket for each test."""

from uuid import uuid4

import httpx
import pytest
from support.servers import running
from support.storage import StorageServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(StorageServer(tmp_path_factory.mktemp("storage"))) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def bucket(client):
    return client.create_bucket(f"bucket-{uuid4().hex}")


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url) as http:
        yield http
