"""The events that tell of runs: the same run gives the same event, to the byte, however often it is published."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from dropforge.domain.catalogue import SOON, BaseModel
from dropforge.domain.event import Event
from dropforge.domain.events import (
    AliasMoved,
    AliasUnserved,
    BaseModelRetiring,
    DatasetRejected,
    DatasetSkipped,
    DatasetValidated,
    DeployFailed,
    EndpointUnowned,
    JobComplete,
    ModelDeployed,
    ModelWithheld,
    RunStuck,
    RunWaiting,
    SpaceRetired,
    TuningSubmitted,
)
from dropforge.domain.facts import Checked
from dropforge.domain.findings import Finding
from dropforge.domain.rules import Severity
from dropforge.domain.runs import STUCK_AFTER, Run, State, as_of
from dropforge.domain.spaces import Alias


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
    """The event that tells of a run's present state; None for a state that is not announced.

    The same run gives the same event, to the byte, however often it is published.
    """
    tell = _ANNOUNCED.get(run.state)
    return tell(run, _about(run, links)) if tell else None


def announced(run: Run, links: Links, *, told: int = 0) -> Iterator[Event]:
    """The events that tell of a run's history, in its order, from step number `told` on."""
    for step in run.history[told:]:
        if event := announcement(as_of(run, step), links):
            yield event


def skipped(run: Run, links: Links, *, drop: str, at: datetime) -> DatasetSkipped:
    """A drop that brought nothing new. `drop` tells it from other drops of the version.

    It describes the run as it was once validated or rejected, so that it says the same whenever it is published.
    """
    checked = next(step for step in run.history if step.state in {State.VALIDATED, State.REJECTED})
    return DatasetSkipped(**_about(as_of(run, checked), links) | {"id": f"{run.id}/skipped/{drop}", "time": at})


def stuck(run: Run, links: Links) -> RunStuck:
    """A run that does not get on. Each stay in a state is told of once."""
    about = _about(run, links)
    at = run.updated + STUCK_AFTER[run.state]
    state = about["id"].removeprefix(f"{run.id}/")
    return RunStuck(**about | {"id": f"{run.id}/stuck/{state}", "time": at}, since=run.updated)


def waiting(run: Run, links: Links) -> RunWaiting | None:
    """A run that is not submitted yet, and why; None where nothing holds it up. Each reason is told of once."""
    if run.waiting is None:
        return None
    about = _about(run, links) | {
        "id": f"{run.id}/waiting/{run.waiting.since:%Y%m%dT%H%M%S.%f}",
        "time": run.waiting.since,
    }
    return RunWaiting(**about, since=run.waiting.since, reason=run.waiting.reason, sentence=run.waiting.sentence)


def alias_moved(alias: Alias, run: Run, links: Links) -> AliasMoved | None:
    """Readers were pointed to a run's space by hand; None where a deployment did it, which has an event of its own."""
    asked = alias.request
    if asked is None:
        return None
    about = _about(run, links) | {"id": f"{run.id}/alias/{asked.at:%Y%m%dT%H%M%S.%f}", "time": asked.at}
    return AliasMoved(
        **about,
        space_id=alias.space,
        previous_space_id=alias.previous_space,
        endpoint=alias.endpoint,
        dimensions=alias.dimensions,
        reindex_required=True,
        by=asked.by,
        reason=asked.reason,
    )


def unowned(endpoint: str, run: Run | None, *, dataset: str, at: datetime) -> EndpointUnowned:
    """An endpoint for which no run accounts; `run` is the one that its labels name."""
    return EndpointUnowned(
        id=f"unowned/{endpoint.rpartition('/')[2]}/{at:%Y%m%dT%H%M%S}",
        time=at,
        dataset=dataset,
        endpoint=endpoint,
        run=run.id if run else "",
        state=run.state.value if run else "",
    )


def unserved(run: Run) -> AliasUnserved:
    """Readers are pointed to a deployed run's model, and it is not served."""
    assert run.serving is not None  # noqa: S101 - a deployed run is served
    return AliasUnserved(
        id=f"{run.id}/unserved/{len(run.history)}",
        time=run.updated,
        dataset=run.dataset,
        run=run.id,
        endpoint=run.serving.endpoint,
    )


def retiring(dataset: str, run_id: str, base: BaseModel) -> BaseModelRetiring:
    """The end of the base model that a dataset's readers depend on is near."""
    return BaseModelRetiring(
        id=f"{dataset}/retiring/{base.id}/{base.retires}",
        time=datetime.combine(base.retires - SOON, time(), UTC),
        dataset=dataset,
        base_model=base.id,
        retires=base.retires,
        successor=base.successor,
        run=run_id,
    )


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
        **about,
        rows=checked.rows,
        findings=checked.counts,
        warnings=_of(checked, Severity.WARNING),
        estimate=run.estimate,
        reason=run.reason,
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
        reindex_required=True,
        current=serving.current,
        dimensions=serving.dimensions,
        metrics=tuned.metrics,
        judgement=run.judgement,
        embeddings=serving.embeddings,
    )


def _withheld(run: Run, about: dict[str, Any]) -> Event:
    return ModelWithheld(**about, model=run.tuned.model if run.tuned else "", judgement=run.judgement, error=run.fault)


def _deploy_failed(run: Run, about: dict[str, Any]) -> Event:
    return DeployFailed(**about, model=run.tuned.model if run.tuned else "", error=run.fault)


def _retired(run: Run, about: dict[str, Any]) -> Event:
    asked = run.retirement
    return SpaceRetired(
        **about,
        space_id=run.serving.space if run.serving else "",
        by=asked.by if asked else "",
        reason=asked.reason if asked else "",
    )


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
