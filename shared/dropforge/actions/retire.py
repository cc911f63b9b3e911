"""Take a space off its endpoint: when its readers left it long enough ago, or because a person says so."""

from dataclasses import replace
from typing import Literal

from dropforge.actions.rollback import is_served, lead_back
from dropforge.aliases import Aliases, Left
from dropforge.domain.errors import Contended, NotAllowed
from dropforge.domain.facts import Request
from dropforge.domain.runs import Run, State
from dropforge.domain.text import as_words
from dropforge.outcome import Outcome, done, ignored
from dropforge.ports import ModelHost
from dropforge.progress import Progress


def retire(left: Left, *, aliases: Aliases, host: ModelHost, progress: Progress, function: str, cause: str) -> Outcome:
    """Retire a space, unless it has readers again.

    First the run says that it is about to go, so that nobody points readers to it any more; then the alias forgets it;
    then its model and its endpoint go, which takes several calls; then the run says so. Readers are turned away only
    where a person wants that, and nobody has pointed them to it since.

    Args:
        left: The marker that says that readers have left it, or who wants it to go.
        aliases: Where readers are pointed to.
        host: Who serves it.
        progress: Tells of it.
        function: Who retires it, for the run's history.
        cause: Id of the tick, or request, for the run's history.

    Raises:
        Unavailable: Not done yet: the endpoint is being emptied.
    """
    run = progress.ledger.load(left.run)
    if run is None or run.serving is None:
        aliases.keep(left)
        return ignored("nothing of it was ever served", left.run)
    if run.state is State.RETIRED:
        progress.catch_up(run)
        return done("it is retired, which had not been told", run.id)
    if run.state is State.DEPLOYING:
        return ignored("readers are about to be pointed to it", run.id)
    if run.state is not State.DEPLOYED:
        aliases.keep(left)
        return ignored(f"the run is {run.state}", run.id)
    progress.catch_up(run)  # its retirement must not be told before its deployment
    if not _keeps_readers(run, left, aliases):
        run = _noted(run, "retire", progress)
    if _keeps_readers(run, left, aliases):  # readers came back, before or while the decision was written
        run = _noted(run, "open", progress)
        if is_served(run, host):
            aliases.keep(left)
            return ignored("readers use it again", run.id)
        # Its model has gone already: they cannot stay.
        run = _noted(run, "retire", progress)
        if alias := aliases.of(run.dataset):
            lead_back(alias, aliases=aliases, host=host, progress=progress)
    aliases.forget_previous(run.dataset, run.id)
    assert run.serving is not None  # noqa: S101 - a deployed run is served
    host.discard(run.serving.endpoint, run.serving.deployed_model)
    progress.reach(run, State.RETIRED, function=function, event=cause, retirement=left.request)
    return done(f"{'somebody asked for it' if left.request else 'its readers left'}: retired", run.id)


def leave(run_id: str, request: Request, *, even_current: bool, aliases: Aliases, progress: Progress) -> Left:
    """Mark a space to be retired at once, because a person says so.

    Args:
        run_id: The run whose space it is.
        request: Whose wish it is, and why.
        even_current: Whether to retire it even if readers are pointed to it; they are then pointed nowhere.
        aliases: Where readers are pointed to.
        progress: Knows the runs.

    Returns:
        What to `retire`; a sweep does it where nobody else does.

    Raises:
        Missing: There is no such run.
        NotAllowed: It is not served, or readers use it.
        Contended: It was retired, or its readers came back, at the same time.
    """
    run = progress.ledger.wanted(run_id)
    if run.state is not State.DEPLOYED:
        raise NotAllowed(f"run {run.id} is {as_words(run.state)}: only what is deployed can be retired")
    current = aliases.of(run.dataset)
    if current and current.run == run.id and not even_current:
        raise NotAllowed(
            f"readers of {run.dataset} are pointed to {run.id}: `dropforge rollback {run.dataset}` points them to the "
            "previous space; `--even-current` retires it all the same, and points them nowhere"
        )
    aliases.leave(run.id, request, even_current=even_current)
    left = next((left for left in aliases.left() if left.run == run.id), None)
    if left is None:
        raise Contended(f"{run.id} was retired, or its readers came back, at this very moment: look again")
    return left


def _keeps_readers(run: Run, left: Left, aliases: Aliases) -> bool:
    """Whether a space keeps its readers; those whom a person does not want there any more are turned away.

    A look that deployed it, and was held up, may have pointed them there after that person spoke.
    """
    if left.request and left.even_current:
        aliases.remove(run.dataset, run.id, wanted_until=left.request.at)
    return aliases.confirm(run.dataset, run.id)


def _noted(run: Run, decision: Literal["open", "retire"], progress: Progress) -> Run:
    def decide(now: Run) -> Run:
        if now.state is not State.DEPLOYED or now.serving is None or now.serving.decision == decision:
            return now
        return replace(now, serving=replace(now.serving, decision=decision))

    return progress.ledger.change(run.id, decide)
