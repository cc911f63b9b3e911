"""A run: one attempt at tuning one version of a dataset, and the only transitions it may make.

    validating -> rejected | validated -> submitted -> running -> succeeded | failed | cancelled | paused
    succeeded -> withheld | deploying -> deployed | withheld | deploy_failed
    deployed -> retired
    withheld | deploy_failed | retired -> deploying, when a person approves

This table is the one place that says so; everything else asks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from dropforge.domain.errors import NotAllowed
from dropforge.domain.facts import Checked, Fault, Judgement, Request, Serving, Tuned, Waiting
from dropforge.domain.files import Pin
from dropforge.domain.plan import Estimate
from dropforge.domain.tuning import Tuning


class State(StrEnum):
    """Where a run stands."""

    VALIDATING = "validating"
    REJECTED = "rejected"
    VALIDATED = "validated"
    SUBMITTED = "submitted"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    DEPLOY_FAILED = "deploy_failed"
    RETIRED = "retired"


_ENDINGS = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
NEXT: Mapping[State, frozenset[State]] = {
    State.VALIDATING: frozenset({State.REJECTED, State.VALIDATED}),
    State.REJECTED: frozenset(),
    State.VALIDATED: frozenset({State.SUBMITTED, State.FAILED, State.CANCELLED}),
    # A short job can end between two looks; the state that was not seen is not made up.
    State.SUBMITTED: _ENDINGS | {State.RUNNING, State.PAUSED},
    State.RUNNING: _ENDINGS | {State.PAUSED},
    State.PAUSED: _ENDINGS | {State.RUNNING},
    State.SUCCEEDED: frozenset({State.WITHHELD, State.DEPLOYING, State.DEPLOY_FAILED}),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.WITHHELD: frozenset({State.DEPLOYING}),
    State.DEPLOYING: frozenset({State.DEPLOYED, State.WITHHELD, State.DEPLOY_FAILED}),
    State.DEPLOYED: frozenset({State.RETIRED}),
    State.DEPLOY_FAILED: frozenset({State.DEPLOYING}),
    State.RETIRED: frozenset({State.DEPLOYING}),
}
# Nothing is owed for a run in these states: its marker among the active runs goes.
SETTLED = frozenset(
    {
        State.REJECTED,
        State.FAILED,
        State.CANCELLED,
        State.WITHHELD,
        State.DEPLOYED,
        State.DEPLOY_FAILED,
        State.RETIRED,
    }
)

# What people hoped for: a model that is served, or was.
WELL = frozenset({State.DEPLOYED, State.RETIRED})

# What nobody wanted. How a state looks to people, wherever it is shown, follows from it.
BAD = frozenset({State.REJECTED, State.FAILED, State.WITHHELD, State.DEPLOY_FAILED})

# In these states a run has a job that has not ended, as far as anybody has seen.
WITH_JOB = frozenset({State.SUBMITTED, State.RUNNING, State.PAUSED})

# In these states a run accounts for an endpoint, which is made before the run says so.
SERVED = frozenset({State.SUCCEEDED, State.DEPLOYING, State.DEPLOYED})
_JUDGED = frozenset({State.WITHHELD, State.DEPLOYING, State.DEPLOY_FAILED})
_AT_FAULT = frozenset({State.FAILED, State.CANCELLED, State.WITHHELD, State.DEPLOY_FAILED})
# How long a run may stand in a state before people are told of it. A tuning of Vertex's largest dataset takes hours.
STUCK_AFTER: Mapping[State, timedelta] = {
    State.VALIDATED: timedelta(hours=6),  # waiting for a quota included
    State.SUCCEEDED: timedelta(hours=2),
    State.SUBMITTED: timedelta(hours=12),
    State.RUNNING: timedelta(hours=24),
    State.PAUSED: timedelta(hours=24),
    State.DEPLOYING: timedelta(hours=6),  # embedding a whole corpus included
}


def look(state: State) -> Literal["good", "bad", "plain", "busy"]:
    """How a state is shown: its colour, and its mark."""
    if state is State.DEPLOYED:
        return "good"
    return "bad" if state in BAD else "plain" if state in SETTLED else "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a run's history: the state reached, when, by which function, because of which event."""

    state: State
    at: datetime
    function: str
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The whole record of a run; every write of it replaces the last.

    Attributes:
        schema: Version of this record's layout.
        id: `NAME-<12 hex of version>[-aN]`.
        dataset: The dataset's name.
        version: The version's digest, 64 hex.
        attempt: From 1; later ones begin with the same input, and `reason` says why.
        reason: Why there is another attempt; empty for the first.
        dropped_at: When it was taken in, by the clock of the store that its files landed in: tells which drop is newer.
        pins: The exact bytes of its files.
        tuning: The configuration as resolved.
        state: Where it stands; always the last of `history`.
        history: Every state it reached, oldest first.
        reopened: How many steps of its history had been told when a person last took it up again; 0 where nobody did.
        checked: What validation found.
        estimate: What its tuning is expected to take; None before it is validated.
        waiting: Why it is not submitted yet; None where nothing holds it up.
        not_before: Submit it no sooner; None for at once.
        ordered: Who asked for this attempt; None where nobody did.
        stop: Who asked for its end; None where nobody did.
        approval: Who wanted its model deployed whatever the gate says; None where nobody did.
        retirement: Who asked that its model be taken off its endpoint; None where nobody did.
        job: The pipeline job's resource name; empty before submission.
        tuned: What the job left; None before it succeeded.
        judgement: The gate's judgement; None before the gate was asked.
        serving: Where it is served; None before deployment began.
        fault: Why it ended badly, or is about to: a deployment that was given up is cleared away first.
        token: Names the write that stored this record: tells our own, whose answer was lost, from somebody else's.
    """

    schema: int = 1
    id: str
    dataset: str
    version: str
    attempt: int = 1
    reason: str = ""
    dropped_at: datetime
    pins: tuple[Pin, ...]
    tuning: Tuning
    state: State
    history: tuple[Step, ...]
    reopened: int = 0
    checked: Checked | None = None
    estimate: Estimate | None = None
    waiting: Waiting | None = None
    not_before: datetime | None = None
    ordered: Request | None = None
    stop: Request | None = None
    approval: Request | None = None
    retirement: Request | None = None
    job: str = ""
    tuned: Tuned | None = None
    judgement: Judgement | None = None
    serving: Serving | None = None
    fault: Fault | None = None
    token: str = field(default="", compare=False)

    @property
    def started(self) -> datetime:
        """When the run began."""
        return self.history[0].at

    @property
    def updated(self) -> datetime:
        """When it reached its present state."""
        return self.history[-1].at

    @property
    def wanted_at(self) -> datetime:
        """When people last asked for its model: by the drop, by a rerun, by an approval. The latest wish wins."""
        return max([self.dropped_at, *(wish.at for wish in (self.ordered, self.approval) if wish)])

    @property
    def is_settled(self) -> bool:
        """Whether nothing is owed for it any more."""
        return self.state in SETTLED

    def reached(self, state: State) -> datetime | None:
        """When it first reached a state."""
        return next((step.at for step in self.history if step.state is state), None)


def as_of(run: Run, step: Step) -> Run:
    """The run as it stood after a step of its history: what is told of the step does not depend on what came later."""
    until = run.history[: run.history.index(step) + 1]
    reached = {earlier.state for earlier in until}
    return replace(
        run,
        state=step.state,
        history=until,
        job=run.job if State.SUBMITTED in reached else "",
        tuned=run.tuned if State.SUCCEEDED in reached else None,
        judgement=run.judgement if reached & _JUDGED else None,
        serving=run.serving if State.DEPLOYING in reached else None,
        fault=run.fault if step.state in _AT_FAULT else None,
    )


def advance(run: Run, to: State, *, at: datetime, function: str, event: str, **facts: object) -> Run:
    """Make a transition.

    Args:
        run: As it stands.
        to: The state to reach.
        at: Now. If that is before the last step, the last step's time is taken: history never goes backwards.
        function: Who makes it.
        event: Id of the event that caused it.
        facts: Fields of the run that become known with it.

    Raises:
        NotAllowed: The table has no such transition.
    """
    if to not in NEXT[run.state]:
        raise NotAllowed(f"run {run.id} is {run.state}: it cannot become {to}")
    step = Step(state=to, at=max(at, run.updated), function=function, event=event)
    return replace(run, state=to, history=(*run.history, step), **facts)  # type: ignore[arg-type]
