"""Jobs that are answered from the cache: its key is what a job is told, and that is paths, not what lies there."""

import pytest
from google.cloud.aiplatform_v1 import PipelineState, PipelineTaskDetail
from support.faulty import faults
from support.servers import running
from support.vertex import (
    BUCKET,
    PROJECT,
    Clients,
    bucket,
    pipeline_job,
    result_of,
    settings_of,
    topics,
    upload_dataset,
    vertex_server,
)

from dropforge.adapters.google.vertex import Vertex
from dropforge.domain.jobs import JobState

SUCCEEDED = PipelineState.PIPELINE_STATE_SUCCEEDED
STATES = PipelineTaskDetail.State


@pytest.fixture(scope="module")
def server(tmp_path_factory, storage_url):
    with running(vertex_server(tmp_path_factory.mktemp("vertex"), storage_url)) as server:
        yield server


@pytest.fixture(scope="module")
def clients(server):
    return Clients.of(server.url)


@pytest.fixture(scope="module")
def first(clients):
    return clients.tune("first")


def model_of(job):
    return job.job_detail.task_details[-1].execution.metadata["output:model_resource_name"]


def metrics_of(job):
    return dict(job.job_detail.task_details[-2].outputs["metrics"].artifacts[0].metadata)


def task_states(job):
    assert job.state == SUCCEEDED, job.error
    return {detail.state for detail in job.job_detail.task_details}


def test_new_content_at_old_paths_is_answered_with_the_old_model(clients, first, storage_url):
    """Given other objects at the same paths, expect the first job's model and figures, and that nothing was tuned."""
    other = topics(count=12)
    for name, content in other.items():
        bucket(storage_url).blob(f"topics/{name}").upload_from_string(content)
    try:
        second = clients.tune("second")
    finally:
        upload_dataset(storage_url)

    assert task_states(first) == {STATES.SUCCEEDED}
    assert task_states(second) == {STATES.SKIPPED}
    assert model_of(second) == model_of(first)
    assert metrics_of(second) == metrics_of(first)
    assert second.job_detail.task_details[1].outputs == first.job_detail.task_details[1].outputs
    assert [model.name for model in clients.models.list_models(parent=second.name.partition("/pipelineJobs/")[0])] == [
        model_of(first)
    ]


def test_the_same_content_at_another_prefix_is_tuned(clients, first, storage_url):
    for name, content in topics().items():
        bucket(storage_url).blob(f"elsewhere/{name}").upload_from_string(content)
    names = ("corpus.jsonl", "queries.jsonl", "training_label.tsv", "test_label.tsv")
    paths = dict(zip(("corpus_path", "queries_path", "train_label_path", "test_label_path"), names, strict=True))

    other = clients.tune(parameters={key: f"gs://{BUCKET}/elsewhere/{name}" for key, name in paths.items()})

    assert task_states(other) == {STATES.SUCCEEDED}
    assert model_of(other) != model_of(first)


@pytest.mark.usefixtures("first")
def test_no_task_begins_for_an_answer_from_the_cache(clients):
    """Given a fault that any beginning importer would meet, expect that none did."""
    with faults(clients.url, {"task.importer": ["fail-INTERNAL x*"]}) as asked:
        assert task_states(clients.tune()) == {STATES.SKIPPED}
        assert asked.fired == {"task.importer": 0}


@pytest.mark.usefixtures("first")
def test_where_the_outputs_go_is_no_part_of_the_key_and_defaults_are(clients):
    job = pipeline_job(parameters={"batch_size": "128", "model_display_name": "tuned-text-embedding-model"})
    job.runtime_config.gcs_output_directory = f"gs://{BUCKET}/other-outputs"
    name = clients.jobs.create_pipeline_job(
        parent=f"projects/{PROJECT}/locations/us-central1", pipeline_job=job, pipeline_job_id="other-outputs"
    ).name
    assert task_states(clients.finish(name)) == {STATES.SKIPPED}


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"train_steps": 40}},
        {"parameters": {"model_display_name": "mine"}},
        {"version": "v1.1.3"},
    ],
    ids=str,
)
def test_another_parameter_or_template_is_tuned(clients, change):
    assert task_states(clients.tune(**change)) == {STATES.SUCCEEDED}


@pytest.mark.usefixtures("first")
def test_another_location_has_a_cache_of_its_own(clients):
    elsewhere = f"projects/{PROJECT}/locations/europe-west4"
    job = clients.jobs.create_pipeline_job(parent=elsewhere, pipeline_job=pipeline_job(), pipeline_job_id="first")
    assert task_states(clients.finish(job.name)) == {STATES.SUCCEEDED}


def test_a_job_that_failed_is_run_again(clients, storage_url):
    missing = {"train_label_path": f"gs://{BUCKET}/late/training_label.tsv"}
    assert clients.tune(parameters=missing).state == PipelineState.PIPELINE_STATE_FAILED
    bucket(storage_url).blob("late/training_label.tsv").upload_from_string(topics()["training_label.tsv"])
    assert task_states(clients.tune(parameters=missing)) == {STATES.SUCCEEDED}


def test_a_model_that_was_deleted_is_tuned_again(clients):
    asked = {"parameters": {"model_display_name": "deleted", "train_steps": 40}}
    before = clients.tune(**asked)
    result_of(clients.models.delete_model(name=model_of(before)))

    after = clients.tune(**asked)

    assert task_states(after) == {STATES.SUCCEEDED}
    assert clients.models.get_model(name=model_of(after)).pipeline_job == after.name
    assert task_states(clients.tune(**asked)) == {STATES.SKIPPED}


@pytest.mark.usefixtures("first")
def test_the_cache_survives_a_restart(clients, server):
    server.restart()
    assert task_states(clients.tune()) == {STATES.SKIPPED}


def test_our_watcher_reads_a_skipped_job_like_any_other(clients, first):
    skipped = clients.tune()
    assert task_states(skipped) == {STATES.SKIPPED}
    tuner = Vertex(settings_of(clients.url))
    look = tuner.look(skipped.name)
    assert look.state is JobState.SUCCEEDED
    assert look.tuned == tuner.look(first.name).tuned
    assert look.tuned.model == model_of(first)
