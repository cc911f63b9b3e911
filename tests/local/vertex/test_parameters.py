"""What the parameters of a job do, through Google's clients: each changes what comes out, and nothing else does."""

import pytest
from google.cloud.aiplatform_v1 import PipelineState
from support.servers import running
from support.vertex import BUCKET, Clients, bucket, vertex_server

STEPS = 60
CHANGES = [
    {"train_steps": 120},
    {"batch_size": 16},
    {"learning_rate_multiplier": 0.2},
    {"task_type": "SEMANTIC_SIMILARITY"},
    {"output_dimensionality": 64},
]


@pytest.fixture(scope="module")
def clients(tmp_path_factory, storage_url):
    with running(vertex_server(tmp_path_factory.mktemp("vertex"), storage_url)) as server:
        yield Clients.of(server.url)


@pytest.fixture(scope="module")
def weights(storage_url):
    """The bytes of the map that a job trained."""

    def read(job):
        assert job.state == PipelineState.PIPELINE_STATE_SUCCEEDED, job.error
        folder = job.job_detail.task_details[1].outputs["training_output"].artifacts[0].uri
        path = folder.removeprefix(f"gs://{BUCKET}/")
        return bucket(storage_url).blob(f"{path}/model.safetensors").download_as_bytes()

    return read


def tune(clients, job_id, **parameters):
    return clients.tune(job_id, parameters={"train_steps": STEPS} | parameters)


def card_of(job):
    return dict(job.job_detail.task_details[1].outputs["training_output"].artifacts[0].metadata)


@pytest.fixture(scope="module")
def plain(clients, weights):
    """A job, and the map that came out."""
    job = tune(clients, "same")
    return job, weights(job)


def test_the_same_job_on_another_server_comes_out_the_same_to_the_bit(tmp_path, storage_url, plain, weights):
    with running(vertex_server(tmp_path, storage_url)) as server:
        again = tune(Clients.of(server.url), "same")
        assert (card_of(again), weights(again)) == (card_of(plain[0]), plain[1])


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_parameter_of_the_training_changes_the_map(tmp_path, storage_url, plain, weights, change):
    """Given a job of the same name, which seeds the chance, on a server of its own, expect that one change to show."""
    with running(vertex_server(tmp_path, storage_url)) as server:
        changed = tune(Clients.of(server.url), "same", **change)
    assert weights(changed) != plain[1]
    assert card_of(changed)["dimensions"] == change.get("output_dimensionality", 256)
    assert card_of(changed)["parameters"] == {**card_of(plain[0])["parameters"], **change}


@pytest.mark.parametrize(
    "parameters",
    [{"train_steps": 30}, {"batch_size": 1024}, {"output_dimensionality": 769}, {"learning_rate_multiplier": 0}],
    ids=str,
)
def test_a_value_out_of_range_is_accepted_and_fails_the_trainer(clients, parameters):
    job = tune(clients, "", **parameters)
    assert job.state == PipelineState.PIPELINE_STATE_FAILED
    assert "The failed tasks are: [text-embedding-trainer]" in job.error.message
    error = job.job_detail.task_details[1].error
    assert error.code == 3
    assert next(iter(parameters)) in error.message
