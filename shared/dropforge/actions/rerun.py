"""Tune a version once more, with the bytes that were validated."""

from dropforge.attempts import Attempts
from dropforge.domain.errors import NotAllowed
from dropforge.domain.facts import Request
from dropforge.domain.runs import Run, State
from dropforge.progress import Progress

FUNCTION = "rerun"


def rerun(run_id: str, request: Request, *, attempts: Attempts, progress: Progress) -> Run:
    """Begin another attempt at a run's version.

    Args:
        run_id: Any attempt at it.
        request: Whose wish it is, and why.
        attempts: Begins it.
        progress: Knows the runs.

    Returns:
        The new run.

    Raises:
        Missing: There is no such run.
        NotAllowed: It was rejected, or its last attempt is still under way.
    """
    run = progress.ledger.wanted(run_id)
    last = attempts.latest(run)
    if last.state is State.REJECTED:
        raise NotAllowed(f"run {last.id} was rejected: mend its files and drop them again")
    if not last.is_settled:
        raise NotAllowed(f"run {last.id} is {last.state}: wait for it, or cancel it first")
    reason = request.reason or f"asked for by {request.by}"
    return attempts.begin(last, reason=reason, function=FUNCTION, cause=f"rerun/{request.by}", ordered=request)
