"""What the tests of the local Vertex AI read their datasets from."""

import pytest
from support.servers import running
from support.vertex import storage_server, upload_dataset


@pytest.fixture(scope="module")
def storage_url(tmp_path_factory):
    """A storage server of the module's own, with a dataset in it."""
    with running(storage_server(tmp_path_factory.mktemp("storage"))) as server:
        upload_dataset(server.url)
        yield server.url
