"""Point a dataset's readers to a space that is served beside theirs: the one before, or any other."""

from dropforge.aliases import Aliases
from dropforge.domain.announcements import alias_moved
from dropforge.domain.errors import Contended, Missing, NotAllowed
from dropforge.domain.facts import Request
from dropforge.domain.runs import Run, State
from dropforge.domain.spaces import Alias, alias_of
from dropforge.progress import Progress


def rollback(dataset: str, to: str, request: Request, *, aliases: Aliases, progress: Progress) -> Alias:
    """Move the alias, and tell everybody. The space that is left is kept for as long as the operator keeps one.

    Args:
        dataset: Whose readers.
        to: The run whose space they should use; empty for the one before.
        request: Whose wish it is.
        aliases: Where readers are pointed to.
        progress: Tells of it.

    Returns:
        The alias as it stands.

    Raises:
        Missing: The dataset has no alias, or there is no such run.
        NotAllowed: There is no space to go back to, or it is not served (any more).
        Contended: It was moved, or retired, by another at the same time.
    """
    current = aliases.of(dataset)
    if current is None:
        raise Missing(f"readers of {dataset} are pointed nowhere: nothing of it is deployed")
    if aliases.is_untold(dataset) and not to and _is_served(progress.ledger.load(current.run)):
        tell(current, aliases=aliases, progress=progress)  # it was cut off, and is asked for again: not to be undone
        return current
    wanted = to or (current.previous.run if current.previous else "")
    if not wanted:
        raise NotAllowed(
            f"{dataset} has no former space that is still served: `dropforge approve RUN` deploys a former model again"
        )
    if wanted == current.run:
        return current
    run = _served(dataset, wanted, progress)
    alias = aliases.move(alias_of(run, request=request))
    if alias.run != run.id:
        raise Contended(f"the alias of {dataset} was moved to {alias.run} by another at the same time: look again")
    if not _is_served(progress.ledger.load(run.id)):
        aliases.move(alias_of(_served(dataset, current.run, progress), request=request))
        raise Contended(f"{run.id} is being retired at this very moment: readers stay with {current.run}")
    tell(alias, aliases=aliases, progress=progress)
    return alias


def tell(alias: Alias, *, aliases: Aliases, progress: Progress) -> bool:
    """Tell of a move by hand; says whether it was one. The sweep does it where a rollback was cut off."""
    run = progress.ledger.load(alias.run)
    moved = alias_moved(alias, run, progress.links) if run else None
    if moved:
        progress.bus.publish(moved)
        aliases.note_told(alias)
    return moved is not None


def _served(dataset: str, run_id: str, progress: Progress) -> Run:
    run = progress.ledger.load(run_id)
    if run is None or run.dataset != dataset:
        raise Missing(f"{dataset} has no run {run_id}: `dropforge runs` lists them")
    if not _is_served(run):
        raise NotAllowed(
            f"run {run.id} is {run.state.replace('_', ' ')}, not served: `dropforge approve {run.id}` deploys it again"
        )
    return run


def _is_served(run: Run | None) -> bool:
    return (
        run is not None and run.state is State.DEPLOYED and run.serving is not None and run.serving.decision != "retire"
    )
