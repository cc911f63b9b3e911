"""What is no fault: how messages travel, how long services take, what people do, and what becomes of their datasets."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum

from faults.simulator.limits import Limits

from dropforge.domain.caps import Caps
from dropforge.domain.runs import State

Span = tuple[float, float]  # from least to most, in seconds


class Ending(StrEnum):
    """How a tuning job ends. A deceptive model is better by the pipeline's averages, and worse when it is measured."""

    BETTER = "better"
    WORSE = "worse"
    DECEPTIVE = "deceptive"
    SHORT = "short"  # of a quota, which it met inside the pipeline
    FAILED = "failed"
    CANCELLED = "cancelled"  # by somebody, in the service


class Kind(StrEnum):
    """What people ask for by hand."""

    CANCEL = "cancel"
    RERUN = "rerun"
    APPROVE = "approve"
    ROLLBACK = "rollback"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Asked:
    """What people will ask for, and when.

    Attributes:
        kind: What.
        once: When a run of the folder has come to this state.
        after: So many seconds later, at the least and at the most.
        nth: Which of the folder's runs that come to this state, from 1.
        former: It is about the space before that run's; else about that run.
        even_current: A space is to be retired even if readers use it.
    """

    kind: Kind
    once: State
    after: Span
    nth: int = 1
    former: bool = False
    even_current: bool = False


@dataclass(frozen=True)
class Nature:
    """How things are.

    Attributes:
        duplicates: Share of messages that are delivered a second time.
        repeats: How much later the second comes.
        drops: Share of messages that a function never gets: of Pub/Sub's, the scheduler's and storage's alike.
        drop_all: Functions get no message but ticks.
        tells_of_jobs: Whether a message tells the watcher that a job has ended.
        without: Schedules that do not run.
        delay: Mean of a message's delay, in seconds.
        latency: Mean of a call's, in seconds.
        skew: How far an instance's clock may be off, in seconds, either way.
        caps: What the operator lets runs spend.
        limits: What the services take at most; None for whatever is asked of them.
        starts: When folders are dropped; None for a while at the beginning.
        ends: How every job ends, of folders that are dropped once and are in order; None for what comes.
        shortages: How many attempts meet a quota inside the pipeline, where every job ends so.
        stumbles: How many deployments find no machine, where every job ends so.
        refusals: How many deployments are refused for good after these, where every job ends so.
        renewed: Whether, where every job ends so, a file is replaced once the first version is deployed.
        reuploads: Share of folders of which one file is uploaded again with other content.
        asks: What people ask for by hand, where every job ends so: all of it, or one of these sequences for a folder.
        gives_up: Whether people do not repeat a command that failed.
        wishes: Share of folders about which people ask for something by hand, of the others.
        pending: How long a tuning job waits.
        running: How long it runs.
        paused: For how long some are paused.
        creating: How long making an endpoint takes.
        loading: How long loading a model takes.
    """

    duplicates: float = 0.2
    repeats: Span = (0, 400)
    drops: float = 0.05
    drop_all: bool = False
    tells_of_jobs: bool = True
    without: AbstractSet[str] = field(default_factory=frozenset)
    delay: float = 3
    latency: float = 0.05
    skew: float = 30
    caps: Caps = field(default_factory=Caps)
    limits: Limits | None = None
    starts: Span | None = None
    ends: Ending | None = None
    shortages: int = 0
    stumbles: int = 0
    refusals: int = 0
    renewed: bool = False
    reuploads: float = 0.15
    asks: tuple[tuple[Asked, ...], ...] = ((),)
    gives_up: bool = False
    wishes: float = 0
    pending: Span = (0, 60)
    running: Span = (600, 1_200)
    paused: Span = (300, 900)
    creating: Span = (5, 60)
    loading: Span = (300, 900)


# Nothing happens that need not, and it happens fast: what one fault does shows on its own.
CALM = Nature(
    duplicates=0,
    drops=0,
    tells_of_jobs=False,
    ends=Ending.BETTER,
    pending=(20, 40),
    running=(100, 160),
    creating=(5, 60),
    loading=(70, 130),
)
