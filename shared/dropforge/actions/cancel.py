"""Ask for the end of a run: wherever it stands, it is to cost nothing more."""

from contextlib import suppress
from dataclasses import replace

from dropforge.budget import Budget
from dropforge.domain.errors import Missing, NotAllowed
from dropforge.domain.facts import Request
from dropforge.domain.jobs import ended_by
from dropforge.domain.runs import Run, State
from dropforge.domain.text import as_words
from dropforge.ports import Tuner
from dropforge.progress import Progress

FUNCTION = "cancel"


def cancel(run_id: str, request: Request, *, tuner: Tuner, budget: Budget, progress: Progress) -> Run:
    """Write down that a run is to end, and ask its job to stop.

    A run that was not submitted is cancelled at once. A job bills until it has stopped: the watcher asks it again until
    it has, and the run is cancelled then. A model on its way to readers is withheld, and nothing is left that bills.

    Args:
        run_id: Which run.
        request: Whose wish it is.
        tuner: Who runs its job.
        budget: Where it may have reserved room.
        progress: Tells of it.

    Returns:
        The run as it stands.

    Raises:
        Missing: There is no such run.
        NotAllowed: It has ended otherwise, or its model is served: that can be retired.
    """

    def decide(now: Run) -> Run:
        if now.state is State.DEPLOYED:
            raise NotAllowed(f"run {now.id} is deployed: `dropforge retire {now.id}` takes it off its endpoint")
        if now.serving and now.serving.decision == "open":
            raise NotAllowed(f"readers of {now.dataset} are being pointed to run {now.id}: `dropforge retire {now.id}`")
        if now.state is State.CANCELLED:
            return now
        if now.is_settled:
            raise NotAllowed(f"run {now.id} is {as_words(now.state)}: there is nothing to cancel")
        return now if now.stop else replace(now, stop=request)

    run = progress.ledger.change(run_id, decide)
    progress.ledger.note_stopping(run)
    if run.state is State.VALIDATED:
        progress.catch_up(run)  # whoever validated it may have been cut off before telling of it
        cause = f"cancel/{request.by}"
        run = progress.reach(run, State.CANCELLED, function=FUNCTION, event=cause, fault=ended_by(request))
    if run.state is State.CANCELLED:
        if not run.job:  # nothing was submitted, so it cost nothing
            budget.release(run.id)
    elif run.job and run.tuned is None:
        with suppress(Missing):  # the watcher tells what became of it
            tuner.cancel(run.job)
    return run
