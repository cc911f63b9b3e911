"""The four tasks of a tuning job, in order: read the dataset, train, evaluate, hand the model over."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dropforge_local.vertex.embedding import EmbeddingModel, Vectors
from dropforge_local.vertex.embedding.tuned import TunedModel, project
from dropforge_local.vertex.tuning import linear_map
from dropforge_local.vertex.tuning.dataset import Dataset, DatasetFiles, Labels, read_dataset
from dropforge_local.vertex.tuning.evaluation import NDCG, Figures, mean, measure
from dropforge_local.vertex.tuning.objects import Objects
from dropforge_local.vertex.tuning.parameters import check_parameters
from dropforge_local.vertex.tuning.protocol import (
    EVALUATOR,
    IMPORTER,
    TRAINER,
    UPLOADER,
    Artifact,
    Event,
    Failed,
    Progressed,
    Started,
    Succeeded,
    TaskFailed,
    TuningSpec,
)

# Tasks in which texts of both sides are alike: there a document should find its query, too.
SYMMETRIC_TASK_TYPES = {"SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING"}
VALIDATION_QUERIES = 1000  # enough to choose a checkpoint by

Report = Callable[[Event], None]


@dataclass(frozen=True)
class EncodedDataset:
    """A dataset and the base vectors of its texts, one row a text in the dataset's order."""

    dataset: Dataset
    documents: Vectors
    queries: Vectors
    document_ids: list[str]
    query_rows: dict[str, int]

    def figures(self, labels: Labels, matrix: Vectors) -> dict[str, Figures]:
        """How well the map does on every labelled query, over the whole corpus."""
        return measure(
            labels,
            query_rows=self.query_rows,
            queries=project(self.queries, matrix),
            document_ids=self.document_ids,
            documents=project(self.documents, matrix),
        )

    def pairs(self, labels: Labels) -> linear_map.Pairs:
        """The labelled pairs as rows, weighed by their share of the highest score."""
        document_rows = {identity: row for row, identity in enumerate(self.document_ids)}
        rows = [
            (self.query_rows[query], document_rows[document], score)
            for query, scores in labels.items()
            for document, score in scores.items()
        ]
        queries, documents, scores = (np.array(column) for column in zip(*rows, strict=True))
        return linear_map.Pairs(queries, documents, (scores / scores.max()).astype(np.float32))


def run_job(spec: TuningSpec, objects: Objects, base: EmbeddingModel, report: Report) -> bool:
    """Run all tasks, reporting each; stop at the first that fails. True when all succeeded."""
    job = TuningJob(spec, objects, base, report)
    for task, work in (
        (IMPORTER, job.read),
        (TRAINER, job.train),
        (EVALUATOR, job.evaluate),
        (UPLOADER, job.hand_over),
    ):
        report(Started(task))
        try:
            report(work())
        except TaskFailed as failure:
            report(Failed(task, failure.status, failure.message))
            return False
    return True


class TuningJob:
    """What the tasks of one job pass on to each other."""

    _encoded: EncodedDataset
    _tuned: linear_map.Tuned
    _model: TunedModel

    def __init__(self, spec: TuningSpec, objects: Objects, base: EmbeddingModel, report: Report) -> None:
        self._spec = spec
        self._parameters = spec.parameters
        self._objects = objects
        self._base = base
        self._report = report
        self._points: list[dict[str, float]] = []
        self._seed = int.from_bytes(hashlib.sha256(spec.job.encode()).digest()[:4])

    def read(self) -> Succeeded:
        """Read and check the dataset's files."""
        optional = {"validation": "validation_label_path", "test": "test_label_path"}
        files = DatasetFiles(
            corpus=self._read("corpus_path"),
            queries=self._read("queries_path"),
            train=self._read("train_label_path"),
            **{name: self._read(key) for name, key in optional.items() if self._parameters[key]},
        )
        dataset = read_dataset(files, seed=self._seed)
        self._encoded = self._encode(dataset)
        return Succeeded(
            IMPORTER,
            metadata={
                "documents": len(dataset.documents),
                "queries": len(dataset.queries),
                "train_queries": len(dataset.train),
                "validation_queries": len(dataset.validation),
                "test_queries": len(dataset.test),
            },
        )

    def train(self) -> Succeeded:
        """Tune the map and write the model."""
        check_parameters(self._parameters)
        dataset, settings = self._encoded.dataset, self._settings()
        judged = dict(list(dataset.validation.items())[:VALIDATION_QUERIES])
        self._tuned = linear_map.tune(
            self._encoded.queries,
            self._encoded.documents,
            self._encoded.pairs(dataset.train),
            settings=settings,
            validate=lambda matrix: mean(self._encoded.figures(judged, matrix))[NDCG],
            report=lambda check: self._tell(check, settings.steps),
        )
        self._model = TunedModel(self._base, self._tuned.matrix, self._card())
        folder = f"{self._spec.output_uri}/{TRAINER}/training_output"
        for name, content in self._model.files().items():
            self._objects.write(f"{folder}/{name}", content)
        return Succeeded(TRAINER, outputs={"training_output": Artifact(folder, self._model.card)})

    def _tell(self, check: linear_map.Check, steps: int) -> None:
        """Report a validation, and write down all so far, so that the curve can be watched as it grows.

        `training_curve.json` is `{"steps": N, "points": [{"step": N, "loss": mean since the one before, NDCG: value}]}`.
        """
        self._points.append({"step": check.step, "loss": check.loss, NDCG: check.validation})
        curve = {"steps": steps, "points": self._points}
        self._objects.write(f"{self._spec.output_uri}/{TRAINER}/training_curve.json", json.dumps(curve).encode())
        self._report(Progressed(TRAINER, _progress(check, steps)))

    def evaluate(self) -> Succeeded:
        """Measure base and tuned model on the validation and the test queries, in all and query by query.

        `metrics.json` maps `SPLIT_MODEL_MEASURE` (`test_tuned_nDCG@10`) to a mean and `SPLIT_queries` to a count;
        `per_query.jsonl` has one object a query: `{"split", "query", "base": {MEASURE: value}, "tuned": {...}}`.
        """
        dataset = self._encoded.dataset
        matrices = {
            "base": linear_map.identity(self._base.dimensions, self._base.dimensions),
            "tuned": self._tuned.matrix,
        }
        metrics: dict[str, Any] = {}
        per_query: list[dict[str, Any]] = []
        for split, labels in (("validation", dataset.validation), ("test", dataset.test)):
            figures = {name: self._encoded.figures(labels, matrix) for name, matrix in matrices.items()}
            for name, of_model in figures.items():
                metrics |= {f"{split}_{name}_{measured}": value for measured, value in mean(of_model).items()}
            metrics[f"{split}_queries"] = len(labels)
            per_query += [
                {"split": split, "query": query, **{name: of_model[query] for name, of_model in figures.items()}}
                for query in labels
            ]
        folder = f"{self._spec.output_uri}/{EVALUATOR}/metrics"
        self._objects.write(f"{folder}/metrics.json", json.dumps(metrics, indent=2).encode())
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in per_query)
        self._objects.write(f"{folder}/per_query.jsonl", lines.encode())
        return Succeeded(EVALUATOR, outputs={"metrics": Artifact(folder, metrics)})

    def hand_over(self) -> Succeeded:
        """Put the model where it will be served from, whole or not at all."""
        folder = Path(self._spec.model_folder)
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        # What a killed run of this job left is the same model, whole or in part.
        for leftover in (unfinished, folder):
            shutil.rmtree(leftover, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name, content in self._model.files().items():
            (unfinished / name).write_bytes(content)
        unfinished.rename(folder)
        return Succeeded(UPLOADER)

    def _read(self, parameter: str) -> bytes:
        return self._objects.read(self._parameters[parameter])

    def _encode(self, dataset: Dataset) -> EncodedDataset:
        return EncodedDataset(
            dataset=dataset,
            documents=self._base.encode(list(dataset.documents.values())).vectors,
            queries=self._base.encode(list(dataset.queries.values())).vectors,
            document_ids=list(dataset.documents),
            query_rows={identity: row for row, identity in enumerate(dataset.queries)},
        )

    def _settings(self) -> linear_map.Settings:
        parameters = self._parameters
        wanted = parameters.get("output_dimensionality", -1)
        return linear_map.Settings(
            steps=parameters.get("train_steps") or parameters["iterations"],
            batch_size=parameters["batch_size"],
            learning_rate_multiplier=parameters.get("learning_rate_multiplier", 1.0),
            # The base has fewer dimensions than Vertex's models: what it does not have is not made up.
            dimensions=min(wanted, self._base.dimensions) if wanted > 0 else self._base.dimensions,
            symmetric=parameters["task_type"] in SYMMETRIC_TASK_TYPES,
            seed=self._seed,
        )

    def _card(self) -> dict[str, Any]:
        """What the model is and where it comes from."""
        return {
            "job": self._spec.job,
            "requested_base_model": self._parameters["base_model_version_id"],
            "tuned_base_model": self._base.name,
            "note": f"{self._base.name} was tuned, standing in for the requested model; figures are its own.",
            "dimensions": self._tuned.matrix.shape[1],
            "task_type": self._parameters["task_type"],
            "best_step": self._tuned.step,
            "checks": [asdict(check) for check in self._tuned.checks],
            "seed": self._seed,
            "parameters": self._parameters,
        }


def _progress(check: linear_map.Check, steps: int) -> dict[str, Any]:
    return {"step": check.step, "steps": steps, "loss": check.loss, f"validation_{NDCG}": check.validation}
