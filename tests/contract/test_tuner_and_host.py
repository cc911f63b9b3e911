"""A tuner and a host of models keep the same promises: in memory, and Google's clients against the local Vertex AI."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from support.runs import validated
from support.servers import eventually, running
from support.vertex import BUCKET, storage_server, upload_dataset, vertex_server

from dropforge import settings
from dropforge.adapters.google.vertex import Vertex
from dropforge.adapters.memory import MemoryHost, MemoryTuner
from dropforge.domain.errors import Foreign, Missing, Refused, Unavailable
from dropforge.domain.jobs import JobState, Machines, order_for
from dropforge.domain.probe import Text
from dropforge.domain.spaces import deployed_model_id_of

PATIENCE = 60  # seconds
RUNS = count()


class InMemory:
    def __init__(self) -> None:
        self.tuner, self.host = MemoryTuner(), MemoryHost()

    def let_pass(self, job):
        self.tuner.end(job, JobState.SUCCEEDED)


class OverVertex:
    def __init__(self, url) -> None:
        environment = {
            "DROPFORGE_PROJECT": "p",
            "DROPFORGE_DROP_BUCKET": "d",
            "DROPFORGE_STATE_BUCKET": BUCKET,
            "DROPFORGE_VERTEX_ENDPOINT": url,
        }
        self.tuner = self.host = Vertex(settings.load(environment))

    def let_pass(self, job):
        """Time passes by itself."""


@pytest.fixture(scope="module")
def vertex(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vertex")
    with running(storage_server(folder / "storage")) as storage:
        upload_dataset(storage.url)
        with running(vertex_server(folder / "vertex", storage.url)) as server:
            yield OverVertex(server.url)


@pytest.fixture(params=["memory", "vertex"])
def world(request):
    return InMemory() if request.param == "memory" else request.getfixturevalue("vertex")


@pytest.fixture
def order():
    run = validated(f"topics-{next(RUNS):012x}", train_steps=40)
    placed = order_for(run, data="gs://x/", project="p", location="us-central1", machines=Machines())
    names = ("corpus", "queries")
    paths = {f"{name}_path": f"gs://{BUCKET}/topics/{name}.jsonl" for name in names} | {
        "train_label_path": f"gs://{BUCKET}/topics/training_label.tsv",
        "test_label_path": f"gs://{BUCKET}/topics/test_label.tsv",
    }
    return replace(placed, parameters=placed.parameters | paths, output=f"gs://{BUCKET}/runs/{run.id}/output")


def finished(world, order):
    job = world.tuner.submit(order)
    world.let_pass(job)
    return eventually(lambda: (look := world.tuner.look(job)).state is JobState.SUCCEEDED and look, seconds=PATIENCE)


def over(world, operation):
    if operation:
        eventually(lambda: world.host.operation(operation).done, seconds=PATIENCE)


class TestTuner:
    def test_a_job_is_submitted_once_however_often_it_is_asked(self, world, order):
        jobs = {world.tuner.submit(order) for _ in range(3)}
        assert len(jobs) == 1
        assert jobs.pop().endswith(f"/pipelineJobs/{order.id}")

    def test_a_job_of_somebody_else_is_not_adopted(self, world, order):
        world.tuner.submit(replace(order, labels={"managed-by": "hand"}))
        with pytest.raises(Foreign, match="not run"):
            world.tuner.submit(order)

    def test_a_job_that_is_not_there_is_missing(self, world):
        with pytest.raises(Missing):
            world.tuner.look("projects/p/locations/us-central1/pipelineJobs/nobody")

    def test_the_jobs_of_ours_are_listed_with_their_states(self, world, order):
        began = datetime.now(UTC)
        mine = replace(order, id=f"{order.id}-a2")
        world.tuner.submit(mine)
        finished(world, order)
        world.tuner.submit(replace(order, id=f"{order.id}-a3", labels={"managed-by": "hand"}))
        states = world.tuner.states(began - timedelta(minutes=10))
        assert states[order.id] is JobState.SUCCEEDED
        assert mine.id in states
        if isinstance(world, OverVertex):
            assert f"{order.id}-a3" not in states
            assert world.tuner.states(datetime.now(UTC) + timedelta(minutes=10)) == {}

    def test_a_finished_job_names_its_model(self, world, order):
        assert "/models/" in finished(world, order).tuned.model


class TestHost:
    def test_a_model_is_deployed_once_however_often_it_is_asked(self, world, order):
        model, run_id = finished(world, order).tuned.model, order.id
        host, endpoint, deployed = world.host, world.host.endpoint(run_id), deployed_model_id_of(run_id)
        with pytest.raises(Missing):
            host.serves(endpoint, deployed)

        over(world, host.create_endpoint(run_id, order.labels))
        assert host.create_endpoint(run_id, order.labels) == ""
        assert host.serves(endpoint, deployed) is False

        started = [host.deploy(endpoint, model, deployed, run_id) for _ in range(3)]
        assert len(set(started) - {""}) == 1
        over(world, started[0])
        assert host.serves(endpoint, deployed) is True
        assert host.deploy(endpoint, model, deployed, run_id) == ""

        vectors = host.predict(endpoint, [Text("t", "one"), Text("", "two")], "DEFAULT")
        assert len(vectors) == 2
        assert len({len(vector) for vector in vectors}) == 1

        eventually(lambda: _discarded(host, endpoint, deployed), seconds=PATIENCE)
        eventually(lambda: _is_gone(host, endpoint, deployed), seconds=PATIENCE)
        host.discard(endpoint, deployed)

    def test_the_endpoints_of_ours_are_listed_with_their_runs(self, world, order):
        over(world, world.host.create_endpoint(order.id, order.labels))
        [found] = [endpoint for endpoint in world.host.endpoints() if endpoint.run == order.id]
        assert found.name.rpartition("/")[2] == order.id
        assert found.dataset == order.labels["dropforge-dataset"]
        assert found.created.tzinfo is not None

    def test_an_operation_that_is_not_there_is_missing(self, world):
        with pytest.raises(Missing):
            world.host.operation("projects/p/locations/us-central1/operations/1")

    def test_an_endpoint_that_is_not_there_takes_no_model(self, world):
        with pytest.raises(Missing):
            world.host.deploy(world.host.endpoint("nobody"), "projects/p/locations/l/models/1", "1234567890", "nobody")


def _discarded(host, endpoint, deployed):
    try:
        host.discard(endpoint, deployed)
    except Unavailable:
        return False
    return True


def _is_gone(host, endpoint, deployed):
    try:
        host.serves(endpoint, deployed)
    except Missing:
        return True
    return False


def test_vertex_refuses_an_order_that_it_cannot_run(vertex, order):
    with pytest.raises(Refused, match="batch_size"):
        vertex.tuner.submit(replace(order, parameters=dict(order.parameters) | {"batch_size": "many"}))


def test_a_failed_job_tells_which_step_and_who_must_act(vertex, order):
    job = vertex.tuner.submit(
        replace(order, parameters=dict(order.parameters) | {"corpus_path": f"gs://{BUCKET}/nowhere.jsonl"})
    )
    look = eventually(lambda: (seen := vertex.tuner.look(job)).state is JobState.FAILED and seen, seconds=PATIENCE)
    assert look.fault.blame == "user_error"
    assert look.fault.step
    assert "nowhere.jsonl" in look.fault.message
