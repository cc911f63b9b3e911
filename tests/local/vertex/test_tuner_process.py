"""The tuner as a process."""

import subprocess
import sys

import msgspec
import pytest
from support.vertex import BUCKET

from dropforge_local.vertex.tuning.protocol import EVENT_DECODER, Failed, Started, Succeeded, TuningSpec, line

# Ends the process at once when anything asks for a host that is not this machine.
LOOPBACK_ONLY = """
import os, runpy, socket, sys
def watch(event, arguments):
    if event == "socket.connect" and arguments[1][0] not in ("127.0.0.1", "::1"):
        os._exit(77)
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "localhost", "::1"):
        os._exit(78)
sys.addaudithook(watch)
"""
RUN_TUNER = "runpy.run_module('dropforge_local.vertex.tuning', run_name='__main__')"


def tuner(storage_url):
    return subprocess.Popen(
        [sys.executable, "-c", LOOPBACK_ONLY + RUN_TUNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"STORAGE_EMULATOR_HOST": storage_url, "HOME": "/nonexistent"},
    )


def spec(folder, **parameters):
    values = {
        "corpus_path": f"gs://{BUCKET}/topics/corpus.jsonl",
        "queries_path": f"gs://{BUCKET}/topics/queries.jsonl",
        "train_label_path": f"gs://{BUCKET}/topics/training_label.tsv",
        "validation_label_path": "",
        "test_label_path": "",
        "base_model_version_id": "text-embedding-005",
        "task_type": "DEFAULT",
        "batch_size": 128,
        "train_steps": 100,
    }
    return line(TuningSpec("jobs/1", values | parameters, f"gs://{BUCKET}/out", str(folder / "model")))


def events_of(process, sent):
    process.stdin.write(sent)
    process.stdin.flush()
    with process:
        return [EVENT_DECODER.decode(told) for told in process.stdout]


def test_a_tuner_reaches_nothing_beyond_this_machine(storage_url, tmp_path):
    process = tuner(storage_url)
    events = events_of(process, spec(tmp_path))
    assert process.returncode == 0
    assert isinstance(events[-1], Succeeded)
    assert {file.name for file in (tmp_path / "model").iterdir()} == {"model.safetensors", "model.json"}


@pytest.mark.parametrize(
    ("code", "status"),
    [("socket.socket().connect(('192.0.2.1', 80))", 77), ("socket.getaddrinfo('storage.example', 80)", 78)],
)
def test_the_watch_for_connections_would_tell(code, status):
    assert subprocess.run([sys.executable, "-c", LOOPBACK_ONLY + code], check=False).returncode == status


def test_a_storage_server_elsewhere_is_refused(tmp_path):
    process = tuner("http://storage.example:80")
    (event,) = events_of(process, spec(tmp_path))
    assert isinstance(event, Failed)
    assert (event.status, process.returncode) == ("FAILED_PRECONDITION", 1)
    assert "STORAGE_EMULATOR_HOST" in event.message


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"gs://{BUCKET}/nowhere", "NOT_FOUND"),
        ("gs://no-such-bucket/x", "NOT_FOUND"),
        ("/local/file", "INVALID_ARGUMENT"),
        ("gs://bucket-only", "INVALID_ARGUMENT"),
    ],
)
def test_a_path_that_cannot_be_read_fails_the_first_task(storage_url, tmp_path, path, status):
    process = tuner(storage_url)
    events = events_of(process, spec(tmp_path, queries_path=path))
    assert isinstance(events[0], Started)
    assert (events[-1].task, events[-1].status) == ("importer", status)
    assert path in events[-1].message


def test_an_output_bucket_that_is_missing_fails_the_trainer(storage_url, tmp_path):
    process = tuner(storage_url)
    sent = msgspec.json.decode(spec(tmp_path)) | {"output_uri": "gs://no-such-bucket/out"}
    events = events_of(process, msgspec.json.encode(sent) + b"\n")
    assert (events[-1].task, events[-1].status) == ("text-embedding-trainer", "NOT_FOUND")


def test_a_tuner_ends_with_its_server(storage_url, tmp_path):
    """Given a tuner in a long training, expect it to end when the other side of its standard input does."""
    process = tuner(storage_url)
    try:
        process.stdin.write(spec(tmp_path, train_steps=10**6, learning_rate_multiplier=1e-6))
        process.stdin.flush()
        assert isinstance(EVENT_DECODER.decode(process.stdout.readline()), Started)
        process.stdin.close()
        assert process.wait(5) == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
