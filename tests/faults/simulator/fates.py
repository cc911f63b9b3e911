"""What becomes of a folder's job and deployment: it follows from the seed and the folder's name, and nothing else."""

from dataclasses import dataclass
from enum import StrEnum

from faults.simulator.chance import Chance
from faults.simulator.nature import Nature
from support.world import GOOD

from dropforge.domain.runs import State

WORSE = {"base_ndcg_at_10": 0.5, "tuned_ndcg_at_10": 0.3}


class Ending(StrEnum):
    """How a tuning job ends. A deceptive model is better by the pipeline's averages, and worse when it is measured."""

    BETTER = "better"
    WORSE = "worse"
    DECEPTIVE = "deceptive"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATES = {
    Ending.WORSE: State.WITHHELD,
    Ending.DECEPTIVE: State.WITHHELD,
    Ending.FAILED: State.FAILED,
    Ending.CANCELLED: State.CANCELLED,
}
_ENDINGS = {state: ending for ending, state in _STATES.items()}


@dataclass(frozen=True, slots=True)
class Fate:
    """What is in store for every run of a folder.

    Attributes:
        ending: How its job ends.
        pending: How long the job waits, in seconds.
        running: How long it runs.
        paused: For how long it is paused, half-way; 0 for not at all.
        creating: How long making the endpoint takes.
        loading: How long loading the model takes.
        loads: Whether the model can be loaded.
    """

    ending: Ending
    pending: float
    running: float
    paused: float
    creating: float
    loading: float
    loads: bool

    @property
    def metrics(self) -> dict[str, float]:
        """What the pipeline measures."""
        return WORSE if self.ending is Ending.WORSE else GOOD

    @property
    def state(self) -> State:
        """Where its runs end."""
        if self.ending is Ending.BETTER:
            return State.DEPLOYED if self.loads else State.DEPLOY_FAILED
        return _STATES[self.ending]

    @property
    def seconds(self) -> float:
        """How long the services take for a run, in all."""
        return self.pending + self.running + self.paused + self.creating + self.loading


def fate_of(folder: str, chance: Chance, nature: Nature) -> Fate:
    """A folder's fate."""
    drawn = chance.stream("fate", folder)
    endings = {Ending.BETTER: 70, Ending.WORSE: 12, Ending.FAILED: 10, Ending.CANCELLED: 8}
    ending = drawn.choices(list(endings), list(endings.values()))[0]
    is_paused, fails = drawn.random() < 0.1, drawn.random() < 0.1
    spans = nature.pending, nature.running, nature.paused, nature.creating, nature.loading
    pending, running, paused, creating, loading = (drawn.uniform(*span) for span in spans)
    return Fate(
        ending=_ENDINGS.get(nature.ends, Ending.BETTER) if nature.ends else ending,
        pending=pending,
        running=running,
        paused=paused if is_paused and not nature.ends else 0,
        creating=creating,
        loading=loading,
        loads=nature.ends is not State.DEPLOY_FAILED if nature.ends else not fails,
    )
