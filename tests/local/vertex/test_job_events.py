"""The ends of jobs on a topic, as a log sink publishes them."""

import json

import pytest
from google.cloud.aiplatform_v1 import PipelineState
from support.faulty import faults
from support.pubsub import Pair
from support.servers import Server, eventually, running
from support.vertex import PROJECT, Clients, vertex_server

FEW_STEPS = {"train_steps": 40}


def telling_server(folder, storage_url, pubsub_host, topic):
    options = ("--dir", folder, "--operation-seconds", "0.2", "--job-events", topic)
    env = {"STORAGE_EMULATOR_HOST": storage_url, "PUBSUB_EMULATOR_HOST": pubsub_host}
    return Server("dropforge_local.vertex.server", *options, env=env)


@pytest.fixture(scope="module")
def pair(clients):
    return Pair(clients)


@pytest.fixture(scope="module")
def vertex(tmp_path_factory, storage_url, pubsub, pair):
    with running(telling_server(tmp_path_factory.mktemp("vertex"), storage_url, pubsub.host, pair.topic)) as server:
        yield Clients.of(server.url)


def heard(pair):
    """The next entry that is published, with its message."""
    [received] = pair.pull_until(1)
    pair.ack(received)
    return json.loads(received.message.data), received.message


def test_a_job_that_succeeds_is_told_of_in_the_form_of_a_log_entry(vertex, pair):
    job = vertex.tune("told", parameters=FEW_STEPS)
    entry, message = heard(pair)
    ended = job.end_time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert entry == {
        "insertId": entry["insertId"],
        "jsonPayload": {
            "@type": "type.googleapis.com/google.cloud.aiplatform.logging.PipelineJobLogEntry",
            "state": "PIPELINE_STATE_SUCCEEDED",
        },
        "resource": {
            "type": "aiplatform.googleapis.com/PipelineJob",
            "labels": {
                "pipeline_job_id": "told",
                "location": "us-central1",
                "resource_container": f"projects/{PROJECT}",
            },
        },
        "timestamp": ended,
        "receiveTimestamp": ended,
        "severity": "INFO",
        "logName": f"projects/{PROJECT}/logs/aiplatform.googleapis.com%2Fpipeline_job_events",
    }
    assert dict(message.attributes) == {"logging.googleapis.com/timestamp": ended}
    assert entry["insertId"]


def test_the_other_endings_are_told_of_once_each(vertex, pair):
    """Given jobs from the cache, that fail, that are cancelled: expect an entry each, and none of what came before."""
    vertex.tune("from-the-cache", parameters=FEW_STEPS)
    skipped, _ = heard(pair)
    with faults(vertex.url, {"task.importer": ["fail-INTERNAL: broken", "pause"]}):
        vertex.tune("failed", parameters={"train_steps": 41})
        failed, _ = heard(pair)
        paused = vertex.submit("cancelled", parameters={"train_steps": 41})
        eventually(lambda: vertex.jobs.get_pipeline_job(name=paused.name).state == PipelineState.PIPELINE_STATE_PAUSED)
        vertex.jobs.cancel_pipeline_job(name=paused.name)
        cancelled, _ = heard(pair)

    told = [
        (one["resource"]["labels"]["pipeline_job_id"], one["jsonPayload"]["state"], one["severity"])
        for one in (skipped, failed, cancelled)
    ]
    assert told == [
        ("from-the-cache", "PIPELINE_STATE_SUCCEEDED", "INFO"),
        ("failed", "PIPELINE_STATE_FAILED", "ERROR"),
        ("cancelled", "PIPELINE_STATE_CANCELLED", "INFO"),
    ]
    assert len({one["insertId"] for one in (skipped, failed, cancelled)}) == 3
    assert pair.pull(within=0.5) == []


@pytest.mark.parametrize("host", ["there", "nobody"])
def test_a_topic_that_does_not_take_it_fails_no_job(tmp_path, storage_url, pubsub, host):
    address = pubsub.host if host == "there" else "127.0.0.1:1"
    with running(telling_server(tmp_path, storage_url, address, "projects/test/topics/missing")) as server:
        for job_id in ("one", "two"):
            job = Clients.of(server.url).tune(job_id, parameters=FEW_STEPS)
            assert job.state == PipelineState.PIPELINE_STATE_SUCCEEDED


def test_nobody_is_told_where_nobody_asked(tmp_path, storage_url, pair):
    with running(vertex_server(tmp_path, storage_url)) as server:
        Clients.of(server.url).tune(parameters=FEW_STEPS)
    assert pair.pull(within=0.5) == []


def test_a_topic_without_a_pubsub_is_refused_at_start(tmp_path, storage_url, monkeypatch):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    server = vertex_server(tmp_path, storage_url, "--job-events", "projects/p/topics/t")
    with pytest.raises(AssertionError, match="status 2"):
        server.start()
