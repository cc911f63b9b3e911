"""Point a dataset's readers to a space that is served beside theirs: the one before, or any other."""

from dropforge.aliases import Aliases
from dropforge.domain.announcements import alias_moved
from dropforge.domain.errors import Contended, Missing, NotAllowed
from dropforge.domain.facts import Request
from dropforge.domain.runs import Run, State
from dropforge.domain.spaces import Alias, alias_of
from dropforge.domain.text import as_words
from dropforge.ports import ModelHost
from dropforge.progress import Progress


def rollback(
    dataset: str, to: str, request: Request, *, aliases: Aliases, host: ModelHost, progress: Progress
) -> Alias:
    """Move the alias, and tell everybody. The space that readers leave is kept for as long as the operator says.

    Args:
        dataset: Whose readers.
        to: The run whose space they should use; empty for the one before.
        request: Whose wish it is.
        aliases: Where readers are pointed to.
        host: Knows what is served.
        progress: Tells of it.

    Returns:
        The alias as it stands.

    Raises:
        Missing: The dataset has no alias, or there is no such run.
        NotAllowed: There is no space to go back to, or it is not served (any more).
        Contended: Somebody else retired the space at the same time.
    """
    current = aliases.of(dataset)
    if current is None:
        raise Missing(f"readers of {dataset} are pointed nowhere: nothing of it is deployed")
    is_cut_off = not to and aliases.is_untold(dataset)
    if is_cut_off and confirmed(current, aliases=aliases, host=host, progress=progress):
        return current  # asking again for a move that was cut off must not undo it
    wanted = to or (current.previous.run if current.previous else "")
    if not wanted:
        raise NotAllowed(
            f"{dataset} has no former space that is still served: `dropforge approve RUN` deploys a former model again"
        )
    run = progress.ledger.wanted(wanted)
    if run.dataset != dataset:
        raise Missing(f"{run.id} is no run of {dataset}: `dropforge runs` lists them")
    if not is_served(run, host):
        raise NotAllowed(
            f"run {run.id} is {as_words(run.state)}, and not served: `dropforge approve {run.id}` deploys it again"
        )
    alias = aliases.move(alias_of(run, request=request))
    if not confirmed(alias, aliases=aliases, host=host, progress=progress):
        raise Contended(f"{run.id} is being retired at this very moment: readers stay where they were")
    return alias


def confirmed(alias: Alias, *, aliases: Aliases, host: ModelHost, progress: Progress) -> bool:
    """Tell of a move by hand if the space it leads to is served, else undo it. The sweep does this if it was cut off.

    Returns:
        Whether the move stands.
    """
    run = progress.ledger.load(alias.run)
    if run is None or not is_served(run, host):
        lead_back(alias, aliases=aliases, host=host, progress=progress)
        return False
    if moved := alias_moved(alias, run, progress.links):
        progress.bus.publish(moved)
        aliases.note_told(alias)
    return True


def lead_back(alias: Alias, *, aliases: Aliases, host: ModelHost, progress: Progress) -> None:
    """Point readers back to the space before this one, if it is served; else nowhere: this one is gone."""
    before = progress.ledger.load(alias.previous.run) if alias.previous else None
    if before and is_served(before, host):
        aliases.move(alias_of(before, request=alias.request))
    else:
        aliases.remove(alias.dataset, alias.run)


def is_served(run: Run, host: ModelHost) -> bool:
    """Whether a run's model answers, and is to stay."""
    serving = run.serving
    if run.state is not State.DEPLOYED or serving is None or serving.decision == "retire":
        return False
    try:
        return host.serves(serving.endpoint, serving.deployed_model)
    except Missing:
        return False
