"""Training of the linear map, its evaluation, and a whole job on files in memory."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support.vertex import topics

from dropforge_local.vertex.embedding import unit
from dropforge_local.vertex.embedding.wordllama_base import bundled_base
from dropforge_local.vertex.tuning import linear_map
from dropforge_local.vertex.tuning.evaluation import mean, measure
from dropforge_local.vertex.tuning.job import run_job
from dropforge_local.vertex.tuning.parameters import check_parameters
from dropforge_local.vertex.tuning.protocol import TASKS, Failed, Progressed, Started, Succeeded, TaskFailed, TuningSpec

SETTINGS = linear_map.Settings(
    steps=60, batch_size=8, learning_rate_multiplier=1.0, dimensions=12, symmetric=False, seed=3
)
PARAMETERS = {
    "corpus_path": "corpus.jsonl",
    "queries_path": "queries.jsonl",
    "train_label_path": "training_label.tsv",
    "validation_label_path": "",
    "test_label_path": "test_label.tsv",
    "base_model_version_id": "text-embedding-005",
    "task_type": "DEFAULT",
    "batch_size": 128,
    "train_steps": 100,
    "output_dimensionality": -1,
    "learning_rate_multiplier": 1.0,
}


class Shelf:
    """Objects in memory."""

    def __init__(self, objects):
        self.objects = dict(objects)

    def read(self, uri):
        return self.objects[uri]

    def write(self, uri, content):
        self.objects[uri] = content


@pytest.fixture
def sides():
    chance = np.random.default_rng(1)
    queries, documents = (unit(chance.normal(size=(count, 16)).astype(np.float32)) for count in (20, 10))
    rows = np.arange(20)
    return queries, documents, linear_map.Pairs(rows, rows % 10, chance.uniform(0.5, 1, 20).astype(np.float32))


def run(parameters, folder, objects=None):
    shelf, events = Shelf(objects or topics()), []
    spec = TuningSpec("jobs/1", PARAMETERS | parameters, "out", str(folder / "models" / "1"))
    run_job(spec, shelf, bundled_base(), events.append)
    return shelf, events


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    """What an ordinary job left and told."""
    return run({}, tmp_path_factory.mktemp("ordinary"))


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_gradient_is_the_slope_of_the_loss(sides, symmetric):
    """Given central differences in some random directions, expect the gradient to predict each."""
    queries, documents, pairs = sides
    settings = replace(SETTINGS, symmetric=symmetric)
    chance = np.random.default_rng(2)
    matrix = linear_map.identity(16, 12) + 0.1 * chance.normal(size=(16, 12)).astype(np.float32)
    arguments = (queries, documents, pairs, linear_map.relevance(pairs), settings)
    _, gradient = linear_map.loss_and_gradient(matrix, *arguments)
    for _ in range(5):
        direction = chance.normal(size=matrix.shape).astype(np.float32)
        above, _ = linear_map.loss_and_gradient(matrix + 1e-2 * direction, *arguments)
        below, _ = linear_map.loss_and_gradient(matrix - 1e-2 * direction, *arguments)
        assert (above - below) / 2e-2 == pytest.approx(float((gradient * direction).sum()), rel=0.05, abs=1e-3)


def test_other_relevant_documents_are_no_negatives(sides):
    """Given a batch in which every document is relevant to every query, expect nothing to push away."""
    queries, documents, _ = sides
    grid = np.array([(query, document) for query in range(3) for document in range(3)])
    everything = linear_map.Pairs(grid[:, 0], grid[:, 1], np.ones(9, dtype=np.float32))
    loss, gradient = linear_map.loss_and_gradient(
        linear_map.identity(16, 12), queries, documents, everything, linear_map.relevance(everything), SETTINGS
    )
    assert loss == pytest.approx(0, abs=1e-6)
    assert not gradient.any()


def test_the_best_map_is_kept(sides):
    figures = iter([0.1, 0.2, 0.5, 0.3] + [0.2] * 100)
    tuned = linear_map.tune(*sides, settings=SETTINGS, validate=lambda _: next(figures), report=lambda _: None)
    assert (tuned.step, tuned.checks[2].validation) == (6, 0.5)


def test_no_gain_does_no_harm(sides):
    tuned = linear_map.tune(*sides, settings=SETTINGS, validate=lambda _: 0.5, report=lambda _: None)
    assert tuned.step == 0
    assert len(tuned.checks) < 20
    np.testing.assert_array_equal(linear_map.identity(16, 12), tuned.matrix)


def test_a_training_that_diverges_does_no_harm(sides):
    """Given figures that promise ever more, expect no map that is not a number."""
    figures = iter(range(100))
    settings = replace(SETTINGS, learning_rate_multiplier=1e42)
    with np.errstate(all="ignore"):
        tuned = linear_map.tune(*sides, settings=settings, validate=lambda _: next(figures), report=lambda _: None)
    assert np.isfinite(tuned.matrix).all()


def test_training_is_repeatable(sides):
    def tune():
        return linear_map.tune(*sides, settings=SETTINGS, validate=lambda m: float(m[0, 1]), report=lambda _: None)

    np.testing.assert_array_equal(tune().matrix, tune().matrix)


def test_every_pair_is_seen_in_every_epoch():
    rows = list(linear_map.batches(20, replace(SETTINGS, steps=5)))
    assert [len(batch) for batch in rows] == [8] * 5
    assert sorted(np.concatenate(rows)) == sorted([*range(20)] * 2)


def test_figures_are_those_of_a_ranking_by_hand():
    """Given the relevant document on rank 1, 2 and none in the first ten, expect the textbook values."""
    documents = np.eye(12, dtype=np.float32)
    queries = np.zeros((3, 12), dtype=np.float32)
    queries[0, 0] = 1
    queries[1, :2] = 2, 1
    queries[2, :11] = np.arange(12, 1, -1)
    figures = measure(
        {"first": {"d0": 1}, "second": {"d1": 1}, "lost": {"d11": 1}},
        query_rows={"first": 0, "second": 1, "lost": 2},
        queries=unit(queries),
        document_ids=[f"d{number}" for number in range(12)],
        documents=documents,
    )
    assert figures["first"] == {"nDCG@10": 1, "R@10": 1, "RR@10": 1}
    assert figures["second"] == {"nDCG@10": pytest.approx(1 / np.log2(3)), "R@10": 1, "RR@10": 0.5}
    assert figures["lost"] == {"nDCG@10": 0, "R@10": 0, "RR@10": 0}
    assert mean(figures)["RR@10"] == pytest.approx(0.5)


def test_a_job_runs_its_tasks_in_order_and_learns(ordinary):
    shelf, events = ordinary
    assert [event.task for event in events if isinstance(event, Started)] == list(TASKS)
    assert [event.task for event in events if isinstance(event, Succeeded)] == list(TASKS)
    assert any(isinstance(event, Progressed) for event in events)
    metrics = json.loads(shelf.objects["out/text-embedding-evaluator/metrics/metrics.json"])
    assert metrics["test_tuned_nDCG@10"] > metrics["test_base_nDCG@10"] + 0.3
    assert metrics["test_queries"] == 60


def test_the_curve_of_a_training_is_written_down_as_it_goes(ordinary):
    shelf, events = ordinary
    curve = json.loads(shelf.objects["out/text-embedding-trainer/training_curve.json"])
    told = [event.metadata for event in events if isinstance(event, Progressed)]
    assert curve["steps"] == 100
    assert [point["step"] for point in curve["points"]] == [each["step"] for each in told]
    assert curve["points"][-1]["loss"] < curve["points"][0]["loss"] / 2
    assert curve["points"][-1]["nDCG@10"] == told[-1]["validation_nDCG@10"]


def test_figures_of_single_queries_average_to_the_metrics(ordinary):
    shelf, _ = ordinary
    metrics = json.loads(shelf.objects["out/text-embedding-evaluator/metrics/metrics.json"])
    rows = [
        json.loads(line) for line in shelf.objects["out/text-embedding-evaluator/metrics/per_query.jsonl"].splitlines()
    ]
    tested = [row["tuned"]["nDCG@10"] for row in rows if row["split"] == "test"]
    assert np.mean(tested) == pytest.approx(metrics["test_tuned_nDCG@10"])


def test_the_dimensions_that_the_base_has_are_what_can_be_had(tmp_path):
    _, events = run({"output_dimensionality": 64}, tmp_path)
    assert card(events)["dimensions"] == 64
    _, events = run({"output_dimensionality": 768}, tmp_path)
    assert card(events)["dimensions"] == 256


def card(events):
    return next(
        event.outputs["training_output"].metadata
        for event in events
        if "training_output" in getattr(event, "outputs", {})
    )


def test_a_task_type_of_likes_is_trained_both_ways(ordinary, tmp_path):
    _, one_way = ordinary
    _, both_ways = run({"task_type": "CLUSTERING"}, tmp_path)
    assert card(one_way)["checks"][1]["loss"] != card(both_ways)["checks"][1]["loss"]


def test_a_job_stops_at_its_first_failure(tmp_path):
    _, events = run({"train_steps": 1}, tmp_path)
    assert isinstance(events[-1], Failed)
    assert events[-1].task == "text-embedding-trainer"
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    "parameters",
    [
        {"task_type": "CODE_RETRIEVAL_QUERY", "base_model_version_id": "text-embedding-004"},
        {"task_type": "CLUSTERING", "base_model_version_id": "textembedding-gecko@001"},
        {"output_dimensionality": 128, "base_model_version_id": "textembedding-gecko@003"},
        {"output_dimensionality": 769},
        {"output_dimensionality": 0},
        {"train_steps": 30},
        {"iterations": 0},
        {"batch_size": 1024},
        {"batch_size": 0},
        {"learning_rate_multiplier": 0.0},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(parameters):
    with pytest.raises(TaskFailed, match=next(iter(parameters))):
        check_parameters(PARAMETERS | parameters)


@pytest.mark.parametrize("parameters", [{}, {"train_steps": 31}, {"batch_size": 1023}, {"output_dimensionality": 768}])
def test_parameters_at_the_edge_are_accepted(parameters):
    check_parameters(PARAMETERS | parameters)
