"""What becomes of a folder's jobs and deployments: it follows from the seed and the folder's name, and nothing else."""

import re
from dataclasses import dataclass

from faults.simulator.chance import Chance
from faults.simulator.nature import Ending, Nature
from support.world import GOOD

from dropforge.domain.runs import State
from dropforge.settings import Operator

WORSE = {"base_ndcg_at_10": 0.5, "tuned_ndcg_at_10": 0.3}
STOPPING = 45  # seconds, at most, for which a job bills after it was asked to stop
_ATTEMPT = re.compile(r"-a(\d{1,2})$")
_STATES = {
    Ending.WORSE: State.WITHHELD,
    Ending.DECEPTIVE: State.WITHHELD,
    Ending.SHORT: State.FAILED,
    Ending.FAILED: State.FAILED,
    Ending.CANCELLED: State.CANCELLED,
}
LOADED = frozenset({Ending.BETTER, Ending.DECEPTIVE})  # whose models are loaded, to be measured at least
FIRST_PAUSE = 60  # seconds, before a deployment that found no machine is begun again; each further is twice as long


def attempt_of(run_id: str) -> int:
    """Which attempt at its version a run is, as its id says."""
    found = _ATTEMPT.search(run_id)
    return int(found[1]) if found else 1


@dataclass(frozen=True, slots=True)
class Fate:
    """What is in store for every run of a folder.

    Attributes:
        ending: How the first of its jobs ends that meets no quota; later ones are better than the base.
        shortages: How many attempts meet a quota inside the pipeline before.
        pending: How long a job waits, in seconds.
        running: How long it runs.
        paused: For how long it is paused, half-way; 0 for not at all.
        preparing: For how long a new job cannot be asked to stop.
        stopping: How long a job takes to stop.
        creating: How long making the endpoint takes.
        loading: How long loading the model takes.
        stumbles: How many deployments of a run find no machine.
        refusals: How many are refused for good after these, until one that somebody approves is not.
    """

    ending: Ending
    shortages: int
    pending: float
    running: float
    paused: float
    preparing: float
    stopping: float
    creating: float
    loading: float
    stumbles: int
    refusals: int

    def ending_of(self, attempt: int) -> Ending:
        """How the job of an attempt ends, if nobody stops it."""
        if attempt <= self.shortages:
            return Ending.SHORT
        return self.ending if attempt == self.shortages + 1 else Ending.BETTER

    def state_of(self, attempt: int) -> State:
        """Where an attempt ends, if nobody asks for anything by hand."""
        ending = self.ending_of(attempt)
        if ending in LOADED and self.refusals:
            return State.DEPLOY_FAILED
        return State.DEPLOYED if ending is Ending.BETTER else _STATES[ending]

    def metrics_of(self, attempt: int) -> dict[str, float]:
        """What the pipeline measures."""
        return WORSE if self.ending_of(attempt) is Ending.WORSE else GOOD

    @property
    def job_seconds(self) -> float:
        """How long the service takes for one job."""
        return self.pending + self.running + self.paused

    @property
    def deployment_seconds(self) -> float:
        """How long it takes until a model is loaded, or refused, pauses included."""
        pauses = sum(FIRST_PAUSE * 2**number for number in range(self.stumbles))
        return self.creating + (self.stumbles + 1) * self.loading + pauses

    def seconds_of(self, attempt: int, *, is_approved: bool) -> float:
        """How long the services take until an attempt has ended, with the attempts that met a quota before it."""
        before = min(attempt - 1, self.shortages)
        pauses = sum(Operator.pause_after(number + 1).total_seconds() for number in range(before))
        jobs = (before + 1) * self.job_seconds
        is_loaded = is_approved or self.ending_of(attempt) in LOADED
        return jobs + pauses + (self.deployment_seconds if is_loaded else 0)


def fate_of(folder: str, chance: Chance, nature: Nature) -> Fate:
    """A folder's fate."""
    drawn = chance.stream("fate", folder)
    endings = {Ending.BETTER: 65, Ending.WORSE: 12, Ending.DECEPTIVE: 6, Ending.FAILED: 10, Ending.CANCELLED: 7}
    ending = drawn.choices(list(endings), list(endings.values()))[0]
    is_paused, is_short = drawn.random() < 0.1, drawn.random() < 0.05
    stumbles = drawn.choices((0, 1, 2), (85, 10, 5))[0]
    refusals = drawn.choices((0, 1, 9), (90, 6, 4))[0]
    spans = nature.pending, nature.running, nature.paused, nature.creating, nature.loading, (0, 3), (1, STOPPING)
    pending, running, paused, creating, loading, preparing, stopping = (drawn.uniform(*span) for span in spans)
    is_told = nature.ends is not None
    return Fate(
        ending=nature.ends or ending,
        shortages=nature.shortages if is_told else int(is_short),
        pending=pending,
        running=running,
        paused=paused if is_paused and not is_told else 0,
        preparing=preparing,
        stopping=stopping,
        creating=creating,
        loading=loading,
        stumbles=nature.stumbles if is_told else stumbles,
        refusals=nature.refusals if is_told else refusals,
    )
