"""Deploy a tuned model because a person says so."""

from dropforge.domain.errors import NotAllowed
from dropforge.domain.facts import Request, Serving
from dropforge.domain.runs import NEXT, Run, State
from dropforge.domain.spaces import deployed_model_id_of
from dropforge.domain.text import as_words
from dropforge.ports import ModelHost
from dropforge.progress import Progress

FUNCTION = "approve"


def approve(run_id: str, request: Request, *, host: ModelHost, progress: Progress) -> Run:
    """Begin to deploy a model that was withheld, could not be deployed, or was retired. The gate is not asked.

    Its readers are pointed to it unless they asked for another model since; the watcher sees to the rest.

    Args:
        run_id: Which run.
        request: Whose wish it is.
        host: Who serves it.
        progress: Tells of it.

    Returns:
        The run, deploying.

    Raises:
        Missing: There is no such run.
        NotAllowed: It has no model, or is in a state in which it cannot be approved.
    """
    run = progress.ledger.wanted(run_id)
    if run.state is State.DEPLOYING and run.approval:
        progress.catch_up(run)  # whoever approved it may have been cut off before its marker was written
        return run
    if not (run.is_settled and State.DEPLOYING in NEXT[run.state]):
        raise NotAllowed(f"run {run.id} is {as_words(run.state)}: only a model that is not served can be approved")
    if run.tuned is None:
        raise NotAllowed(f"run {run.id} has no model: `dropforge rerun {run.id}` tunes its version again")
    return progress.reopen(
        run,
        State.DEPLOYING,
        function=FUNCTION,
        event=f"approve/{request.by}",
        approval=request,
        stop=None,
        retirement=None,
        fault=None,
        serving=Serving(
            endpoint=host.endpoint(run.id), deployed_model=deployed_model_id_of(run.id, reopened=len(run.history))
        ),
    )
