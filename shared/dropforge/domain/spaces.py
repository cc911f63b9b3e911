"""Vector spaces and the alias that points readers to one. Vectors of two spaces are not comparable."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime


def deployed_model_id_of(run_id: str) -> str:
    """The deployed model's id: ten digits that follow from the run, so that a second deployment is refused."""
    return str(int(hashlib.sha256(run_id.encode()).hexdigest(), 16) % 10**10).zfill(10)


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
        dropped_at: When its dataset was taken in: an older drop that is done later does not move the alias back.
        base_model: What was tuned for it.
        previous: The alias before, kept for rollback; None for the first, and once it is retired.
    """

    dataset: str
    space: str
    run: str
    endpoint: str
    dimensions: int
    dropped_at: datetime
    base_model: str = ""
    previous: "Alias | None" = None


def moved(alias: Alias | None, to: Alias) -> Alias:
    """Point the alias to a newly deployed space, unless a newer drop's is there already. Idempotent."""
    if alias is None:
        return to
    if alias.run == to.run or alias.dropped_at > to.dropped_at:
        return alias
    return replace(to, previous=replace(alias, previous=None))


def confirmed(alias: Alias | None, run_id: str) -> Alias | None:
    """The same alias as another object, to be written anew, where it points to a run's space; else the very object."""
    return replace(alias) if alias and alias.run == run_id else alias


def without_previous(alias: Alias | None, run_id: str) -> Alias | None:
    """The alias without the way back to a run's space; the same object where there is none. Idempotent."""
    if alias and alias.previous and alias.previous.run == run_id:
        return replace(alias, previous=None)
    return alias
