"""What the trainer refuses once it looks at its parameters: values of the right type that the base model does not take.

Vertex AI accepts such a job and fails it in the trainer. Ranges and models are those of
https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-embeddings.
"""

from typing import Any

from dropforge_local.vertex.tuning.protocol import TaskFailed

MIN_STEPS = 31
MAX_BATCH = 1023
MAX_DIMENSIONS = 768
GECKO_TASK_TYPES = frozenset(
    {"DEFAULT", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING"}
)
RECENT_TASK_TYPES = GECKO_TASK_TYPES | {"QUESTION_ANSWERING", "FACT_VERIFICATION"}
# Every base model that the tuning template knows, with its task types. The gecko models are retired and still told apart
# from names that never existed.
TASK_TYPES: dict[str, frozenset[str]] = {
    "textembedding-gecko@001": frozenset({"DEFAULT"}),
    "textembedding-gecko@002": GECKO_TASK_TYPES,
    "textembedding-gecko@003": GECKO_TASK_TYPES,
    "textembedding-gecko-multilingual@001": GECKO_TASK_TYPES,
    "text-multilingual-embedding-002": RECENT_TASK_TYPES,
    "text-embedding-004": RECENT_TASK_TYPES,
    "text-embedding-005": RECENT_TASK_TYPES | {"CODE_RETRIEVAL_QUERY"},
}
GECKO = "textembedding-gecko"


def check_parameters(parameters: dict[str, Any]) -> None:
    """Refuse what cannot be trained.

    Raises:
        TaskFailed: INVALID_ARGUMENT naming the parameter.
    """
    model = parameters["base_model_version_id"]
    if parameters["task_type"] not in TASK_TYPES[model]:
        raise _bad(
            f"task_type {parameters['task_type']!r} is not one of {model}'s: {', '.join(sorted(TASK_TYPES[model]))}."
        )
    if not 1 <= parameters["batch_size"] <= MAX_BATCH:
        raise _bad(f"batch_size {parameters['batch_size']} is outside 1 to {MAX_BATCH}.")
    if parameters.get("train_steps", MIN_STEPS) < MIN_STEPS:
        raise _bad(f"train_steps {parameters['train_steps']} is too few: at least {MIN_STEPS} are needed.")
    if parameters.get("iterations", 1) < 1:
        raise _bad(f"iterations {parameters['iterations']} is too few: at least 1 is needed.")
    if parameters.get("learning_rate_multiplier", 1.0) <= 0:
        raise _bad(f"learning_rate_multiplier {parameters['learning_rate_multiplier']} must be above 0.")
    dimensions = parameters.get("output_dimensionality", -1)
    if dimensions != -1 and not 1 <= dimensions <= MAX_DIMENSIONS:
        raise _bad(f"output_dimensionality {dimensions} is outside 1 to {MAX_DIMENSIONS} (-1: the model's own).")
    if dimensions not in (-1, MAX_DIMENSIONS) and model.startswith(GECKO):
        raise _bad(f"output_dimensionality cannot be chosen for {model}.")


def _bad(message: str) -> TaskFailed:
    return TaskFailed("INVALID_ARGUMENT", message)
