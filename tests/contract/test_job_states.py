"""Every state of a pipeline job, and every way to fail, as Google's client tells it and as we read it."""

from dataclasses import replace
from itertools import count

import httpx
import pytest
from support.faulty import faults
from support.runs import validated
from support.servers import eventually, running
from support.vertex import BUCKET, settings_of, storage_server, upload_dataset, vertex_server

from dropforge.adapters.google.vertex import Vertex
from dropforge.domain.jobs import JobState, Machines, order_for

LISTED = "aiplatform.pipelineJobs.list"
TRAINER, UPLOADER = "text-embedding-trainer", "text-embedding-model-uploader"
QUOTA = "Quota exceeded: restricted_image_training_nvidia_v100_gpus."
NUMBERS = count()


@pytest.fixture(scope="module")
def vertex(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vertex")
    with running(storage_server(folder / "storage")) as storage:
        upload_dataset(storage.url)
        with running(vertex_server(folder / "vertex", storage.url)) as server:
            tuner = Vertex(settings_of(server.url, "p"))
            tuner.url = server.url
            yield tuner


@pytest.fixture
def order():
    run = validated(f"topics-{next(NUMBERS):012x}", train_steps=40)
    placed = order_for(run, data="gs://x/", project="p", location="us-central1", machines=Machines())
    names = {"corpus_path": "corpus.jsonl", "queries_path": "queries.jsonl"}
    names |= {"train_label_path": "training_label.tsv", "test_label_path": "test_label.tsv"}
    paths = {parameter: f"gs://{BUCKET}/topics/{name}" for parameter, name in names.items()}
    return replace(placed, parameters={**placed.parameters, **paths}, output=f"gs://{BUCKET}/out")


def until(vertex, job, state):
    return eventually(lambda: (look := vertex.look(job)).state is state and look, seconds=60)


def resume(vertex, job):
    httpx.post(f"{vertex.url}/_local/{job}:resume").raise_for_status()


def test_a_job_that_succeeds_leaves_a_model_and_figures(vertex, order):
    look = until(vertex, vertex.submit(order), JobState.SUCCEEDED)
    assert "/models/" in look.tuned.model
    assert {"test_base_nDCG@10", "test_tuned_nDCG@10"} <= look.tuned.metrics.keys()
    assert look.fault is None


def test_a_paused_job_is_neither_over_nor_running_and_goes_on(vertex, order):
    with faults(vertex.url, {f"task.{TRAINER}": ["pause"]}, of=order.id):
        job = vertex.submit(order)
        assert until(vertex, job, JobState.PAUSED).tuned is None
        assert vertex.unfinished()[order.id] is JobState.PAUSED
        resume(vertex, job)
        until(vertex, job, JobState.SUCCEEDED)
    assert order.id not in vertex.unfinished()


def test_only_what_has_not_ended_costs_a_listing_calls(vertex, order, monkeypatch):
    orders = [replace(order, id=f"{order.id}-a{number}") for number in range(2, 7)]
    with faults(vertex.url, {f"task.{TRAINER}": ["pause x*"]}, of=f"{order.id}-*"):
        jobs = [vertex.submit(each) for each in orders]
        for job in jobs[:3]:
            vertex.cancel(job)
            until(vertex, job, JobState.CANCELLED)
        monkeypatch.setattr("dropforge.adapters.google.vertex._PAGE", 1)
        with faults(vertex.url, {LISTED: ["delay-for-0.001s x*"]}, everyone=True) as asked:
            unfinished = vertex.unfinished()
            assert asked.fired == {LISTED: len(unfinished)}
        assert set(unfinished) == {each.id for each in orders[3:]}
        for job in jobs[3:]:
            vertex.cancel(job)
            until(vertex, job, JobState.CANCELLED)


def test_a_job_that_is_being_cancelled_runs_on_until_it_has_stopped(vertex, order):
    instructions = {f"task.{TRAINER}": ["pause"], "cancellation": ["delay-for-3s"]}
    with faults(vertex.url, instructions, of=order.id):
        job = vertex.submit(order)
        until(vertex, job, JobState.PAUSED)
        vertex.cancel(job)
        assert vertex.look(job).state is JobState.RUNNING, "it still bills"
        assert vertex.unfinished()[order.id] is JobState.RUNNING
        vertex.cancel(job)  # asked again meanwhile: nothing is wrong with that
        look = until(vertex, job, JobState.CANCELLED)
        assert (look.fault, look.tuned) == (None, None), "cancelled is not failed"


def test_a_cancellation_that_is_refused_for_now_can_be_asked_for_again(vertex, order):
    refused = {"aiplatform.pipelineJobs.cancel": ["return-FAILED_PRECONDITION x2: Not yet."]}
    with faults(vertex.url, {f"task.{TRAINER}": ["pause"]}, of=order.id):
        job = vertex.submit(order)
        until(vertex, job, JobState.PAUSED)
        with faults(vertex.url, refused, everyone=True) as asked:
            eventually(lambda: cancelled(vertex, job), seconds=30)
            assert asked.fired == {"aiplatform.pipelineJobs.cancel": 2}
        until(vertex, job, JobState.CANCELLED)


@pytest.mark.parametrize(
    ("task", "status", "message", "kind", "blame"),
    [
        ("importer", "INVALID_ARGUMENT", "corpus, line 3: not JSON.", "data", "user_error"),
        ("importer", "NOT_FOUND", "gs://x/corpus.jsonl does not exist.", "data", "user_error"),
        ("importer", "PERMISSION_DENIED", "No access.", "permission", "system_error"),
        (TRAINER, "INTERNAL", "The account does not have storage.objects.get access.", "permission", "system_error"),
        (TRAINER, "RESOURCE_EXHAUSTED", QUOTA, "quota", "system_error"),
        (TRAINER, "INTERNAL", QUOTA, "quota", "system_error"),
        (TRAINER, "UNAVAILABLE", "The service is overloaded.", "service", "system_error"),
        (UPLOADER, "INTERNAL", "The upload broke off.", "service", "system_error"),
    ],
)
def test_the_step_that_failed_is_named_and_whose_fault_it_is(vertex, order, task, status, message, kind, blame):
    with faults(vertex.url, {f"task.{task}": [f"fail-{status}: {message}"]}, of=order.id):
        fault = until(vertex, vertex.submit(order), JobState.FAILED).fault
    assert (fault.step, fault.code, fault.message) == (task, status, message)
    assert (fault.kind, fault.blame) == (kind, blame)


def cancelled(vertex, job):
    try:
        vertex.cancel(job)
    except Exception:  # noqa: BLE001 - refused for now, in whatever words
        return False
    return True
