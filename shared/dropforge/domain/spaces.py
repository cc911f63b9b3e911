"""Vector spaces and the alias that points readers to one. Vectors of two spaces are not comparable."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from dropforge.domain.facts import Request
from dropforge.domain.runs import Run, State

LONG_AGO, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_SKEW = timedelta(minutes=10)  # by which our clock may be ahead of the service's


def deployed_model_id_of(run_id: str, *, reopened: int = 0) -> str:
    """The deployed model's id: ten digits that follow from the run, so that a second deployment is refused.

    A run that was taken up again has another one: whoever undeploys the former too late finds nothing of this name.
    """
    named = run_id if not reopened else f"{run_id} {reopened}"
    return str(int(hashlib.sha256(named.encode()).hexdigest(), 16) % 10**10).zfill(10)


def endpoint_since(run: Run) -> datetime:
    """The earliest moment at which a run can have made its endpoint: its job had succeeded.

    An older one of its name was made by a run whose record is lost, and may have readers whom nobody knows any more.
    """
    succeeded = run.reached(State.SUCCEEDED)
    return succeeded - _SKEW if succeeded else NEVER


def space_id_of(run_id: str, *, dimensions: int, task_type: str) -> str:
    """The space's id: model, version, dimensions and task type decide which vectors can be compared."""
    return f"{run_id}/{dimensions}/{task_type}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A dataset's pointer to the space that readers should use now.

    Attributes:
        dataset: Whose alias.
        space: The space.
        run: The run that made it.
        endpoint: Where it answers.
        dimensions: Length of its vectors.
        wanted_at: When people last asked for it, by a drop, an approval or a rollback: what was asked for earlier, but
            is done later, does not move the alias back.
        base_model: What was tuned for it.
        task_type: What its vectors are for.
        previous: The alias before, kept for rollback; None for the first, and once it is retired.
        previous_space: The space that readers used before; it stays when that is retired.
        request: Who pointed it here by hand; None where a deployment did.
    """

    dataset: str
    space: str
    run: str
    endpoint: str
    dimensions: int
    wanted_at: datetime = LONG_AGO
    base_model: str = ""
    task_type: str = "DEFAULT"
    previous: "Alias | None" = None
    previous_space: str = ""
    request: Request | None = None


def alias_of(run: Run, *, request: Request | None = None) -> Alias:
    """The alias that points a dataset's readers to a run's space, which has answered."""
    serving = run.serving
    assert serving is not None  # noqa: S101 - only a served model has answered
    return Alias(
        dataset=run.dataset,
        space=serving.space,
        run=run.id,
        endpoint=serving.endpoint,
        dimensions=serving.dimensions,
        wanted_at=request.at if request else run.wanted_at,
        base_model=run.tuning.base_model,
        task_type=run.tuning.task_type,
        request=request,
    )


def moved(alias: Alias | None, to: Alias) -> Alias:
    """Point the alias to a newly deployed space, unless a newer drop's is there already. Idempotent."""
    if alias is None:
        return to
    if to.request:  # people's clocks differ: what is asked for by hand counts as asked for now
        to = replace(to, wanted_at=max(to.wanted_at, alias.wanted_at))
    if alias.run == to.run or alias.wanted_at > to.wanted_at:
        return alias
    return replace(to, previous=replace(alias, previous=None), previous_space=alias.space)


def confirmed(alias: Alias | None, run_id: str) -> Alias | None:
    """A copy of the alias, so that it is written anew, where it points to a run's space; else the very object."""
    return replace(alias) if alias and alias.run == run_id else alias


def without_previous(alias: Alias | None, run_id: str) -> Alias | None:
    """The alias without the way back to a run's space; the same object where there is none. Idempotent."""
    if alias and alias.previous and alias.previous.run == run_id:
        return replace(alias, previous=None)
    return alias
