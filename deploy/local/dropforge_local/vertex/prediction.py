"""Predictions: of the model deployed to an endpoint, and of a base (publisher) model.

The two answer in different shapes: bare vectors, and vectors with statistics
(https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-embeddings,
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dropforge_local.faults.state import Faults
from dropforge_local.vertex.embedding import EmbeddingModel, titled, unit
from dropforge_local.vertex.embedding.tuned import load_tuned
from dropforge_local.vertex.embedding.wordllama_base import bundled_base
from dropforge_local.vertex.endpoints import Endpoints
from dropforge_local.vertex.errors import invalid, not_found, not_now
from dropforge_local.vertex.happenings import PREDICTION
from dropforge_local.vertex.models import Models
from dropforge_local.vertex.state import Resource
from dropforge_local.vertex.tuning.parameters import MAX_DIMENSIONS, TASK_TYPES

MAX_TEXTS = 250
MAX_TOKENS = 20_000  # of a request to a publisher model
MODELS_IN_MEMORY = 16  # a tuned map is a quarter of a megabyte; the base is shared
SAME_TEXT = "Whatever was asked."  # embedded instead of each text where all vectors are to be the same
NO_TASK_TYPE_MODEL = "textembedding-gecko@001"

# An answer that takes a while to compute, and may be computed in any thread.
Computation = Callable[[], Resource]


@dataclass(frozen=True)
class Instance:
    """One text to embed."""

    content: str
    task_type: str
    title: str

    @property
    def text(self) -> str:
        """What is embedded."""
        return titled(self.content, self.title)


class Predictor:
    """Checks a request at once and returns the computation of its answer. Models are read when they are first asked for."""

    def __init__(self, endpoints: Endpoints, models: Models, faults: Faults) -> None:
        self._endpoints = endpoints
        self._models = models
        self._faults = faults

    def predict(self, endpoint_name: str, request: Resource) -> Computation:
        """Vectors by the model of an endpoint; of several, by one drawn by the shares of the traffic.

        Raises:
            ApiError: NOT_FOUND; FAILED_PRECONDITION when nothing is deployed; INVALID_ARGUMENT naming the instance.
        """
        deployed = _by_traffic(self._endpoints.get(endpoint_name))
        model = self._models.get(deployed["model"])
        requested_base = model["metadata"]["requested_base_model"]
        # Every tuned model but this first one wants both fields in each instance.
        required = {"content"} if requested_base == NO_TASK_TYPE_MODEL else {"content", "task_type", "title"}
        texts = [one.text for one in _read_instances(request, required, TASK_TYPES[requested_base])]
        folder = self._models.folder(deployed["model"].rpartition("/")[2])
        wrong = self._faults.take_delivery(PREDICTION, endpoint_name.rpartition("/")[2]) is not None
        return lambda: {
            "predictions": _same_vectors(folder, len(texts)) if wrong else _vectors(folder, texts),
            "deployedModelId": deployed["id"],
            "model": deployed["model"],
            "modelDisplayName": model["displayName"],
            "modelVersionId": model["versionId"],
        }

    def predict_base(self, model_id: str, request: Resource) -> Computation:
        """Vectors with statistics by the bundled base, whichever publisher model is asked.

        The computation raises INVALID_ARGUMENT for too many tokens.

        Raises:
            ApiError: NOT_FOUND for a model that never was; INVALID_ARGUMENT naming the instance.
        """
        if model_id not in TASK_TYPES:
            raise not_found(f"Publisher Model publishers/google/models/{model_id}")
        instances = _read_instances(request, {"content"}, TASK_TYPES[model_id])
        for index, one in enumerate(instances):
            if one.title and one.task_type != "RETRIEVAL_DOCUMENT":
                raise invalid(f"instances[{index}]: title is allowed only with task_type RETRIEVAL_DOCUMENT.")
        parameters = request.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise invalid("parameters must be an object.")
        dimensions, truncate = _dimensions(parameters), parameters.get("autoTruncate", True)
        return lambda: _base_answer([one.text for one in instances], dimensions=dimensions, truncate=truncate)


@lru_cache(maxsize=MODELS_IN_MEMORY)
def _tuned(folder: Path) -> EmbeddingModel:
    return load_tuned(folder, bundled_base())


def _vectors(folder: Path, texts: list[str]) -> list[list[float]]:
    vectors: list[list[float]] = _tuned(folder).encode(texts).vectors.tolist()
    return vectors


def _same_vectors(folder: Path, count: int) -> list[list[float]]:
    return _vectors(folder, [SAME_TEXT]) * count


def _base_answer(texts: list[str], *, dimensions: int, truncate: bool) -> Resource:
    encoded = bundled_base().encode(texts)
    if sum(encoded.token_counts) > MAX_TOKENS:
        raise invalid(f"The request has {sum(encoded.token_counts)} tokens, {MAX_TOKENS} are allowed.")
    if not truncate and any(encoded.truncated):
        raise invalid(f"instances[{encoded.truncated.index(True)}]: the text is too long, and autoTruncate is false.")
    vectors = unit(encoded.vectors[:, :dimensions]).tolist()
    return {
        "predictions": [
            {"embeddings": {"values": values, "statistics": {"token_count": count, "truncated": truncated}}}
            for values, count, truncated in zip(vectors, encoded.token_counts, encoded.truncated, strict=True)
        ]
    }


def _by_traffic(endpoint: Resource) -> Resource:
    deployed = {one["id"]: one for one in endpoint.get("deployedModels", [])}
    split = endpoint.get("trafficSplit", {})
    if not split:
        raise not_now(f"Endpoint {endpoint['name']} has no deployed model with traffic.")
    chosen: Resource = deployed[random.choices(list(split), weights=list(split.values()))[0]]  # noqa: S311 - shares, not secrets
    return chosen


def _read_instances(request: Resource, required: set[str], task_types: frozenset[str]) -> list[Instance]:
    instances = request.get("instances", [])
    if not isinstance(instances, list) or not 1 <= len(instances) <= MAX_TEXTS:
        raise invalid(f"instances must be a list of 1 to {MAX_TEXTS} objects.")
    return [_read_instance(f"instances[{index}]", one, required, task_types) for index, one in enumerate(instances)]


def _read_instance(where: str, instance: object, required: set[str], task_types: frozenset[str]) -> Instance:
    if not isinstance(instance, dict):
        raise invalid(f"{where}: an object with `content` is needed.")
    fields: dict[str, Any] = {"task_type": "DEFAULT", "title": ""} | instance
    for name in ("content", "task_type", "title"):
        if name in required and name not in instance:
            raise invalid(f"{where}: `{name}` is required.")
        if not isinstance(fields[name], str):
            raise invalid(f"{where}: `{name}` must be a string.")
    if not fields["content"]:
        raise invalid(f"{where}: The text content is empty.")
    if fields["task_type"] not in task_types:
        raise invalid(f"{where}: task_type {fields['task_type']!r} is not one of {', '.join(sorted(task_types))}.")
    return Instance(fields["content"], fields["task_type"], fields["title"])


def _dimensions(parameters: Resource) -> int:
    wanted = parameters.get("outputDimensionality", MAX_DIMENSIONS)
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or not 1 <= wanted <= MAX_DIMENSIONS:
        raise invalid(f"outputDimensionality {wanted!r} is outside 1 to {MAX_DIMENSIONS}.")
    return int(wanted)
