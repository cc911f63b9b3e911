"""The tuning job: what is ordered from Vertex's pipeline, and what a look at it tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dropforge.domain.catalogue import BASE_MODELS, TEMPLATE
from dropforge.domain.datasets import CORPUS, QUERIES, TEST_LABELS, TRAINING_LABELS, VALIDATION_LABELS
from dropforge.domain.runs import Fault, Run, State, Tuned
from dropforge.domain.text import printable, shortened

MANAGED = ("managed-by", "dropforge")
RUN_LABEL, DATASET_LABEL = "dropforge-run", "dropforge-dataset"
_USER_CODES = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE"})


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
    run: Run, *, data: str, project: str, location: str, machines: Machines, encryption_key: str = ""
) -> Order:
    """Write the order for a validated run.

    Args:
        run: Its configuration decides the parameters.
        data: `gs://` prefix of the run's own data, ending in a slash: its input lies under `input/`. Paths are the
            cache key of Vertex's steps, so every run reads from paths of its own.
        project: The project that pays.
        location: Where the job runs.
        machines: On what.
        encryption_key: The CMEK key's resource name; empty for Google's own.
    """
    tuning = run.tuning
    model = BASE_MODELS[tuning.base_model]
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
        model.family.steps_parameter: tuning.train_steps,
        "model_display_name": run.id,
        "machine_type": machines.machine_type,
        "accelerator_type": machines.accelerator_type,
        "accelerator_count": machines.accelerator_count,
    }
    if model.family.takes_project:
        parameters |= {"project": project, "location": location}
    if model.family.takes_dimensions:
        parameters["learning_rate_multiplier"] = tuning.learning_rate_multiplier
        parameters["encryption_spec_key_name"] = encryption_key
        if tuning.output_dimensionality is not None:
            parameters["output_dimensionality"] = tuning.output_dimensionality
    return Order(
        id=run.id,
        display_name=run.id,
        template=TEMPLATE + model.template,
        parameters=parameters,
        output=f"{data}output",
        labels=labels_of(run),
        encryption_key=encryption_key,
    )


def labels_of(run: Run) -> dict[str, str]:
    """The labels that everything of a run carries: at most 63 characters of [a-z0-9_-] each."""
    return {MANAGED[0]: MANAGED[1], RUN_LABEL: run.id, DATASET_LABEL: run.dataset}


class JobState(StrEnum):
    """A pipeline job's state, every one on its own: cancelled, paused and failed are three different things."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


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


def fault_of(code: str, message: str, step: str = "", *, of_pipeline: bool = False) -> Fault:
    """Sort a service's error by who must act.

    Args:
        code: The service's word for it.
        message: In its words.
        step: Where it happened.
        of_pipeline: Whether the pipeline itself failed: only there a dataset can be to blame. What submission,
            endpoints and deployments are refused for is the operator's to change.
    """
    blame = "user_error" if of_pipeline and code in _USER_CODES else "system_error"
    return Fault(
        code=code, message=printable(shortened(message, 1_000)), step=printable(shortened(step, 100)), blame=blame
    )
