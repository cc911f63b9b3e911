"""`gcloud storage` and `gsutil`, where they are installed, against the local Cloud Storage server."""

import filecmp
import os
import shutil
import subprocess
import threading

import pytest
import uvicorn
from support.servers import eventually, free_port, running
from support.storage import StorageServer

from dropforge_local.storage.delivery import Backoff
from dropforge_local.storage.listing import Selection
from dropforge_local.storage.server import create_app
from dropforge_local.storage.state import Storage


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "dataset"
    (folder / "sub folder").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "1", "text": "grün"}\n')
    (folder / "empty").touch()
    (folder / "sub folder" / "big.bin").write_bytes(os.urandom(9 * 1024 * 1024))  # big enough for a resumable upload
    return folder


def same(one, other):
    comparison = filecmp.dircmp(one, other)
    return not comparison.left_only + comparison.right_only + comparison.diff_files + comparison.funny_files


def output_of(command, environment):
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
def test_gcloud_copies_a_folder_there_and_back_and_removes_it(tmp_path, dataset):
    with running(StorageServer(tmp_path / "storage", "--bucket", "drop")) as server:
        environment = os.environ | {
            "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CORE_PROJECT": "test",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{server.url}/storage/v1/",
        }

        def gcloud_storage(*arguments):
            return output_of(["gcloud", "storage", *map(str, arguments)], environment)

        gcloud_storage("cp", "-r", dataset, "gs://drop/datasets/")
        listed = gcloud_storage("ls", "gs://drop/datasets/dataset/**")
        assert [
            f"gs://drop/datasets/dataset/{name}" for name in ("corpus.jsonl", "empty", "sub folder/big.bin")
        ] == listed.splitlines()
        assert gcloud_storage("cat", "gs://drop/datasets/dataset/corpus.jsonl") == '{"_id": "1", "text": "grün"}\n'

        (tmp_path / "back").mkdir()
        gcloud_storage("cp", "-r", "gs://drop/datasets/dataset", tmp_path / "back")
        assert same(dataset, tmp_path / "back" / "dataset")
        assert same(dataset / "sub folder", tmp_path / "back" / "dataset" / "sub folder")

        gcloud_storage("rm", "-r", "gs://drop/datasets")
        with server.client() as client:
            assert list(client.list_blobs("drop")) == []


@pytest.fixture
def tls_server(tmp_path):
    """Port and state of a server behind TLS: without it gsutil speaks to nobody but Google."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    names = ["-subj", "/CN=127.0.0.1", "-out", certificate, "-keyout", key]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names], check=True, capture_output=True
    )
    storage = Storage(tmp_path / "storage")
    storage.buckets.ensure("drop")
    port = free_port()
    app = create_app(storage, base_url=f"https://127.0.0.1:{port}", backoff=Backoff())
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, ssl_certfile=certificate, ssl_keyfile=key, log_level="warning")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started)
    yield port, storage
    server.should_exit = True
    thread.join()


@pytest.mark.skipif(
    not (shutil.which("gsutil") and shutil.which("openssl")), reason="gsutil or openssl is not installed"
)
def test_gsutil_copies_a_folder_there_and_back_and_removes_it(tmp_path, dataset, tls_server):
    port, storage = tls_server
    configuration = tmp_path / "boto"
    configuration.write_text(
        f"""
        [Credentials]
        gs_json_host = 127.0.0.1
        gs_json_port = {port}
        [Boto]
        https_validate_certificates = False
        [GSUtil]
        software_update_check_period = 0
        state_dir = {tmp_path / "gsutil"}
        """.replace("        ", "")
    )
    environment = os.environ | {
        "BOTO_CONFIG": str(configuration),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_CORE_PASS_CREDENTIALS_TO_GSUTIL": "false",
    }

    def gsutil(*arguments):
        return output_of(["gsutil", *map(str, arguments)], environment)

    gsutil("cp", "-r", dataset, "gs://drop/datasets/")

    (tmp_path / "back").mkdir()
    gsutil("cp", "-r", "gs://drop/datasets/dataset", tmp_path / "back")
    assert same(dataset, tmp_path / "back" / "dataset")
    assert same(dataset / "sub folder", tmp_path / "back" / "dataset" / "sub folder")

    gsutil("rm", "-r", "gs://drop/datasets")
    assert storage.list("drop", Selection()).objects == []
