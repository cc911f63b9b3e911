"""The tuning job: what is ordered from Vertex's pipeline, and what a look at it tells."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dropforge.domain.catalogue import CATALOGUE, TEMPLATE, Catalogue
from dropforge.domain.datasets import CORPUS, QUERIES, TEST_LABELS, TRAINING_LABELS, VALIDATION_LABELS
from dropforge.domain.facts import Fault, Request, Tuned
from dropforge.domain.runs import Run, State
from dropforge.domain.text import printable, shortened

MANAGED = ("managed-by", "dropforge")
RUN_LABEL, DATASET_LABEL = "dropforge-run", "dropforge-dataset"
# https://cloud.google.com/vertex-ai/docs/general/resource-labels
_LABEL_KEY, _LABEL_VALUE, _MOST_LABELS = re.compile(r"[a-z][-_a-z0-9]{0,62}"), re.compile(r"[-_a-z0-9]{0,63}"), 64
_READ = ("corpus_path", "queries_path", "train_label_path", "test_label_path", "validation_label_path")
_USERS = frozenset({"data", "budget", "request"})
_DATA_CODES = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE"})
_KINDS = {
    "RESOURCE_EXHAUSTED": "quota",
    "PERMISSION_DENIED": "permission",
    "UNAUTHENTICATED": "permission",
    "OVER_BUDGET": "budget",
    "CANCELLED": "request",
    "SMOKE_TEST": "model",
}
# A step reports what stopped it in its own words, under whichever code: quotas are met inside the trainer.
_WORDS = (
    (
        "quota",
        re.compile(r"\bquota|RESOURCE_EXHAUSTED|resources? (?:is|are) (?:exhausted|insufficient)", re.IGNORECASE),
    ),
    (
        "permission",
        re.compile(r"PERMISSION_DENIED|permission.{1,80}denied|not have .{1,80}(?:access|permission)", re.IGNORECASE),
    ),
)


@dataclass(frozen=True, slots=True)
class Machines:
    """What the operator lets training run on. Nothing of a dataset decides this."""

    machine_type: str = "n1-standard-16"
    accelerator_type: str = "NVIDIA_TESLA_V100"
    accelerator_count: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A pipeline job as it is asked for.

    Attributes:
        id: The pipelineJobId: the run's id, so that a second order is answered ALREADY_EXISTS.
        display_name: At most 128 characters.
        template: Address of the pipeline's template.
        parameters: Its parameters, in the names of its family.
        output: `gs://` prefix under which the pipeline writes.
        labels: For cost tracking, and to know our own jobs again.
        encryption_key: The CMEK key of the job and what it leaves; empty for Google's own.
    """

    id: str
    display_name: str
    template: str
    parameters: Mapping[str, str | int | float]
    output: str
    labels: Mapping[str, str]
    encryption_key: str = ""


def order_for(
    run: Run,
    *,
    data: str,
    project: str,
    location: str,
    machines: Machines,
    encryption_key: str = "",
    labels: Mapping[str, str] | None = None,
    catalogue: Catalogue = CATALOGUE,
) -> Order:
    """Write the order for a validated run.

    Args:
        run: Its configuration decides the parameters.
        data: `gs://` prefix of the run's own data, ending in a slash: its input lies under `input/`. Paths are the
            cache key of Vertex's steps, so every run reads from paths of its own.
        project: The project that pays.
        location: Where the job runs.
        machines: The machines that it runs on.
        encryption_key: The CMEK key's resource name; empty for Google's own.
        labels: The operator's labels, for cost tracking.
        catalogue: Knows the base model, and how its template names its parameters.

    Raises:
        Misconfigured: The base model has been taken out of the catalogue.
    """
    tuning = run.tuning
    model = catalogue.model(tuning.base_model)
    family = catalogue.family_of(model)
    files = {pin.name for pin in run.pins}

    def path(name: str) -> str:
        return f"{data}input/{name}" if name in files else ""

    parameters: dict[str, str | int | float] = {
        "corpus_path": path(CORPUS),
        "queries_path": path(QUERIES),
        "train_label_path": path(TRAINING_LABELS),
        "test_label_path": path(TEST_LABELS),
        "validation_label_path": path(VALIDATION_LABELS),
        "base_model_version_id": model.id,
        "task_type": tuning.task_type,
        "batch_size": tuning.batch_size,
        family.steps_parameter: tuning.train_steps,
        "model_display_name": run.id,
        "machine_type": machines.machine_type,
        "accelerator_type": machines.accelerator_type,
        "accelerator_count": machines.accelerator_count,
    }
    of_one_family: dict[str, str | int | float] = {
        "project": project,
        "location": location,
        "learning_rate_multiplier": tuning.learning_rate_multiplier,
        "encryption_spec_key_name": encryption_key,
    }
    if tuning.output_dimensionality is not None:
        of_one_family["output_dimensionality"] = tuning.output_dimensionality
    parameters |= {name: value for name, value in of_one_family.items() if name in family.parameters}
    return Order(
        id=run.id,
        display_name=run.id,
        template=TEMPLATE + model.template,
        parameters=parameters,
        output=f"{data}output",
        labels=resource_labels_of(run, labels or {}),
        encryption_key=encryption_key,
    )


def is_placed_by(order: Order, labels: Mapping[str, str], parameters: Mapping[str, object]) -> bool:
    """Whether a job that has the order's id is the order's own.

    It is recognised by our own labels and by what it reads; the operator's further labels may have changed since.
    """
    ours = (MANAGED[0], RUN_LABEL, DATASET_LABEL)
    return all(labels.get(key) == order.labels.get(key) for key in ours) and all(
        parameters.get(key, "") == order.parameters[key] for key in _READ
    )


def resource_labels_of(run: Run, further: Mapping[str, str]) -> dict[str, str]:
    """The labels that everything of a run carries: the operator's further ones, and ours, by which we know it again."""
    return {**further, MANAGED[0]: MANAGED[1], RUN_LABEL: run.id, DATASET_LABEL: run.dataset}


def problems_of_labels(labels: Mapping[str, str]) -> list[str]:
    """What is wrong with the labels that an operator wrote, in sentences; empty for good ones."""
    ours = {MANAGED[0], RUN_LABEL, DATASET_LABEL}
    wrong = [f"labels.{key} is a label of Dropforge's own: choose another name" for key in labels if key in ours]
    for key, value in labels.items():
        if not (_LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value)):
            wrong.append(
                f"labels.{key} is {value!r}: both have at most 63 of a-z, 0-9, _ and -, a key begins with a letter"
            )
    if len(labels) + len(ours) > _MOST_LABELS:
        wrong.append(f"labels has {len(labels)} labels, at most {_MOST_LABELS - len(ours)} are allowed")
    return wrong


class JobState(StrEnum):
    """A pipeline job's state, each kept apart: cancelled, paused and failed are three different things."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
# What a run becomes when its job is seen in a state. Waiting is not news.
RUN_STATE: Mapping[JobState, State] = {
    JobState.RUNNING: State.RUNNING,
    JobState.PAUSED: State.PAUSED,
    JobState.SUCCEEDED: State.SUCCEEDED,
    JobState.FAILED: State.FAILED,
    JobState.CANCELLED: State.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A job as it stood when it was looked at.

    Attributes:
        state: Its state.
        tuned: What it left; only for a job that succeeded.
        fault: Why it failed; only for a job that failed.
    """

    state: JobState
    tuned: Tuned | None = None
    fault: Fault | None = None


def ended_by(request: Request) -> Fault:
    """The fault of a run that somebody asked to end."""
    return fault_of("CANCELLED", f"asked for by {request.by}")


def fault_of(code: str, message: str, step: str = "", *, of_pipeline: bool = False) -> Fault:
    """Sort a service's error by what it is about, and by who must act.

    Args:
        code: The service's word for it.
        message: In its words.
        step: Where it happened.
        of_pipeline: Whether the pipeline itself failed: only then can a dataset be to blame. Where a
            submission, an endpoint or a deployment is refused, it is for the operator to act.
    """
    kind = _KINDS.get(code, "service")
    if of_pipeline and kind == "service":
        words = (kind for kind, pattern in _WORDS if pattern.search(message[:10_000]))
        kind = next(words, "data" if code in _DATA_CODES else "service")
    return Fault(
        code=code,
        message=printable(shortened(message, 1_000)),
        step=printable(shortened(step, 100)),
        blame="user_error" if kind in _USERS else "system_error",
        kind=kind,
    )
