"""Take a space that readers have left off its endpoint."""

from dropforge.aliases import Aliases, Left
from dropforge.domain.runs import State
from dropforge.ports import ModelHost
from dropforge.progress import Progress
from dropforge.workers.outcome import Outcome, done, ignored

FUNCTION = "sweep"


def retire(left: Left, *, aliases: Aliases, host: ModelHost, progress: Progress, cause: str) -> Outcome:
    """Retire a space, unless it has readers again.

    First the alias forgets it, so that no rollback leads to it any more; then its model and its endpoint go, which
    takes several calls; then the run says so.

    Args:
        left: The marker that says that readers have left it.
        aliases: Where readers are pointed to.
        host: Who serves it.
        progress: Tells of it.
        cause: Id of the tick, for the run's history.

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
        return ignored("it is about to be opened", run.id)
    if run.state is not State.DEPLOYED:
        aliases.keep(left)
        return ignored(f"the run is {run.state}", run.id)
    progress.catch_up(run)  # its retirement must not be told before its deployment
    if aliases.confirm(run.dataset, run.id):
        aliases.keep(left)
        return ignored("readers use it again", run.id)
    aliases.forget_previous(run.dataset, run.id)
    host.discard(run.serving.endpoint, run.serving.deployed_model)
    progress.reach(run, State.RETIRED, function=FUNCTION, event=cause)
    return done("its readers left long enough ago: retired", run.id)
