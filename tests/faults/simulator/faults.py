"""What can go wrong with one call to a service, how often, and when.

before   the instance is gone right before the call
after    the instance is gone right after the call
error    the service does not answer; nothing happened
lost     it happened, and the answer was lost: clients of storage and Pub/Sub ask again by themselves, the others raise
zombie   the instance freezes, and is taken for dead; much later it wakes up and goes on
slow     the call takes long
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from faults.simulator.nature import Span

KINDS = ("before", "after", "error", "lost", "zombie", "slow")
FREEZES: Span = (300, 2_000)
DRAGS: Span = (5, 60)
ASKED_AGAIN: Span = (0.5, 3)  # how long a client waits before it asks again by itself
_LOCAL = frozenset({"before", "after", "zombie"})  # what can befall an instance that only waits


@dataclass(frozen=True)
class Faults:
    """Which faults come.

    Attributes:
        rates: How often each kind befalls a call; kinds that are left out never come.
        until: In seconds; after that none of these come.
        at: Faults at single calls, by the call's number from 1, whenever it comes.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    until: float = 4_000
    at: Mapping[int, str] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """From when on no fault comes by chance."""
        return self.until if self.rates else 0


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that came.

    Attributes:
        time: In seconds.
        over: When it was over: a zombie had woken up, a slow call had ended.
        kind: Its kind.
        call: Which call it befell: `port.method`.
        function: In which function.
        cause: Id of the event that was being handled.
    """

    time: float
    over: float
    kind: str
    call: str
    function: str
    cause: str


class Fate:
    """Decides for every call."""

    def __init__(self, faults: Faults, stream: Random) -> None:
        self._faults = faults
        self._stream = stream
        self.fired: list[Fired] = []

    def decide(self, number: int, time: float, port: str) -> str:
        """The fault that befalls a call; empty for none.

        Args:
            number: The call's, from 1.
            time: In seconds.
            port: Whose call it is.
        """
        kind = self._faults.at.get(number) or self._by_chance(time)
        return "" if port == "clock" and kind not in _LOCAL else kind

    def span(self, lasting: Span) -> float:
        """How long a fault lasts."""
        return self._stream.uniform(*lasting)

    def _by_chance(self, time: float) -> str:
        if time >= self._faults.until or not self._faults.rates:
            return ""
        drawn = self._stream.random()
        for kind, rate in self._faults.rates.items():
            drawn -= rate
            if drawn < 0:
                return kind
        return ""
