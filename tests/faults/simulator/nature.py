"""What is no fault: how messages travel, how long services take, what people do, and what becomes of their datasets."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from dropforge.domain.runs import State

Span = tuple[float, float]  # from least to most, in seconds


@dataclass(frozen=True)
class Nature:
    """How things are.

    Attributes:
        duplicates: Share of messages that are delivered a second time.
        repeats: How much later the second comes.
        drops: Share of messages that a function never gets: of Pub/Sub's, the scheduler's and storage's alike.
        drop_all: Functions get no message but ticks.
        without: Schedules that do not run.
        delay: Mean of a message's delay, in seconds.
        latency: Mean of a call's, in seconds.
        skew: How far an instance's clock may be off, in seconds, either way.
        ends: Where every run ends, of folders that are dropped once and are in order; None for what comes.
        renewed: Whether, where every run ends so, a file is replaced once the first version is deployed.
        reuploads: Share of folders of which one file is uploaded again with other content.
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
    without: AbstractSet[str] = field(default_factory=frozenset)
    delay: float = 3
    latency: float = 0.05
    skew: float = 30
    ends: State | None = None
    renewed: bool = False
    reuploads: float = 0.15
    pending: Span = (0, 60)
    running: Span = (600, 1_200)
    paused: Span = (300, 900)
    creating: Span = (5, 60)
    loading: Span = (300, 900)


# Nothing happens that need not, and it happens fast: what one fault does shows on its own.
CALM = Nature(
    duplicates=0,
    drops=0,
    ends=State.DEPLOYED,
    pending=(20, 40),
    running=(100, 160),
    creating=(5, 60),
    loading=(70, 130),
)
