"""A tuner and a host of models keep the same promises: in memory, and Google's clients against the local Vertex AI."""

import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from support.faulty import faults
from support.runs import validated
from support.servers import eventually, running
from support.vertex import BUCKET, settings_of, storage_server, upload_dataset, vertex_server

from dropforge.adapters.google.predictions import Predictions, _again
from dropforge.adapters.google.vertex import Vertex
from dropforge.adapters.memory import MemoryHost, MemoryTuner
from dropforge.domain.content import Text
from dropforge.domain.errors import Exhausted, Foreign, Missing, Refused, Unavailable
from dropforge.domain.jobs import JobState, Machines, order_for
from dropforge.domain.spaces import deployed_model_id_of
from dropforge.settings import Operator

PATIENCE = 60  # seconds
RUNS = count()
BASE = "text-embedding-005"
MANY = [Text(f"title {number}" if number % 3 else "", "cat " * number + "dog") for number in range(60)]
TUNED, PUBLISHED = "aiplatform.endpoints.predict", "aiplatform.publishers.models.predict"


class InMemory:
    def __init__(self) -> None:
        self.tuner, self.host = MemoryTuner(), MemoryHost()

    def let_pass(self, job):
        self.tuner.end(job, JobState.SUCCEEDED)

    def held(self, _):
        """Nothing ends by itself."""
        return nullcontext()


class OverVertex:
    def __init__(self, url) -> None:
        self.url, self.settings = url, settings_of(url, "p")
        self.tuner = self.host = Vertex(self.settings)

    def let_pass(self, job):
        """Time passes by itself."""

    def held(self, order):
        """Keep a job from its end."""
        return faults(self.url, {"task.text-embedding-trainer": ["pause"]}, of=order.id)


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
    return ordered()


def ordered():
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

    def test_nor_is_one_that_reads_other_files(self, world, order):
        other = {**order.parameters, "train_label_path": f"gs://{BUCKET}/topics/test_label.tsv"}
        world.tuner.submit(replace(order, parameters=other))
        with pytest.raises(Foreign, match="not run"):
            world.tuner.submit(order)

    def test_one_whose_further_labels_are_others_by_now_is_adopted(self, world, order):
        job = world.tuner.submit(order)
        assert world.tuner.submit(replace(order, labels={**order.labels, "cost-centre": "search"})) == job

    def test_a_job_that_is_asked_to_stop_has_stopped_in_the_end(self, world, order):
        job = world.tuner.submit(order)
        assert job == world.tuner.named(order.id)
        world.tuner.cancel(job)
        eventually(lambda: world.tuner.look(job).state is JobState.CANCELLED, seconds=PATIENCE)
        world.tuner.cancel(job)  # it stays as it is

    def test_a_job_that_is_not_there_cannot_be_asked(self, world):
        with pytest.raises(Missing):
            world.tuner.cancel(world.tuner.named("nobody"))

    def test_a_job_that_is_not_there_is_missing(self, world):
        with pytest.raises(Missing):
            world.tuner.look("projects/p/locations/us-central1/pipelineJobs/nobody")

    def test_the_jobs_of_ours_that_have_not_ended_are_listed_with_their_states(self, world, order):
        finished(world, order)
        world.tuner.submit(replace(order, id=f"{order.id}-a2", labels={"managed-by": "hand"}))
        under_way = ordered()
        with world.held(under_way):
            job = world.tuner.submit(under_way)
            unfinished = world.tuner.unfinished()
            assert unfinished[under_way.id] in {JobState.WAITING, JobState.RUNNING, JobState.PAUSED}
            assert unfinished.keys().isdisjoint({order.id, f"{order.id}-a2"})
            world.tuner.cancel(job)

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

        vectors = host.embed(endpoint, [Text("t", "one"), Text("", "two")], "DEFAULT")
        assert len(vectors) == 2
        assert len({len(vector) for vector in vectors}) == 1

        [created] = [found.created for found in host.endpoints() if found.run == run_id]
        host.discard(endpoint, deployed, made_since=created + timedelta(seconds=1))
        assert host.serves(endpoint, deployed) is True, "it is older than that"
        eventually(lambda: _discarded(host, endpoint, deployed, made_since=created), seconds=PATIENCE)
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


@pytest.fixture
def endpoint(world, order):
    """An endpoint that serves a model."""
    model, endpoint = finished(world, order).tuned.model, world.host.endpoint(order.id)
    over(world, world.host.create_endpoint(order.id, order.labels))
    over(world, world.host.deploy(endpoint, model, deployed_model_id_of(order.id), order.id))
    return endpoint


@pytest.fixture(scope="module")
def served(vertex):
    """An endpoint of the local Vertex AI that serves a model."""
    order = ordered()
    model, endpoint = finished(vertex, order).tuned.model, vertex.host.endpoint(order.id)
    over(vertex, vertex.host.create_endpoint(order.id, order.labels))
    over(vertex, vertex.host.deploy(endpoint, model, deployed_model_id_of(order.id), order.id))
    return endpoint


class TestEmbedding:
    """Vectors of many texts, by a tuned model and by a base model."""

    def test_each_text_has_its_vector_by_the_tuned_model(self, world, endpoint):
        vectors = world.host.embed(endpoint, MANY, "DEFAULT")
        assert len(vectors) == len(MANY)
        assert len({tuple(vector) for vector in vectors}) == len(MANY)
        assert len({len(vector) for vector in vectors}) == 1
        assert world.host.embed(endpoint, MANY, "DEFAULT") == vectors

    @pytest.mark.parametrize("dimensions", [None, 128])
    def test_each_text_has_its_vector_by_the_base(self, world, dimensions):
        vectors = world.host.embed_by_base(BASE, MANY, "DEFAULT", dimensions)
        assert len({tuple(vector) for vector in vectors}) == len(MANY)
        [length] = {len(vector) for vector in vectors}
        assert dimensions in {None, length}

    def test_no_texts_have_no_vectors(self, world, endpoint):
        assert world.host.embed(endpoint, [], "DEFAULT") == []
        assert world.host.embed_by_base(BASE, [], "DEFAULT", None) == []

    def test_an_endpoint_that_is_not_there_is_missing(self, world):
        with pytest.raises(Missing):
            world.host.embed(world.host.endpoint("nobody"), MANY, "DEFAULT")

    def test_an_endpoint_without_a_model_may_have_one_later(self, world, order):
        over(world, world.host.create_endpoint(order.id, order.labels))
        with pytest.raises(Unavailable):
            world.host.embed(world.host.endpoint(order.id), MANY, "DEFAULT")

    def test_a_base_model_that_is_not_there_is_refused(self, world):
        with pytest.raises(Refused):
            world.host.embed_by_base("text-embedding-999", MANY, "DEFAULT", None)

    def test_a_task_that_is_none_is_refused(self, world, endpoint):
        with pytest.raises(Refused):
            world.host.embed(endpoint, MANY, "")
        with pytest.raises(Refused):
            world.host.embed_by_base(BASE, MANY, "", None)


class TestVertexRequests:
    """How Google's service is asked."""

    def test_a_text_has_the_vector_that_it_has_alone(self, vertex, served):
        host, some = vertex.host, slice(0, None, 13)
        together = host.embed(served, MANY, "DEFAULT")
        assert together[some] == [near(host.embed(served, [text], "DEFAULT")[0]) for text in MANY[some]]
        together = host.embed_by_base(BASE, MANY, "DEFAULT", None)
        assert together[some] == [near(host.embed_by_base(BASE, [text], "DEFAULT", None)[0]) for text in MANY[some]]

    def test_a_tuned_model_gets_five_texts_a_request_with_their_titles(self, vertex, served):
        with counted(vertex, TUNED) as asked:
            vectors = vertex.host.embed(served, MANY, "RETRIEVAL_QUERY")
            assert asked.fired == {TUNED: 12}
        untitled = vertex.host.embed(served, [Text("", text.text) for text in MANY], "RETRIEVAL_QUERY")
        assert [one != other for one, other in zip(vectors, untitled, strict=True)] == [bool(t.title) for t in MANY]

    def test_a_base_gets_titles_of_documents_only(self, vertex):
        embed, untitled = vertex.host.embed_by_base, [Text("", text.text) for text in MANY]
        assert embed(BASE, MANY, "RETRIEVAL_QUERY", None) == embed(BASE, untitled, "RETRIEVAL_QUERY", None)
        assert embed(BASE, MANY, "RETRIEVAL_DOCUMENT", None) != embed(BASE, untitled, "RETRIEVAL_DOCUMENT", None)

    def test_a_base_gets_many_texts_a_request(self, vertex):
        short = [Text("", f"n{number}") for number in range(260)]
        with counted(vertex, PUBLISHED) as asked:
            assert len(vertex.host.embed_by_base(BASE, short, "DEFAULT", None)) == 260
            assert asked.fired == {PUBLISHED: 2}

    def test_a_base_gets_no_more_tokens_than_a_request_takes(self, vertex):
        long = [Text("", "word " * 2_000) for _ in range(25)]
        with counted(vertex, PUBLISHED) as asked:
            assert len(vertex.host.embed_by_base(BASE, long, "DEFAULT", None)) == 25
            assert asked.fired == {PUBLISHED: 5}

    def test_a_request_whose_tokens_were_underestimated_is_halved(self, vertex):
        """Each of these letters is two tokens here; the estimate has two thirds of one."""
        dense = [Text("", f"{number} " + "ʬ" * 120) for number in range(100)]
        with counted(vertex, PUBLISHED) as asked:
            vectors = vertex.host.embed_by_base(BASE, dense, "DEFAULT", None)
            assert asked.fired == {PUBLISHED: 3}
        assert vectors[99] == near(vertex.host.embed_by_base(BASE, dense[99:], "DEFAULT", None)[0])

    def test_what_is_beyond_a_models_reading_is_not_sent(self, vertex, served):
        [vector, cut] = vertex.host.embed(served, [Text("", "word " * 1_000_000), Text("", "word " * 4_000)], "DEFAULT")
        assert vector == near(cut)

    @pytest.mark.parametrize("fault", ["return-429 x3", "return-503 x3", "return-reset-connection x3"])
    def test_what_passes_is_waited_for(self, vertex, served, fault):
        calm = vertex.host.embed(served, MANY[:20], "DEFAULT"), vertex.host.embed_by_base(BASE, MANY, "DEFAULT", None)
        with faults(vertex.url, {TUNED: [fault], PUBLISHED: [fault]}, everyone=True) as asked:
            assert vertex.host.embed(served, MANY[:20], "DEFAULT") == calm[0]
            assert vertex.host.embed_by_base(BASE, MANY, "DEFAULT", None) == calm[1]
            assert asked.fired == {TUNED: 3, PUBLISHED: 3}

    @pytest.mark.parametrize(("fault", "error"), [("return-429 x*", Exhausted), ("return-503 x*", Unavailable)])
    def test_what_does_not_pass_is_told_for_what_it_is(self, vertex, served, fault, error, monkeypatch):
        monkeypatch.setattr("dropforge.adapters.google.predictions._again", _again.with_timeout(2))
        with (
            faults(vertex.url, {TUNED: [fault]}, everyone=True),
            pytest.raises(error, match="embedding with projects/p"),
        ):
            vertex.host.embed(served, MANY, "DEFAULT")

    def test_what_is_refused_is_not_asked_again(self, vertex, served):
        with counted(vertex, TUNED) as asked, pytest.raises(Refused, match="task_type 'POETRY' is not one of"):
            vertex.host.embed(served, MANY[:5], "POETRY")
        assert asked.fired == {TUNED: 1}

    def test_requests_keep_their_pace(self, vertex, served):
        slowly = Vertex(replace(vertex.settings, operator=Operator(predictions_a_minute=240)))
        began = time.monotonic()
        slowly.embed(served, MANY[:25], "DEFAULT")
        assert (
            time.monotonic() - began >= 1.0
        )  # the first of five goes at once, and each other a quarter of a second on


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'{"predictions": [[0.5, 1]]}', "1 vectors were answered for 2 texts"),
        (b'{"predictions": [{"label": "cat"}, {"label": "dog"}]}', "does not serve a model that embeds"),
        (b"<html>", "does not serve a model that embeds"),
    ],
)
def test_an_answer_that_is_no_vectors_is_refused(monkeypatch, answer, told):
    predictions = Predictions("http://127.0.0.1:9", 6_000)
    monkeypatch.setattr(predictions, "_post", lambda url, body: answer)
    with pytest.raises(Refused, match=told):
        predictions.by_endpoint("projects/p/locations/l/endpoints/e", MANY[:2], "DEFAULT")


def near(vector):
    return pytest.approx(vector, abs=1e-5)


def counted(vertex, method):
    """Counts the requests of a method, and does them no harm."""
    return faults(vertex.url, {method: ["delay-for-0.001s x*"]}, everyone=True)


def _discarded(host, endpoint, deployed, made_since):
    try:
        host.discard(endpoint, deployed, made_since=made_since)
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
