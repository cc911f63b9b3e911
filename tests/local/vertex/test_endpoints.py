"""Models, endpoints, deployments, operations and predictions of the local Vertex AI, through Google's clients."""

import json

import httpx
import numpy as np
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform, aiplatform_v1
from google.longrunning import operations_pb2
from support.faulty import faults
from support.servers import eventually, running
from support.vertex import (
    LOCATION,
    PROJECT,
    Clients,
    deployed_model,
    result_of,
    storage_server,
    topics,
    upload_dataset,
    vertex_server,
)

NOT_DEPLOYABLE = "has no deployed model"


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    with running(storage_server(tmp_path_factory.mktemp("storage"))) as storage:
        upload_dataset(storage.url)
        with running(vertex_server(tmp_path_factory.mktemp("vertex"), storage.url)) as server:
            yield Clients.of(server.url)


@pytest.fixture(scope="module")
def model(clients):
    return model_of(clients.tune("endpoints", labels={"for": "endpoints"}, parameters={"model_display_name": "topics"}))


@pytest.fixture(scope="module")
def serving(clients, model):
    """An endpoint with the model deployed as 1."""
    endpoint = new_endpoint(clients)
    result_of(clients.deploy(endpoint.name, model, "1"))
    return endpoint.name


def model_of(job):
    return job.job_detail.task_details[-1].execution.metadata["output:model_resource_name"]


def new_endpoint(clients, endpoint_id=""):
    request = aiplatform_v1.CreateEndpointRequest(
        parent=LOCATION, endpoint=aiplatform_v1.Endpoint(display_name="Topics"), endpoint_id=endpoint_id
    )
    return result_of(clients.endpoints.create_endpoint(request))


def instance(text, task_type="DEFAULT", title=""):
    return {"content": text, "task_type": task_type, "title": title}


def test_an_endpoint_is_there_when_its_operation_is_done(clients):
    request = aiplatform_v1.CreateEndpointRequest(
        parent=LOCATION, endpoint=aiplatform_v1.Endpoint(display_name="Later"), endpoint_id="later"
    )
    operation = clients.endpoints.create_endpoint(request)
    assert not operation.done()
    with pytest.raises(exceptions.NotFound):
        clients.endpoints.get_endpoint(name=f"{LOCATION}/endpoints/later")
    assert result_of(operation).name == f"{LOCATION}/endpoints/later"
    assert clients.endpoints.get_endpoint(name=f"{LOCATION}/endpoints/later").display_name == "Later"


def test_an_endpoint_id_is_used_once(clients):
    new_endpoint(clients, "taken")
    with pytest.raises(exceptions.Conflict):
        new_endpoint(clients, "taken")


@pytest.mark.parametrize("endpoint_id", ["Upper", "0123", "1234567890", "ends-"])
def test_an_endpoint_id_that_the_service_refuses_is_refused(clients, endpoint_id):
    with pytest.raises(exceptions.BadRequest, match="must match"):
        new_endpoint(clients, endpoint_id)


def test_a_deployment_takes_the_traffic_it_asks_for(clients, model, serving):
    endpoint = clients.endpoints.get_endpoint(name=serving)
    assert dict(endpoint.traffic_split) == {"1": 100}
    (deployed,) = endpoint.deployed_models
    assert (deployed.id, deployed.model, deployed.model_version_id) == ("1", model.partition("@")[0], "1")
    assert deployed.dedicated_resources.machine_spec.accelerator_type.name == "NVIDIA_TESLA_A100"


def test_a_second_deployment_under_the_same_id_is_refused(clients, model, serving):
    with pytest.raises(exceptions.Conflict):
        clients.deploy(serving, model, "1")


def test_a_second_deployment_under_an_id_that_is_being_deployed_is_refused(clients, model):
    endpoint = new_endpoint(clients)
    first = clients.deploy(endpoint.name, model, "5")
    with pytest.raises(exceptions.Conflict):
        clients.deploy(endpoint.name, model, "5")
    with pytest.raises(exceptions.BadRequest, match="undeploy"):
        clients.endpoints.delete_endpoint(name=endpoint.name)
    result_of(first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "12345678901"}, "1 to 10 digits"),
        ({"model": ""}, "model is required"),
        ({"dedicated_resources": {}}, "machine_type is required"),
        ({"dedicated_resources": {"machine_spec": {"machine_type": "n1-standard-2"}}}, "min_replica_count"),
    ],
)
def test_a_deployment_that_is_wrong_is_refused(clients, model, serving, change, message):
    wanted = deployed_model(model)
    for field, value in change.items():
        setattr(wanted, field, value)
    with pytest.raises(exceptions.BadRequest, match=message):
        clients.endpoints.deploy_model(endpoint=serving, deployed_model=wanted)


@pytest.mark.parametrize("split", [{"0": 50}, {"0": 50, "99": 50}])
def test_a_traffic_split_must_fit(clients, model, serving, split):
    with pytest.raises(exceptions.BadRequest, match="traffic_split"):
        clients.endpoints.deploy_model(endpoint=serving, deployed_model=deployed_model(model), traffic_split=split)


def test_a_model_that_is_not_there_cannot_be_deployed(clients, serving):
    with pytest.raises(exceptions.NotFound):
        clients.deploy(serving, f"{LOCATION}/models/404")


def test_a_model_of_another_location_cannot_be_deployed(clients, model, serving):
    with pytest.raises(exceptions.BadRequest, match="as the endpoint is"):
        clients.deploy(serving, model.replace("us-central1", "europe-west4"))


def test_a_deleted_model_is_not_found(clients):
    model = model_of(clients.tune("unwanted"))
    result_of(clients.models.delete_model(name=model))
    with pytest.raises(exceptions.NotFound):
        clients.models.get_model(name=model)


@pytest.mark.parametrize("name", ["{}", "{}@1", "{}@default"])
def test_a_model_is_found_with_and_without_its_version(clients, model, name):
    assert clients.models.get_model(name=name.format(model.partition("@")[0])).name == model
    with pytest.raises(exceptions.NotFound):
        clients.models.get_model(name=model.replace("@1", "@2"))


def test_traffic_moves_before_a_model_leaves(clients, model):
    endpoint = new_endpoint(clients).name
    result_of(clients.deploy(endpoint, model, "1"))
    second = deployed_model(model, "2")
    result_of(
        clients.endpoints.deploy_model(endpoint=endpoint, deployed_model=second, traffic_split={"0": 40, "1": 60})
    )
    with pytest.raises(exceptions.BadRequest, match="60 % of the traffic"):
        clients.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="1")
    wanted = aiplatform_v1.Endpoint(name=endpoint, traffic_split={"2": 100})
    updated = clients.endpoints.update_endpoint(endpoint=wanted, update_mask={"paths": ["traffic_split"]})
    assert dict(updated.traffic_split) == {"2": 100}
    for deployed in ("1", "2"):
        result_of(clients.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id=deployed))
    assert not clients.endpoints.get_endpoint(name=endpoint).traffic_split
    with pytest.raises(exceptions.BadRequest, match=NOT_DEPLOYABLE):
        clients.predictions.predict(endpoint=endpoint, instances=[instance("hello")])
    result_of(clients.endpoints.delete_endpoint(name=endpoint))
    with pytest.raises(exceptions.NotFound):
        clients.endpoints.get_endpoint(name=endpoint)


def test_labels_of_an_endpoint_can_be_changed(clients):
    endpoint = new_endpoint(clients)
    wanted = aiplatform_v1.Endpoint(name=endpoint.name, labels={"alias": "topics"})
    clients.endpoints.update_endpoint(endpoint=wanted, update_mask={"paths": ["labels"]})
    listed = clients.endpoints.list_endpoints(parent=LOCATION)
    assert [found.name for found in listed if found.labels] == [endpoint.name]
    with pytest.raises(exceptions.BadRequest, match="update_mask"):
        clients.endpoints.update_endpoint(endpoint=wanted, update_mask={"paths": ["deployed_models"]})


def test_an_endpoint_with_a_model_is_not_deleted(clients, serving):
    with pytest.raises(exceptions.BadRequest, match="undeploy"):
        clients.endpoints.delete_endpoint(name=serving)


@pytest.mark.usefixtures("serving")
def test_a_deployed_model_is_not_deleted(clients, model):
    with pytest.raises(exceptions.BadRequest, match="deployed"):
        clients.models.delete_model(name=model)


def test_a_cancelled_operation_has_no_effect(clients):
    request = aiplatform_v1.CreateEndpointRequest(
        parent=LOCATION, endpoint=aiplatform_v1.Endpoint(display_name="Never"), endpoint_id="never"
    )
    operation = clients.endpoints.create_endpoint(request)
    clients.endpoints.cancel_operation({"name": operation.operation.name})
    with pytest.raises(exceptions.Cancelled):
        result_of(operation)
    with pytest.raises(exceptions.NotFound):
        clients.endpoints.get_endpoint(name=f"{LOCATION}/endpoints/never")


def test_an_operation_can_be_waited_for(clients):
    request = aiplatform_v1.CreateEndpointRequest(
        parent=LOCATION, endpoint=aiplatform_v1.Endpoint(display_name="Awaited")
    )
    name = clients.endpoints.create_endpoint(request).operation.name
    waited = clients.endpoints.wait_operation(operations_pb2.WaitOperationRequest(name=name))
    assert waited.done
    listed = clients.endpoints.list_operations({"name": name.partition("/operations/")[0]})
    assert [operation.name for operation in listed.operations] == [name]


def test_predictions_find_the_documents_that_training_taught(clients, serving):
    """Given the tuned model on an endpoint, expect most test queries to rank their own document first."""
    files = topics()
    lines = [line.split("\t") for line in files["test_label.tsv"].decode().splitlines()[1:]][:20]
    texts = {
        record["_id"]: record
        for name in ("corpus.jsonl", "queries.jsonl")
        for record in map(json.loads, files[name].decode().splitlines())
    }
    documents = [record for identity, record in texts.items() if identity.startswith("d")]
    document_vectors = embed(
        clients, serving, [instance(one["text"], "RETRIEVAL_DOCUMENT", one["title"]) for one in documents]
    )
    query_vectors = embed(clients, serving, [instance(texts[query]["text"]) for query, *_ in lines])
    best = [documents[row]["_id"] for row in (query_vectors @ document_vectors.T).argmax(axis=1)]
    assert sum(found == wanted for found, (_, wanted, _) in zip(best, lines, strict=True)) > 12


def embed(clients, endpoint, instances):
    return np.array(
        [list(vector) for vector in clients.predictions.predict(endpoint=endpoint, instances=instances).predictions]
    )


def test_a_tuned_endpoint_answers_bare_vectors(clients, model, serving):
    answer = clients.predictions.predict(endpoint=serving, instances=[instance("hello"), instance("world")])
    vectors = np.array([list(vector) for vector in answer.predictions])
    assert vectors.shape == (2, 256)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert (answer.deployed_model_id, answer.model, answer.model_version_id) == ("1", model.partition("@")[0], "1")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"content": "x", "title": ""}, "`task_type` is required"),
        ({"content": "x", "task_type": "DEFAULT"}, "`title` is required"),
        ({"task_type": "DEFAULT", "title": ""}, "`content` is required"),
        ({"content": "", "task_type": "DEFAULT", "title": ""}, "empty"),
        ({"content": "x", "task_type": "NONE", "title": ""}, "task_type 'NONE'"),
        ({"content": 3, "task_type": "DEFAULT", "title": ""}, "`content` must be a string"),
        ("x", "an object"),
    ],
)
def test_an_instance_that_is_wrong_is_named(clients, serving, wrong, message):
    with pytest.raises(exceptions.BadRequest, match=rf"instances\[1\].*{message}"):
        clients.predictions.predict(endpoint=serving, instances=[instance("fine"), wrong])


def test_the_first_gecko_wants_no_task_type(clients):
    parameters = {
        "project": PROJECT,
        "base_model_version_id": "textembedding-gecko@001",
        "iterations": 40,
        "train_steps": None,
    }
    model = model_of(clients.tune(version="v1.1.2", parameters=parameters))
    endpoint = new_endpoint(clients).name
    result_of(clients.deploy(endpoint, model))
    assert len(clients.predictions.predict(endpoint=endpoint, instances=[{"content": "x"}]).predictions) == 1


@pytest.mark.parametrize(
    "body", [{}, {"instances": 3}, {"instances": []}, {"instances": [{"content": "x"}], "parameters": 1}]
)
def test_a_request_for_predictions_that_is_wrong_is_refused(clients, body):
    url = f"{clients.url}/v1/{LOCATION}/publishers/google/models/text-embedding-005:predict"
    assert httpx.post(url, json=body).status_code == 400


def test_a_base_model_answers_vectors_with_statistics(clients):
    url = f"{clients.url}/v1/{LOCATION}/publishers/google/models/text-embedding-005:predict"
    answer = httpx.post(
        url, json={"instances": [{"content": "hello world"}], "parameters": {"outputDimensionality": 64}}
    )
    embedding = answer.json()["predictions"][0]["embeddings"]
    assert len(embedding["values"]) == 64
    assert np.linalg.norm(embedding["values"]) == pytest.approx(1, abs=1e-5)
    assert embedding["statistics"] == {"token_count": 2, "truncated": False}


def test_a_base_model_truncates_unless_told_not_to(clients):
    url = f"{clients.url}/v1/{LOCATION}/publishers/google/models/text-embedding-005:predict"
    body = {"instances": [{"content": "word " * 3000}]}
    statistics = httpx.post(url, json=body).json()["predictions"][0]["embeddings"]["statistics"]
    assert statistics == {"token_count": 2048, "truncated": True}
    assert httpx.post(url, json=body | {"parameters": {"autoTruncate": False}}).status_code == 400
    assert httpx.post(url, json={"instances": [{"content": "word " * 2000}] * 11}).status_code == 400
    assert httpx.post(url, json={"instances": [{"content": "x"}] * 251}).status_code == 400
    assert httpx.post(url, json={"instances": [{"content": "x", "title": "y"}]}).status_code == 400
    assert httpx.post(url.replace("005", "999"), json=body).status_code == 404


@pytest.fixture
def sdk(clients):
    """Google's high-level package, as a stranger sets it up."""
    aiplatform.init(
        project=PROJECT,
        location="us-central1",
        credentials=AnonymousCredentials(),
        api_endpoint=clients.url,
        api_transport="rest",
    )
    return aiplatform


@pytest.mark.usefixtures("model")
def test_the_high_level_sdk_finds_jobs(sdk):
    job = sdk.PipelineJob.get("endpoints")
    assert job.state == aiplatform_v1.PipelineState.PIPELINE_STATE_SUCCEEDED
    assert [task.task_name for task in job.task_details][1] == "text-embedding-trainer"
    assert job.resource_name in [one.resource_name for one in sdk.PipelineJob.list()]
    found = sdk.PipelineJob.list(filter='labels.for="endpoints"', order_by="create_time desc")
    assert [one.resource_name for one in found] == [job.resource_name]
    with pytest.raises(exceptions.NotFound):
        sdk.PipelineJob.get("nobody")


def test_the_high_level_sdk_cancels_a_job(clients, sdk):
    with faults(clients.url, {"task.importer": ["pause"]}, of="by-the-sdk"):
        clients.submit("by-the-sdk", parameters={"model_display_name": "never"})
        job = sdk.PipelineJob.get("by-the-sdk")
        eventually(lambda: job.state == aiplatform_v1.PipelineState.PIPELINE_STATE_PAUSED, seconds=30)
        job.cancel()
    eventually(lambda: job.state == aiplatform_v1.PipelineState.PIPELINE_STATE_CANCELLED)


def test_the_high_level_sdk_finds_models(sdk, model):
    tuned = sdk.Model(model)
    assert (tuned.versioned_resource_name, tuned.version_id, tuned.display_name) == (model, "1", "topics")
    assert sdk.Model(tuned.name).versioned_resource_name == model
    assert model.partition("@")[0] in [one.resource_name for one in sdk.Model.list()]
    assert [one.display_name for one in sdk.Model.list(filter='display_name="topics"')] == ["topics"]


def test_the_high_level_sdk_asks_an_endpoint(sdk, model, serving):
    assert serving in [one.resource_name for one in sdk.Endpoint.list()]
    endpoint = sdk.Endpoint(serving)
    assert endpoint.traffic_split == {"1": 100}
    assert [one.model for one in endpoint.list_models()] == [model.partition("@")[0]]
    answer = endpoint.predict(instances=[instance("hello")])
    assert (len(answer.predictions[0]), answer.deployed_model_id) == (256, "1")


def test_enums_are_integers_where_the_request_asks_for_them(clients, serving):
    url = f"{clients.url}/v1/{serving}"
    by_name = httpx.get(url).json()["deployedModels"][0]["dedicatedResources"]["machineSpec"]
    by_number = httpx.get(url, params={"$alt": "json;enum-encoding=int"}).json()
    assert by_name["acceleratorType"] == "NVIDIA_TESLA_A100"
    assert by_number["deployedModels"][0]["dedicatedResources"]["machineSpec"]["acceleratorType"] == 8
