"""Pipeline jobs of the local Vertex AI, through Google's clients and the published curl requests."""

import json
import time

import httpx
import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import PipelineState, PipelineTaskDetail
from support.servers import running
from support.vertex import (
    BUCKET,
    LOCATION,
    PROJECT,
    TEMPLATES,
    Clients,
    bucket,
    result_of,
    vertex_server,
)


@pytest.fixture(scope="module")
def clients(tmp_path_factory, storage_url):
    folder = tmp_path_factory.mktemp("vertex")
    with running(vertex_server(folder, storage_url, "--submissions-per-minute", "1000")) as server:
        yield Clients.of(server.url)


@pytest.fixture(scope="module")
def finished(clients):
    return clients.tune(
        "finished",
        display_name="Topics",
        labels={"run": "topics-1"},
        service_account="tuner@local",
        network="projects/1/global/networks/n",
        encryption_spec={"kms_key_name": "a-key"},
    )


def task(job, name):
    return next(detail for detail in job.job_detail.task_details if name in detail.task_name)


def test_a_finished_job_says_what_came_out(clients, finished, storage_url):
    """Given a job on data that only tuning can solve, expect its model, its metrics and its files where Vertex puts them."""
    assert finished.state == PipelineState.PIPELINE_STATE_SUCCEEDED
    assert {detail.state for detail in finished.job_detail.task_details} == {PipelineTaskDetail.State.SUCCEEDED}

    metrics = dict(task(finished, "evaluator").outputs["metrics"].artifacts[0].metadata)
    assert metrics["test_tuned_nDCG@10"] > metrics["test_base_nDCG@10"] + 0.3

    folder = task(finished, "trainer").outputs["training_output"].artifacts[0].uri
    names = {blob.name for blob in bucket(storage_url).list_blobs(prefix=folder.removeprefix(f"gs://{BUCKET}/"))}
    assert {name.rpartition("/")[2] for name in names} == {"model.safetensors", "model.json"}

    model = clients.models.get_model(name=task(finished, "uploader").execution.metadata["output:model_resource_name"])
    assert (model.version_id, model.pipeline_job) == ("1", finished.name)
    assert model.metadata["tuned_base_model"].startswith("wordllama")


def test_what_was_submitted_is_kept(finished):
    assert finished.display_name == "Topics"
    assert dict(finished.labels) == {"run": "topics-1"}
    assert (finished.service_account, finished.network) == ("tuner@local", "projects/1/global/networks/n")
    assert finished.encryption_spec.kms_key_name == "a-key"
    assert finished.create_time <= finished.start_time <= finished.end_time <= finished.update_time


def test_a_list_answers_jobs_without_their_details(clients, finished):
    listed = next(iter(clients.jobs.list_pipeline_jobs({"parent": LOCATION, "filter": 'labels.run="topics-1"'})))
    assert finished.name == listed.name
    assert not listed.job_detail.task_details


def test_a_list_can_leave_out_what_has_ended_and_answer_some_fields(clients, finished):
    ended = " AND ".join(f'state!="PIPELINE_STATE_{state}"' for state in ("SUCCEEDED", "FAILED", "CANCELLED"))
    slow = clients.submit("unfinished", parameters={"train_steps": 20000, "learning_rate_multiplier": 0.001})
    listed = list(
        clients.jobs.list_pipeline_jobs({"parent": LOCATION, "filter": ended, "read_mask": {"paths": ["name"]}})
    )
    assert [(job.name, job.create_time) for job in listed] == [(slow.name, None)]
    assert finished.state == PipelineState.PIPELINE_STATE_SUCCEEDED
    clients.jobs.cancel_pipeline_job(name=slow.name)
    assert clients.finish(slow.name).state == PipelineState.PIPELINE_STATE_CANCELLED
    assert list(clients.jobs.list_pipeline_jobs({"parent": LOCATION, "filter": ended})) == []


def test_the_trainer_shows_its_progress_while_it_runs(clients):
    job = clients.submit("progress", parameters={"train_steps": 20000, "learning_rate_multiplier": 0.001})
    seen = {}
    while not seen:
        current = clients.jobs.get_pipeline_job(name=job.name)
        if current.job_detail.task_details:
            seen = dict(task(current, "trainer").execution.metadata or {})
        assert current.state not in {PipelineState.PIPELINE_STATE_FAILED, PipelineState.PIPELINE_STATE_SUCCEEDED}
    assert {"step", "steps", "loss", "validation_nDCG@10"} == seen.keys()
    clients.jobs.cancel_pipeline_job(name=job.name)
    cancelled = clients.finish(job.name)
    assert cancelled.state == PipelineState.PIPELINE_STATE_CANCELLED
    assert task(cancelled, "trainer").state == PipelineTaskDetail.State.CANCELLED
    assert task(cancelled, "uploader").state == PipelineTaskDetail.State.NOT_TRIGGERED


def test_jobs_wait_for_a_tuner_in_their_order(clients):
    slow = clients.submit("slow", parameters={"train_steps": 20000, "learning_rate_multiplier": 0.001})
    waiting = clients.submit("waiting")
    assert clients.jobs.get_pipeline_job(name=waiting.name).state == PipelineState.PIPELINE_STATE_QUEUED
    clients.jobs.cancel_pipeline_job(name=waiting.name)
    assert clients.finish(waiting.name).state == PipelineState.PIPELINE_STATE_CANCELLED
    clients.jobs.cancel_pipeline_job(name=slow.name)
    clients.finish(slow.name)


def test_a_job_that_has_ended_cannot_be_cancelled(clients, finished):
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        clients.jobs.cancel_pipeline_job(name=finished.name)


@pytest.mark.usefixtures("finished")
def test_an_id_is_used_once_whatever_became_of_its_job(clients):
    with pytest.raises(exceptions.Conflict, match="already exists"):
        clients.submit("finished")


def test_a_deleted_job_is_not_found(clients):
    job = clients.tune("deleted", parameters={"task_type": "NO_SUCH_TASK"})
    result_of(clients.jobs.delete_pipeline_job(name=job.name))
    with pytest.raises(exceptions.NotFound):
        clients.jobs.get_pipeline_job(name=job.name)


def test_a_missing_file_fails_the_first_task_and_not_the_request(clients):
    job = clients.tune(parameters={"corpus_path": f"gs://{BUCKET}/nowhere.jsonl"})
    assert job.state == PipelineState.PIPELINE_STATE_FAILED
    assert "The failed tasks are: [importer]" in job.error.message
    assert "gs://vertex-tests/nowhere.jsonl does not exist" in task(job, "importer").error.message
    assert task(job, "trainer").state == PipelineTaskDetail.State.NOT_TRIGGERED


def test_a_bad_row_fails_the_first_task(clients, storage_url):
    bucket(storage_url).blob("bad/train.tsv").upload_from_string("query-id\tcorpus-id\tscore\nq0-0\tnobody\t1\n")
    job = clients.tune(parameters={"train_label_path": f"gs://{BUCKET}/bad/train.tsv"})
    assert "train labels, line 2: there is no document 'nobody'" in task(job, "importer").error.message


def test_a_value_that_the_model_does_not_take_fails_the_trainer(clients):
    job = clients.tune(parameters={"base_model_version_id": "textembedding-gecko@001", "task_type": "CLUSTERING"})
    assert "The failed tasks are: [text-embedding-trainer]" in job.error.message
    assert task(job, "trainer").error.code == 3


@pytest.mark.parametrize(
    ("job_id", "job", "message"),
    [
        ("Upper", {}, "must match"),
        ("1st", {}, "must match"),
        ("", {"version": "v9"}, "is not found"),
        ("", {"parameters": {"iterations": 10}}, "iterations is not found"),
        ("", {"version": "v1.1.2", "parameters": {"project": "p", "train_steps": 100}}, "train_steps is not found"),
        ("", {"version": "v1.1.2", "parameters": {"train_steps": None}}, "project is required"),
        ("", {"parameters": {"corpus_path": None}}, "corpus_path is required"),
        ("", {"parameters": {"batch_size": "many"}}, "NUMBER_INTEGER"),
        ("", {"parameters": {"batch_size": 1.5}}, "NUMBER_INTEGER"),
        ("", {"parameters": {"task_type": 3}}, "STRING"),
        ("", {"parameters": {"base_model_version_id": "text-embedding-999"}}, "is unknown"),
        ("", {"display_name": "x" * 129}, "display name"),
        ("", {"labels": {"Run": "x"}}, "label"),
    ],
)
def test_a_request_that_is_wrong_is_refused(clients, job_id, job, message):
    with pytest.raises(exceptions.BadRequest, match=message):
        clients.submit(job_id, **job)


def test_a_retired_base_model_is_accepted(clients):
    job = clients.submit(parameters={"base_model_version_id": "textembedding-gecko@003"})
    clients.jobs.cancel_pipeline_job(name=job.name)
    clients.finish(job.name)


def test_the_published_curl_request_is_understood(clients):
    """Given the documentation's request, with all its values as strings, expect a job, with enums by name."""
    request = {
        "displayName": "curl",
        "runtimeConfig": {
            "gcsOutputDirectory": f"gs://{BUCKET}/out",
            "parameterValues": {
                "project": PROJECT,
                "base_model_version_id": "textembedding-gecko@003",
                "task_type": "DEFAULT",
                "queries_path": f"gs://{BUCKET}/topics/queries.jsonl",
                "corpus_path": f"gs://{BUCKET}/topics/corpus.jsonl",
                "train_label_path": f"gs://{BUCKET}/topics/training_label.tsv",
                "test_label_path": "",
                "batch_size": "50",
                "iterations": "40",
            },
        },
        "templateUri": f"{TEMPLATES}/v1.1.1",
    }
    answer = httpx.post(
        f"{clients.url}/v1/{LOCATION}/pipelineJobs?pipelineJobId=curl",
        content=json.dumps(request),
        headers={"Authorization": "Bearer nobody-looks", "Content-Type": "application/json; charset=utf-8"},
    )
    assert answer.status_code == 200
    assert answer.json()["state"] in {"PIPELINE_STATE_QUEUED", "PIPELINE_STATE_PENDING"}
    assert answer.json()["runtimeConfig"]["parameterValues"]["iterations"] == "40"
    assert clients.finish(f"{LOCATION}/pipelineJobs/curl").state == PipelineState.PIPELINE_STATE_SUCCEEDED


def test_errors_come_in_the_form_of_the_service(clients):
    answer = httpx.get(f"{clients.url}/v1/{LOCATION}/pipelineJobs/nobody")
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"
    assert answer.json()["error"]["code"] == 404


@pytest.mark.usefixtures("finished")
def test_the_status_counts_jobs_by_state(clients):
    counted = httpx.get(f"{clients.url}/_local/status").json()["pipeline_jobs"]
    listed = [job.state.name for job in clients.jobs.list_pipeline_jobs(parent=LOCATION)]
    assert counted == {state: listed.count(state) for state in listed}


def test_the_beta_api_answers_as_well(clients, finished):
    """Given a field that only v1beta1 has, expect it to be passed over there."""
    assert httpx.get(f"{clients.url}/v1beta1/{finished.name}").json()["displayName"] == "Topics"
    answer = httpx.post(f"{clients.url}/v1beta1/{LOCATION}/pipelineJobs", json={"onlyInBeta": True})
    assert "gcs_output_directory is required" in answer.json()["error"]["message"]


def test_a_path_that_does_not_exist_is_told_in_the_form_of_the_service(clients):
    answer = httpx.get(f"{clients.url}/v1/{LOCATION}/customJobs")
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


def test_a_field_that_does_not_exist_is_refused(clients):
    answer = httpx.post(f"{clients.url}/v1/{LOCATION}/pipelineJobs", json={"templateURL": "x"})
    assert answer.status_code == 400
    assert "templateURL" in answer.json()["error"]["message"]


def test_pages_hold_every_job_once(clients):
    names = [job.name for job in clients.jobs.list_pipeline_jobs(parent=LOCATION)]
    paged = [job.name for job in clients.jobs.list_pipeline_jobs({"parent": LOCATION, "page_size": 3})]
    assert names == paged
    assert len(names) > 3
    oldest_first = clients.jobs.list_pipeline_jobs({"parent": LOCATION, "order_by": "create_time"})
    assert [job.name for job in oldest_first] == names[::-1]


def test_quotas_are_kept_and_can_be_set(clients):
    try:
        httpx.post(f"{clients.url}/_local/quotas", json={"submissions_per_minute": 0}).raise_for_status()
        with pytest.raises(exceptions.TooManyRequests, match="submissions a minute"):
            clients.submit("too-fast")
        httpx.post(
            f"{clients.url}/_local/quotas", json={"submissions_per_minute": 1000, "concurrent_jobs": 0}
        ).raise_for_status()
        with pytest.raises(exceptions.TooManyRequests, match="concurrent"):
            clients.submit("too-many")
    finally:
        httpx.post(f"{clients.url}/_local/quotas", json={"concurrent_jobs": 300, "submissions_per_minute": 1000})
    assert httpx.post(f"{clients.url}/_local/quotas", json={"jobs": 1}).status_code == 400


def test_the_server_answers_quickly_while_it_tunes(clients):
    job = clients.submit("busy", parameters={"train_steps": 20000, "learning_rate_multiplier": 0.001})
    before = time.monotonic()
    for _ in range(20):
        clients.jobs.get_pipeline_job(name=job.name)
    assert time.monotonic() - before < 5
    clients.jobs.cancel_pipeline_job(name=job.name)
    clients.finish(job.name)


def test_what_lies_in_the_current_folder_is_no_library(storage_url, tmp_path):
    """Given a stack that was started where somebody keeps a file named like a library, expect jobs to end well."""
    (tmp_path / "ir_measures.py").write_text("raise SystemExit('not the library')")
    with running(vertex_server(tmp_path / "vertex", storage_url, cwd=tmp_path)) as server:
        assert Clients.of(server.url).tune("anywhere").state == PipelineState.PIPELINE_STATE_SUCCEEDED
