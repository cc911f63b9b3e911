"""The budget: what runs have reserved of the operator's shared caps.

    budget.json   every reservation of today and of what is in flight; every write is compare-and-swap on its generation

One object, because a cap holds only when whoever decides has seen everyone else's reservation. Cloud Storage takes about
one write a second to one object, and Vertex takes sixty submissions a minute, so the object is not what a flood waits for:
whoever loses eight races in a row gets an error, has reserved nothing, and asks again later. A thousand reservations
take 100 kB.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from dropforge import wire
from dropforge.domain.caps import Caps, Over, Reserved, decide
from dropforge.domain.errors import Conflict, Contended, Missing
from dropforge.domain.plan import Estimate
from dropforge.domain.runs import WITH_JOB, State
from dropforge.ledger import Ledger
from dropforge.ports import NEW, Clock, ObjectStore

_NAME = "budget.json"
_TRIES = 8
# While a run stands in one of these, its job runs, or is about to. None: nothing of the run has been told yet.
_IN_FLIGHT = WITH_JOB | {None, State.VALIDATED}

InFlight = Callable[[], Collection[str]]


@dataclass(frozen=True, slots=True)
class _Reservation:
    day: date
    accelerator_hours: float
    price: float | None


@dataclass(frozen=True, slots=True)
class _Book:
    runs: dict[str, _Reservation] = field(default_factory=dict)
    schema: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the caps are used up.

    Attributes:
        day: Which day it is, in UTC.
        reserved: What is taken; nothing where no cap is shared.
        caps: What there is to take.
    """

    day: date
    reserved: Reserved
    caps: Caps


class Budget:
    """Reserves room for runs before they cost anything. A cap that is configured later counts from then on.

    A reservation is the run's, and made once: whoever submits it again, after whatever crash or lost answer, finds it.
    It counts for the day (UTC) on which it was made, whatever becomes of the run, and for as long as the run is in
    flight. Where no cap is shared, nothing is read or written.
    """

    def __init__(self, state: ObjectStore, clock: Clock, caps: Caps) -> None:
        self._state = state
        self._clock = clock
        self._caps = caps

    def reserve(self, run_id: str, estimate: Estimate, in_flight: InFlight) -> Over | None:
        """Reserve what a run is estimated to take; a run that has reserved keeps its room, whatever the caps are now.

        Args:
            run_id: The run's id.
            estimate: What it takes.
            in_flight: Gives the ids of the runs whose job has not ended, submitted or not yet (`runs_in_flight`). It is
                asked after what is reserved was read, so that a run which is not in it has ended.

        Returns:
            The cap that leaves no room; None when the room is reserved.

        Raises:
            Contended: Others kept winning; nothing is reserved.
            Misconfigured: A cap is on the price, and the estimate has none.
        """
        if not self._caps.shared:
            return decide(estimate, self._caps, Reserved())
        for _ in range(_TRIES):
            runs, generation = self._read()
            if run_id in runs:  # by an earlier delivery, or by our own write whose answer was lost
                return None
            flying = in_flight()
            counting = self._counting(runs, flying)
            if over := decide(estimate, self._caps, _sum(counting, flying)):
                return over
            mine = _Reservation(self._today, estimate.accelerator_hours, estimate.price)
            if self._write({**counting, run_id: mine}, generation):
                return None
        raise Contended(f"others reserved room {_TRIES} times in a row while run {run_id} asked for some")

    def release(self, run_id: str) -> None:
        """Give back what a run has reserved, because the service refused it: it cost nothing.

        Raises:
            Contended: Others kept winning; it is still reserved.
        """
        if not self._caps.shared:
            return
        for _ in range(_TRIES):
            runs, generation = self._read()
            if run_id not in runs:
                return
            if self._write({run: kept for run, kept in runs.items() if run != run_id}, generation):
                return
        raise Contended(f"others reserved room {_TRIES} times in a row while run {run_id} gave its own back")

    def standing(self, in_flight: InFlight) -> Standing:
        """How far the caps are used up now.

        Args:
            in_flight: As for `reserve`.
        """
        reserved = Reserved()
        if self._caps.shared:
            runs, _ = self._read()
            flying = in_flight()
            reserved = _sum(self._counting(runs, flying), flying)
        return Standing(day=self._today, reserved=reserved, caps=self._caps)

    @property
    def _today(self) -> date:
        return self._clock.now().date()

    def _counting(self, runs: Mapping[str, _Reservation], flying: Collection[str]) -> dict[str, _Reservation]:
        """The reservations of today, or later by a clock that is ahead of ours, and those of what is in flight."""
        return {run: kept for run, kept in runs.items() if kept.day >= self._today or run in flying}

    def _read(self) -> tuple[Mapping[str, _Reservation], int]:
        try:
            data, generation = self._state.read(_NAME)
        except Missing:
            return {}, NEW
        return wire.decode(data, _Book, _NAME).runs, generation

    def _write(self, runs: dict[str, _Reservation], replacing: int) -> bool:
        try:
            self._state.write(_NAME, wire.encode(_Book(runs)), replacing=replacing)
        except Conflict:
            return False
        return True


def runs_in_flight(ledger: Ledger) -> frozenset[str]:
    """The runs whose job has not ended, submitted or not yet, as their markers say.

    A run that only waits for room is among them; it counts nothing, because it has reserved nothing.
    """
    return frozenset(owed.run for owed in ledger.active() if owed.state in _IN_FLIGHT)


def _sum(counting: Mapping[str, _Reservation], flying: Collection[str]) -> Reserved:
    return Reserved(
        accelerator_hours=round(sum(kept.accelerator_hours for kept in counting.values()), 3),
        price=round(sum(kept.price or 0 for kept in counting.values()), 2),
        jobs=sum(run in flying for run in counting),
    )
