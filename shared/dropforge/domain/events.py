"""The public contract: what Dropforge tells the world, one type each.

An event is a fact in the past tense. Its id is stable across retries, so that a subscriber can deduplicate by it:
`RUN/state`, `RUN/state/2` for a state reached twice, and `RUN/skipped/<drop>` for a drop that changed nothing.
Fields are only ever added within `v1`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from dropforge.domain.findings import Finding
from dropforge.domain.rules import Severity
from dropforge.domain.runs import Checked, Fault, Judgement, Run, State

SOURCE = "//dropforge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event carries.

    Attributes:
        id: The CloudEvents id, stable across retries.
        time: When the fact came about; the same on every publication.
        dataset: The dataset's name.
    """

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]

    id: str
    time: datetime
    dataset: str

    @property
    def subject(self) -> str:
        """What the event is about, as a CloudEvents subject."""
        return f"datasets/{self.dataset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Event):
    """What every event about a run carries.

    Attributes:
        run: The run's id.
        version: The dataset version's digest.
        attempt: From 1.
        state: The state that the run reached.
        started: When the run began.
        links: Addresses for people: `console`, and where they apply `job`, `report`.
    """

    run: str
    version: str
    attempt: int
    state: State
    started: datetime
    links: dict[str, str]

    @property
    def subject(self) -> str:
        """What the event is about, as a CloudEvents subject."""
        return f"runs/{self.run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetValidated(RunEvent):
    """A version passed every check and is pinned for training. `findings` counts what is worth knowing all the same."""

    TYPE = "dropforge.dataset.validated.v1"
    TOPIC = "dataset-validated"
    rows: dict[str, int]
    findings: dict[str, int]
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRejected(RunEvent):
    """A version breaks the rules; nothing was submitted. `errors` holds the first few, `findings` counts them all."""

    TYPE = "dropforge.dataset.rejected.v1"
    TOPIC = "dataset-rejected"
    rows: dict[str, int]
    findings: dict[str, int]
    errors: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSubmitted(RunEvent):
    """The pipeline job exists: from here on it costs money."""

    TYPE = "dropforge.tuning.submitted.v1"
    TOPIC = "tuning-submitted"
    job: str
    base_model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobComplete(RunEvent):
    """The pipeline job ended. Outcome: `succeeded`, `failed`, `cancelled` or `paused`."""

    TYPE = "dropforge.job.complete.v1"
    TOPIC = "job-complete"
    outcome: str
    job: str
    seconds: float
    model: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    error: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDeployed(RunEvent):
    """A tuned model answers predictions. Its vectors are a space of their own: re-embed before switching."""

    TYPE = "dropforge.model.deployed.v1"
    TOPIC = "model-deployed"
    model: str
    endpoint: str
    space_id: str
    previous_space_id: str
    reindex_required: bool
    current: bool
    dimensions: int
    metrics: dict[str, float]
    judgement: Judgement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWithheld(RunEvent):
    """The gate kept a tuned model from being deployed."""

    TYPE = "dropforge.model.withheld.v1"
    TOPIC = "notices"
    model: str
    judgement: Judgement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployFailed(RunEvent):
    """A tuned model could not be deployed; nothing is left that bills."""

    TYPE = "dropforge.deploy.failed.v1"
    TOPIC = "notices"
    model: str
    error: Fault | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRetired(RunEvent):
    """A space's model was taken off its endpoint."""

    TYPE = "dropforge.space.retired.v1"
    TOPIC = "notices"
    space_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSkipped(RunEvent):
    """A drop held the same bytes and configuration as `run`, which stands as `state` says: nothing was started."""

    TYPE = "dropforge.dataset.skipped.v1"
    TOPIC = "notices"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetIncomplete(Event):
    """A folder has waited for its missing files for too long.

    Attributes:
        missing: The files that are not there (or are empty).
        probably_meant: For a missing file, the unknown one that was probably meant to be it.
        unknown: Files that mean nothing to a dataset.
    """

    TYPE = "dropforge.dataset.incomplete.v1"
    TOPIC = "notices"
    missing: tuple[str, ...]
    probably_meant: dict[str, str]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetMisnamed(Event):
    """A folder's name cannot be a dataset's, or it lies too deep. `dataset` is its path, `suggestion` a name that can."""

    TYPE = "dropforge.dataset.misnamed.v1"
    TOPIC = "notices"
    suggestion: str


EVERY_TYPE: tuple[type[Event], ...] = (
    DatasetValidated,
    DatasetRejected,
    TuningSubmitted,
    JobComplete,
    ModelDeployed,
    ModelWithheld,
    DeployFailed,
    SpaceRetired,
    DatasetSkipped,
    DatasetIncomplete,
    DatasetMisnamed,
)


@dataclass(frozen=True, slots=True)
class Links:
    """Where people can look.

    Attributes:
        console: Base address of Dropforge's console; empty where there is none.
        jobs: Base address of pipeline jobs in Google's console; empty where there is none.
        project: The Google Cloud project, for Google's console.
    """

    console: str
    jobs: str
    project: str

    def of(self, run: Run) -> dict[str, str]:
        """The addresses that make sense for a run as it stands."""
        links = {}
        if self.console:
            links["console"] = f"{self.console.rstrip('/')}/runs/{run.id}"
        if run.checked:
            links["report"] = run.checked.report
        if run.job and self.jobs:
            links["job"] = f"{self.jobs}{run.job.rpartition('/')[2]}?project={self.project}"
        return links


def announcement(run: Run, links: Links) -> Event | None:
    """The event that tells of a run's present state; None for a state that is nobody's news.

    The same run gives the same event, to the byte, however often it is published.
    """
    tell = _ANNOUNCED.get(run.state)
    return tell(run, _about(run, links)) if tell else None


def skipped(run: Run, links: Links, *, drop: str, at: datetime) -> DatasetSkipped:
    """A drop that brought nothing new. `drop` tells it from other drops of the same version."""
    return DatasetSkipped(**_about(run, links) | {"id": f"{run.id}/skipped/{drop}", "time": at})


def _about(run: Run, links: Links) -> dict[str, Any]:
    times = sum(step.state is run.state for step in run.history)
    return {
        "id": f"{run.id}/{run.state}" + (f"/{times}" if times > 1 else ""),
        "time": run.updated,
        "dataset": run.dataset,
        "run": run.id,
        "version": run.version,
        "attempt": run.attempt,
        "state": run.state,
        "started": run.started,
        "links": links.of(run),
    }


def _validated(run: Run, about: dict[str, Any]) -> Event:
    checked = run.checked
    assert checked is not None  # noqa: S101 - the transition brings it
    return DatasetValidated(
        **about, rows=checked.rows, findings=checked.counts, warnings=_of(checked, Severity.WARNING)
    )


def _rejected(run: Run, about: dict[str, Any]) -> Event:
    checked = run.checked
    assert checked is not None  # noqa: S101 - the transition brings it
    return DatasetRejected(**about, rows=checked.rows, findings=checked.counts, errors=_of(checked, Severity.ERROR))


def _of(checked: Checked, severity: Severity) -> tuple[Finding, ...]:
    return tuple(finding for finding in checked.findings if finding.severity is severity)


def _submitted(run: Run, about: dict[str, Any]) -> Event:
    return TuningSubmitted(**about, job=run.job, base_model=run.tuning.base_model)


def _completed(run: Run, about: dict[str, Any]) -> Event:
    began = run.reached(State.SUBMITTED) or run.started
    return JobComplete(
        **about,
        outcome=run.state.value,
        job=run.job,
        seconds=round((run.updated - began) / timedelta(seconds=1), 3),
        model=run.tuned.model if run.tuned else "",
        metrics=run.tuned.metrics if run.tuned else {},
        error=run.fault,
    )


def _deployed(run: Run, about: dict[str, Any]) -> Event:
    serving, tuned = run.serving, run.tuned
    assert serving is not None  # noqa: S101 - the transition brings it
    assert tuned is not None  # noqa: S101 - so does an earlier one
    return ModelDeployed(
        **about,
        model=tuned.model,
        endpoint=serving.endpoint,
        space_id=serving.space,
        previous_space_id=serving.previous_space,
        reindex_required=serving.reindex_required,
        current=serving.current,
        dimensions=serving.dimensions,
        metrics=tuned.metrics,
        judgement=run.judgement,
    )


def _withheld(run: Run, about: dict[str, Any]) -> Event:
    return ModelWithheld(**about, model=run.tuned.model if run.tuned else "", judgement=run.judgement)


def _deploy_failed(run: Run, about: dict[str, Any]) -> Event:
    return DeployFailed(**about, model=run.tuned.model if run.tuned else "", error=run.fault)


def _retired(run: Run, about: dict[str, Any]) -> Event:
    return SpaceRetired(**about, space_id=run.serving.space if run.serving else "")


_ANNOUNCED: Mapping[State, Callable[[Run, dict[str, Any]], Event]] = {
    State.VALIDATED: _validated,
    State.REJECTED: _rejected,
    State.SUBMITTED: _submitted,
    State.SUCCEEDED: _completed,
    State.FAILED: _completed,
    State.CANCELLED: _completed,
    State.PAUSED: _completed,
    State.WITHHELD: _withheld,
    State.DEPLOYED: _deployed,
    State.DEPLOY_FAILED: _deploy_failed,
    State.RETIRED: _retired,
}
