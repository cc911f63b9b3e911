"""What is in store for jobs, deployments and predictions: asked for over HTTP, counted, kept over a restart."""

import time

import httpx
import numpy as np
import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1
from google.cloud.aiplatform_v1 import PipelineState, PipelineTaskDetail
from support.faulty import Asked, faults
from support.servers import eventually, running
from support.vertex import LOCATION, Clients, result_of, storage_server, upload_dataset, vertex_server

from dropforge_local.faults.refusals import HTTP_OF
from dropforge_local.faults.state import Faults
from dropforge_local.vertex.errors import Status
from dropforge_local.vertex.happenings import EFFECTS
from dropforge_local.vertex.pipeline_jobs import Quotas
from dropforge_local.vertex.service import assemble
from dropforge_local.vertex.state import State

IMPORTER, TRAINER, EVALUATOR, UPLOADER = (
    "importer",
    "text-embedding-trainer",
    "text-embedding-evaluator",
    "text-embedding-model-uploader",
)
QUOTA = "The following quotas are exceeded: RestrictedImageTrainingA100GPUs: us-central1."
STATES = PipelineTaskDetail.State
FEW_STEPS = {"train_steps": 40}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(storage_server(tmp_path_factory.mktemp("storage"))) as storage:
        upload_dataset(storage.url)
        with running(vertex_server(tmp_path_factory.mktemp("vertex"), storage.url)) as server:
            yield server


@pytest.fixture(scope="module")
def clients(server):
    return Clients.of(server.url)


@pytest.fixture
def ask(clients):
    return lambda instructions, **options: faults(clients.url, instructions, **options)


@pytest.fixture
def job(request):
    """Parameters that no other test has, so that nothing is answered from the cache."""
    return {"parameters": FEW_STEPS | {"model_display_name": request.node.name[-60:]}}


def state_of(clients, job):
    return clients.jobs.get_pipeline_job(name=job.name).state.name.removeprefix("PIPELINE_STATE_")


def task_states(job):
    return {detail.task_name: detail.state for detail in job.job_detail.task_details}


def resume(clients, name):
    return httpx.post(f"{clients.url}/_local/{name}:resume")


def test_every_code_that_can_be_asked_for_is_one_that_the_service_has():
    assert {status.name: status.http for status in Status} == HTTP_OF


def test_every_operation_can_be_asked_for(tmp_path):
    state = State(tmp_path)
    vertex = assemble(
        tmp_path, state, Faults({}), operation_seconds=1, quotas=Quotas(), tuners=1, ended=lambda job: None
    )
    assert vertex.operations._effects.keys() == set(EFFECTS)
    state.close()


class TestTasks:
    """A named task of a job that does not go well."""

    @pytest.mark.parametrize(
        ("task", "code", "number"),
        [
            (IMPORTER, "PERMISSION_DENIED", 7),
            (TRAINER, "RESOURCE_EXHAUSTED", 8),
            (EVALUATOR, "INTERNAL", 13),
            (UPLOADER, "UNAVAILABLE", 14),
        ],
    )
    def test_a_task_fails_with_the_error_that_was_asked_for(self, clients, ask, job, task, code, number):
        with ask({f"task.{task}": [f"fail-{code}: {QUOTA}"]}) as asked:
            ended = clients.tune(**job)
            assert asked.state["completed"]
            assert asked.fired == {f"task.{task}": 1}

        assert ended.state == PipelineState.PIPELINE_STATE_FAILED
        assert f"The failed tasks are: [{task}]" in ended.error.message
        failed = next(detail for detail in ended.job_detail.task_details if detail.task_name == task)
        assert (failed.error.code, failed.error.message) == (number, QUOTA)
        states = list(task_states(ended).values())
        place = states.index(STATES.FAILED)
        assert set(states[:place]) <= {STATES.SUCCEEDED}
        assert set(states[place + 1 :]) <= {STATES.NOT_TRIGGERED}
        assert not [model for model in clients.models.list_models(parent=LOCATION) if model.pipeline_job == ended.name]

    def test_the_training_that_was_paid_for_is_there_when_the_uploader_fails(self, clients, ask, job):
        with ask({f"task.{UPLOADER}": ["fail-INTERNAL"]}):
            ended = clients.tune(**job)
        assert ended.job_detail.task_details[1].outputs["training_output"].artifacts[0].uri.startswith("gs://")
        assert ended.job_detail.task_details[2].outputs["metrics"].artifacts[0].metadata["test_queries"] == 60
        assert "see /retry_tests" in ended.job_detail.task_details[3].error.message

    def test_it_happens_as_often_as_it_was_asked_for(self, clients, ask, job):
        with ask({f"task.{IMPORTER}": ["fail-UNAVAILABLE x2"]}) as asked:
            ends = [clients.tune(**job).state.name for _ in range(3)]
            assert asked.fired == {f"task.{IMPORTER}": 2}
        assert ends == ["PIPELINE_STATE_FAILED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_SUCCEEDED"]

    def test_it_can_be_meant_for_one_job(self, clients, ask, job):
        with ask({f"task.{IMPORTER}": ["fail-INTERNAL x*"]}, of="meant-*") as asked:
            assert clients.tune("spared", **job).state == PipelineState.PIPELINE_STATE_SUCCEEDED
            meant = clients.tune("meant-1", parameters={"train_steps": 41})
            assert meant.state == PipelineState.PIPELINE_STATE_FAILED
            assert asked.fired == {f"task.{IMPORTER}": 1}


class TestPauses:
    """A job that is paused in the middle."""

    @pytest.mark.parametrize("task", [TRAINER, UPLOADER])
    def test_a_job_is_paused_at_a_task_and_goes_on_by_itself(self, clients, ask, job, task):
        with ask({f"task.{task}": ["pause-for-1.5s"]}) as asked:
            submitted = clients.submit(**job)
            eventually(lambda: state_of(clients, submitted) == "PAUSED", seconds=30)
            paused = clients.jobs.get_pipeline_job(name=submitted.name).update_time
            ended = clients.finish(submitted.name)
            assert asked.fired == {f"task.{task}": 1}
        assert (ended.end_time - paused).total_seconds() >= 1.5
        assert ended.state == PipelineState.PIPELINE_STATE_SUCCEEDED
        assert set(task_states(ended).values()) == {STATES.SUCCEEDED}

    def test_a_pause_without_an_end_lasts_until_it_is_called_off_and_over_a_restart(self, clients, server, ask, job):
        with ask({f"task.{TRAINER}": ["pause x*"]}) as asked:
            paused = clients.submit(**job)
            eventually(lambda: state_of(clients, paused) == "PAUSED", seconds=30)
            assert resume(clients, f"{LOCATION}/pipelineJobs/nobody").status_code == 404
            server.restart()
            assert state_of(clients, paused) == "PAUSED"
            with pytest.raises(exceptions.BadRequest, match="only a job that has ended"):
                clients.jobs.delete_pipeline_job(name=paused.name)

            assert resume(clients, paused.name).status_code == 200
            assert clients.finish(paused.name).state == PipelineState.PIPELINE_STATE_SUCCEEDED
            assert asked.fired == {f"task.{TRAINER}": 1}
        assert resume(clients, paused.name).json()["error"]["status"] == "FAILED_PRECONDITION"

    def test_a_paused_job_can_be_cancelled_and_leaves_its_tuner_to_others(self, clients, ask, job):
        with ask({f"task.{EVALUATOR}": ["pause"]}):
            paused = clients.submit(**job)
            eventually(lambda: state_of(clients, paused) == "PAUSED", seconds=30)
            assert clients.tune(parameters={"train_steps": 42}).state == PipelineState.PIPELINE_STATE_SUCCEEDED
            clients.jobs.cancel_pipeline_job(name=paused.name)
            ended = clients.finish(paused.name)
        assert ended.state == PipelineState.PIPELINE_STATE_CANCELLED
        assert task_states(ended) == {
            IMPORTER: STATES.SUCCEEDED,
            TRAINER: STATES.SUCCEEDED,
            EVALUATOR: STATES.CANCELLED,
            UPLOADER: STATES.NOT_TRIGGERED,
        }


class TestCancellations:
    """Cancelling that takes its time, or several tries."""

    def test_a_cancellation_takes_as_long_as_was_asked_for(self, clients, ask, job):
        with ask({f"task.{TRAINER}": ["pause"], "cancellation": ["delay-for-1.5s"]}) as asked:
            cancelled = clients.submit(**job)
            eventually(lambda: state_of(clients, cancelled) == "PAUSED", seconds=30)
            began = time.monotonic()
            for _ in range(2):  # the second is in vain, and no cancellation of its own
                clients.jobs.cancel_pipeline_job(name=cancelled.name)
                assert state_of(clients, cancelled) == "CANCELLING"
            assert clients.finish(cancelled.name).state == PipelineState.PIPELINE_STATE_CANCELLED
            assert asked.fired == {f"task.{TRAINER}": 1, "cancellation": 1}
        assert time.monotonic() - began >= 1.5

    def test_a_request_to_cancel_can_be_refused_for_now(self, clients, ask, job):
        refused = {"aiplatform.pipelineJobs.cancel": ["return-FAILED_PRECONDITION x2: It is not running yet."]}
        with ask({f"task.{IMPORTER}": ["pause"]}), ask(refused, everyone=True, of="stubborn") as asked:
            stubborn = clients.submit("stubborn", **job)
            for _ in range(2):
                with pytest.raises(exceptions.BadRequest, match="It is not running yet"):
                    clients.jobs.cancel_pipeline_job(name=stubborn.name)
            answer = httpx.get(f"{clients.url}/v1/{stubborn.name}")
            assert answer.json()["state"] != "PIPELINE_STATE_CANCELLING"
            clients.jobs.cancel_pipeline_job(name=stubborn.name)
            assert asked.fired == {"aiplatform.pipelineJobs.cancel": 2}
            assert clients.finish(stubborn.name).state == PipelineState.PIPELINE_STATE_CANCELLED

    def test_the_answer_has_the_status_that_the_service_pairs_with_its_code(self, clients, ask):
        path = f"{clients.url}/v1/{LOCATION}/pipelineJobs/nobody:cancel"
        codes = {"FAILED_PRECONDITION": 400, "RESOURCE_EXHAUSTED": 429, "PERMISSION_DENIED": 403, "UNAVAILABLE": 503}
        for code, status in codes.items():
            with ask({"aiplatform.pipelineJobs.cancel": [f"return-{code}"]}, everyone=True):
                answer = httpx.post(path)
            assert (answer.status_code, answer.json()["error"]["status"]) == (status, code)


@pytest.fixture(scope="module")
def model(clients):
    ended = clients.tune(parameters={"model_display_name": "served"})
    return ended.job_detail.task_details[-1].execution.metadata["output:model_resource_name"]


def new_endpoint(clients, endpoint_id):
    request = aiplatform_v1.CreateEndpointRequest(
        parent=LOCATION, endpoint=aiplatform_v1.Endpoint(display_name="Topics"), endpoint_id=endpoint_id
    )
    return result_of(clients.endpoints.create_endpoint(request)).name


class TestOperations:
    """Deployments, undeployments and deletions that fail, or last."""

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("RESOURCE_EXHAUSTED", exceptions.ResourceExhausted),
            ("UNAVAILABLE", exceptions.ServiceUnavailable),
            ("INTERNAL", exceptions.InternalServerError),
            ("FAILED_PRECONDITION", exceptions.FailedPrecondition),
        ],
    )
    def test_a_deployment_fails_so_often_and_then_succeeds(self, clients, ask, model, code, error):
        endpoint = new_endpoint(clients, f"fails-{code.lower().replace('_', '-')}")
        with ask({"operation.endpoints.deployModel": [f"fail-{code} x2: {QUOTA}"]}) as asked:
            for _ in range(2):
                operation = clients.deploy(endpoint, model, "1")
                assert not operation.done()
                with pytest.raises(error, match="quotas are exceeded"):
                    result_of(operation)
                assert not clients.endpoints.get_endpoint(name=endpoint).deployed_models
            result_of(clients.deploy(endpoint, model, "1"))
            assert asked.fired == {"operation.endpoints.deployModel": 2}
        assert [one.id for one in clients.endpoints.get_endpoint(name=endpoint).deployed_models] == ["1"]

    def test_a_deployment_takes_as_long_as_was_asked_for(self, clients, ask, model):
        endpoint = new_endpoint(clients, "slow")
        with ask({"operation.endpoints.deployModel": ["delay-for-1.5s"]}) as asked:
            began = time.monotonic()
            result_of(clients.deploy(endpoint, model, "1"))
            assert time.monotonic() - began >= 1.5
            assert asked.state["completed"]

    def test_what_is_in_store_for_an_operation_survives_a_restart(self, clients, server, ask, model):
        endpoint = new_endpoint(clients, "kept")
        with ask({"operation.endpoints.deployModel": ["delay-for-600s", "fail-INTERNAL: kept"]}, of="kept") as asked:
            lasting, failing = (clients.deploy(endpoint, model, number) for number in "12")
            server.restart()
            assert asked.state["completed"]
            with pytest.raises(exceptions.GoogleAPICallError, match="kept"):
                result_of(failing)
            time.sleep(0.3)  # longer than an operation lasts of itself
            assert not lasting.done()
            clients.endpoints.cancel_operation({"name": lasting.operation.name})

    def test_undeploying_and_deleting_fail_and_then_succeed(self, clients, ask, model):
        endpoint = new_endpoint(clients, "clinging")
        result_of(clients.deploy(endpoint, model, "1"))
        undeploy, delete = "operation.endpoints.undeployModel", "operation.endpoints.delete"
        with ask({undeploy: ["fail-UNAVAILABLE"], delete: ["fail-FAILED_PRECONDITION: It is still in use."]}) as asked:
            for _ in range(2):
                operation = clients.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="1")
                eventually(operation.done)
            assert not clients.endpoints.get_endpoint(name=endpoint).deployed_models
            with pytest.raises(exceptions.GoogleAPICallError, match="still in use"):
                result_of(clients.endpoints.delete_endpoint(name=endpoint))
            result_of(clients.endpoints.delete_endpoint(name=endpoint))
            assert asked.fired == {undeploy: 1, delete: 1}
        with pytest.raises(exceptions.NotFound):
            clients.endpoints.get_endpoint(name=endpoint)

    def test_a_failing_operation_can_be_cancelled(self, clients, ask):
        with ask({"operation.endpoints.create": ["fail-INTERNAL"]}):
            operation = clients.endpoints.create_endpoint(
                parent=LOCATION, endpoint=aiplatform_v1.Endpoint(display_name="Never")
            )
            clients.endpoints.cancel_operation({"name": operation.operation.name})
        with pytest.raises(exceptions.Cancelled):
            result_of(operation)


def test_a_deployed_model_answers_with_wrong_vectors(clients, ask, model):
    endpoint = new_endpoint(clients, "wrong")
    result_of(clients.deploy(endpoint, model, "1"))

    def vectors(*texts):
        instances = [{"content": text, "task_type": "DEFAULT", "title": ""} for text in texts]
        return np.array(
            [list(one) for one in clients.predictions.predict(endpoint=endpoint, instances=instances).predictions]
        )

    right = vectors("apples", "trains")
    with ask({"prediction": ["same-vectors x2"]}, of="wrong") as asked:
        wrong = np.concatenate([vectors("apples", "trains"), vectors("rivers")])
        np.testing.assert_array_equal(vectors("apples", "trains"), right)
        assert asked.fired == {"prediction": 2}
    assert len(np.unique(right, axis=0)) == 2
    assert len(np.unique(wrong, axis=0)) == 1
    assert wrong.shape == (3, right.shape[1])
    assert np.linalg.norm(wrong, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"task.importer": ["fail-TEAPOT"]}, "CODE is one of ABORTED,"),
        ({"task.importer": ["fail-INTERNAL:no blank"]}, "': MESSAGE' may follow"),
        ({"task.importer": ["pause: a message"]}, "cannot be done here"),
        ({"task.importer": ["return-503"]}, "these can: fail-CODE, pause, pause-for-Ns."),
        ({"task.trainer": []}, "task.text-embedding-trainer"),
        ({"cancellation": ["fail-INTERNAL"]}, "these can: delay-for-Ns."),
        ({"aiplatform.endpoints.predict": ["return-503: message"]}, "cannot be done here"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(clients, wanted, sentence):
    answer = httpx.post(f"{clients.url}/retry_test", json={"instructions": wanted})
    assert answer.status_code == 400
    assert sentence in answer.text


def test_a_test_is_told_as_it_was_asked_for_and_kept_until_it_is_deleted(clients, server):
    method = "aiplatform.endpoints.list"
    instructions = {method: ["return-UNAVAILABLE x3: Try again: later.", "return-404"]}
    asked = Asked(clients.url, {"instructions": instructions, "everyone": True})
    assert asked.state["instructions"] == instructions
    assert httpx.get(f"{clients.url}/v1/{LOCATION}/endpoints").status_code == 503
    server.restart()
    told = httpx.get(f"{clients.url}/retry_test/{asked.id}").json()
    assert told["instructions"] == {method: ["return-UNAVAILABLE x2: Try again: later.", "return-404"]}
    assert told["fired"] == {method: 1}
    assert httpx.get(f"{clients.url}/v1/{LOCATION}/endpoints").json()["error"]["message"] == "Try again: later."
    asked.delete()
    server.restart()
    assert httpx.get(f"{clients.url}/retry_tests").json() == {"retry_test": []}
