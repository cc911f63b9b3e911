"""`dropforge check gs://...`: Google's own client reads the folder, and the findings are those of a folder here."""

import json
import subprocess
import sys

import pytest
from support.data import dataset
from support.servers import running
from support.storage import StorageServer, put

FILES = dataset() | {"corpus.jsonl": dataset()["corpus.jsonl"].replace(b'"_id": "d3", ', b""), "notes.txt": b""}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(StorageServer(tmp_path_factory.mktemp("storage"), "--bucket", "drop")) as server:
        with server.client() as client:
            for name, data in FILES.items():
                put(client.bucket("drop"), f"datasets/topics/{name}", data)
        yield server


@pytest.fixture
def check(server, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)

    def check(place):
        command = [sys.executable, "-c", "from dropforge.cli.main import main; main()", "check", "--format", "json"]
        done = subprocess.run([*command, place], capture_output=True, check=False, text=True)
        return done.returncode, done.stdout, done.stderr

    return check


def test_a_bucket_is_told_the_same_as_a_folder(check, tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    status, out, err = check("gs://drop/datasets/topics")
    assert (status, out, err) == check(tmp_path)
    assert (status, err) == (1, "")
    assert {"id-missing", "labels-unknown-document", "folder-unknown-file"} == json.loads(out)["counts"].keys()


def test_what_cannot_be_checked_is_told(check):
    assert check("gs://other/topics") == (2, "", "dropforge: there is no bucket other: check its name\n")
    status, _, err = check("gs://drop")
    assert status == 2
    assert err.endswith("name the folder that corpus.jsonl lies in; gs://drop/datasets/topics has one\n")
