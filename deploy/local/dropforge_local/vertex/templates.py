"""The two families of Google's `tune-text-embedding-model` pipeline template, and what each takes.

Parameters, types and defaults are those of the published templates v1.1.2 and v1.1.3; v1.1.1 is used with the names of
v1.1.2 and v1.1.4 with those of v1.1.3 (https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-embeddings).
"""

import contextlib
import math
import re
from collections.abc import Mapping
from typing import Any

from dropforge_local.vertex.errors import invalid
from dropforge_local.vertex.tuning.parameters import TASK_TYPES

PIPELINE = "tune-text-embedding-model"
TEMPLATE_URI = re.compile(rf"https://us-kfp\.pkg\.dev/ml-pipeline/llm-text-embedding/{PIPELINE}/(?P<version>[^/]+)")

Parameter = str | int | float
REQUIRED: dict[str, type[Parameter]] = {"queries_path": str, "corpus_path": str, "train_label_path": str}
COMMON: dict[str, Parameter] = {
    "test_label_path": "",
    "validation_label_path": "",
    "batch_size": 128,
    "task_type": "DEFAULT",
    "model_display_name": "tuned-text-embedding-model",
    "machine_type": "n1-standard-16",
    "accelerator_type": "NVIDIA_TESLA_V100",
    "accelerator_count": 4,
}
ITERATIONS_REQUIRED = REQUIRED | {"project": str}
ITERATIONS_DEFAULTS = COMMON | {
    "location": "us-central1",
    "iterations": 1000,
    "base_model_version_id": "textembedding-gecko@001",
}
TRAIN_STEPS_DEFAULTS = COMMON | {
    "train_steps": 1000,
    "base_model_version_id": "text-embedding-004",
    "output_dimensionality": -1,
    "learning_rate_multiplier": 1.0,
    "encryption_spec_key_name": "",
}
# Version -> types of the required parameters, defaults of the others.
VERSIONS: dict[str, tuple[dict[str, type[Parameter]], dict[str, Parameter]]] = {
    "v1.1.1": (ITERATIONS_REQUIRED, ITERATIONS_DEFAULTS),
    "v1.1.2": (ITERATIONS_REQUIRED, ITERATIONS_DEFAULTS),
    "v1.1.3": (REQUIRED, TRAIN_STEPS_DEFAULTS),
    "v1.1.4": (REQUIRED, TRAIN_STEPS_DEFAULTS),
}


def resolve(template_uri: str, values: Mapping[str, Any]) -> dict[str, Parameter]:
    """All parameters of a run, typed, with defaults. Numbers may come as numbers or as their text.

    Raises:
        ApiError: INVALID_ARGUMENT for a template, version, parameter or base model that does not exist, a required
            parameter that is missing, or a value of the wrong type.
    """
    match = TEMPLATE_URI.fullmatch(template_uri)
    if match is None or match["version"] not in VERSIONS:
        raise invalid(
            f"Template {template_uri!r} is not found. The local server runs {PIPELINE} {', '.join(VERSIONS)} of "
            "https://us-kfp.pkg.dev/ml-pipeline/llm-text-embedding."
        )
    required, defaults = VERSIONS[match["version"]]
    types = required | {name: type(value) for name, value in defaults.items()}
    unknown = sorted(values.keys() - types.keys())
    if unknown:
        raise invalid(
            f"The pipeline parameter {unknown[0]} is not found in the pipeline job input definitions of {PIPELINE} "
            f"{match['version']}."
        )
    missing = sorted(name for name in required if values.get(name) in (None, ""))
    if missing:
        raise invalid(f"The pipeline parameter {missing[0]} is required.")
    resolved = defaults | {name: _typed(name, value, types[name]) for name, value in values.items()}
    if resolved["base_model_version_id"] not in TASK_TYPES:
        raise invalid(
            f"base_model_version_id {resolved['base_model_version_id']!r} is unknown. "
            f"The template knows {', '.join(TASK_TYPES)}."
        )
    return resolved


def _typed(name: str, value: object, wanted: type[Parameter]) -> Parameter:
    if wanted is str and isinstance(value, str):
        return value
    if wanted is not str and isinstance(value, str | int | float) and not isinstance(value, bool):
        with contextlib.suppress(ValueError):
            number = float(value)
            if wanted is float and math.isfinite(number):
                return number
            if number.is_integer():
                return int(number)
    kind = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE"}[wanted]
    raise invalid(f"The pipeline parameter {name} must be of type {kind}, not {value!r}.")
