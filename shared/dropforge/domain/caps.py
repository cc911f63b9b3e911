"""How much an operator lets runs spend: a run, a day, and how many jobs at once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

from dropforge.domain.catalogue import suggestion
from dropforge.domain.errors import Misconfigured
from dropforge.domain.machines import Hardware
from dropforge.domain.plan import ASSUMED_PAIRS_PER_SECOND, Estimate, Pace, Prices, figure

_HOURS = "accelerator hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much may be spent; what is None is not capped.

    Attributes:
        run_accelerator_hours: Accelerator hours of one run.
        run_price: The price of one run, in the table's currency.
        day_accelerator_hours: Those of all runs submitted on one day (UTC), and of those still in flight.
        day_price: The price of the same.
        jobs_in_flight: How many jobs may run at once.
    """

    run_accelerator_hours: float | None = None
    run_price: float | None = None
    day_accelerator_hours: float | None = None
    day_price: float | None = None
    jobs_in_flight: int | None = None

    @property
    def shared(self) -> bool:
        """Whether one run's room depends on what the others take."""
        return (self.day_accelerator_hours, self.day_price, self.jobs_in_flight) != (None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What is taken of the shared caps.

    Attributes:
        accelerator_hours: Those of today's runs and of those in flight.
        price: The price of the same; a run that was reserved without a price counts nothing.
        jobs: Jobs in flight.
    """

    accelerator_hours: float = 0.0
    price: float = 0.0
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A cap leaves no room for a run.

    Attributes:
        cap: Which one, as the operator's file names it.
        estimate: What the run takes of it.
        reserved: What others have taken of it.
        limit: What it allows.
        unit: The unit of these figures.
        waits: Whether there will be room later. A run that is over by itself never fits, and is refused.
    """

    cap: str
    estimate: float
    reserved: float
    limit: float
    unit: str
    waits: bool

    @property
    def sentence(self) -> str:
        """What is over what, with the figures."""
        limit = f"{self.cap} of {figure(self.limit)}"
        if self.cap == "jobs_in_flight":
            return f"{figure(self.reserved)} {self.unit} are in flight, and {self.cap} is {figure(self.limit)}"
        takes = f"the run is estimated at {figure(self.estimate)} {self.unit}"
        if not self.waits:
            return f"{takes}, over {limit} by itself"
        return f"{takes}; with {figure(self.reserved)} already reserved, that is over {limit}"


def decide(estimate: Estimate, caps: Caps, reserved: Reserved) -> Over | None:
    """Whether a run is over a cap; None where there is room. A cap that refuses the run is reported before one that makes it wait.

    Raises:
        Misconfigured: A cap is on the price, and there is none.
    """
    overs = [over for over in _overs(estimate, caps, reserved) if over]
    return min(overs, key=lambda over: over.waits, default=None)


def _overs(estimate: Estimate, caps: Caps, reserved: Reserved) -> Iterator[Over | None]:
    yield _over("run_accelerator_hours", estimate.accelerator_hours, None, caps.run_accelerator_hours, _HOURS)
    yield _over(
        "day_accelerator_hours",
        estimate.accelerator_hours,
        reserved.accelerator_hours,
        caps.day_accelerator_hours,
        _HOURS,
    )
    if caps.run_price is not None or caps.day_price is not None:
        if estimate.price is None:
            raise Misconfigured(f"a cap on the price cannot be checked: {estimate.unpriced}")
        yield _over("run_price", estimate.price, None, caps.run_price, estimate.currency)
        yield _over("day_price", estimate.price, reserved.price, caps.day_price, estimate.currency)
    yield _over("jobs_in_flight", 1, reserved.jobs, caps.jobs_in_flight, "jobs")


def _over(cap: str, takes: float, reserved: float | None, limit: float | None, unit: str) -> Over | None:
    """Whether a run is over this cap; `reserved` is None for a cap of each run on its own."""
    taken = reserved or 0
    if limit is None or round(taken + takes, 6) <= limit:
        return None
    waits = reserved is not None and takes <= limit
    return Over(cap=cap, estimate=takes, reserved=taken, limit=limit, unit=unit, waits=waits)


def problems_of_caps(caps: Caps, prices: Prices, pace: Pace, training: Hardware) -> list[str]:
    """What is wrong with what an operator wrote, in sentences; empty for what is good."""
    return [*_wrong_figures(caps, prices, pace), *_wrong_together(caps, prices, pace, training)]


def _wrong_figures(caps: Caps, prices: Prices, pace: Pace) -> Iterator[str]:
    if not (math.isfinite(pace.overhead_minutes) and pace.overhead_minutes >= 0):
        yield f"plan.overhead_minutes is {pace.overhead_minutes}, but takes a number of minutes from 0"
    for name, pairs in pace.pairs_per_second.items():
        if not (math.isfinite(pairs) and pairs > 0):
            yield f"plan.pairs_per_second.{name} is {pairs}, but takes a number above 0"
    for name, price in prices.hourly.items():
        if not (math.isfinite(price) and price >= 0):
            yield f"prices.hourly.{name} is {price}, but takes a price from 0"
    for cap in fields(caps):
        limit = getattr(caps, cap.name)
        if limit is not None and not (math.isfinite(limit) and limit > 0):
            yield f"caps.{cap.name} is {limit}, but takes a number above 0; leave it out for no cap"


def _wrong_together(caps: Caps, prices: Prices, pace: Pace, training: Hardware) -> Iterator[str]:
    if training.accelerator_count < 1:
        yield f"training.accelerator_count is {training.accelerator_count}, but tuning takes at least 1"
    try:
        pace.of(training.accelerator_type)
    except Misconfigured as error:
        yield f"training.accelerator_type: {error}"
    for name in pace.pairs_per_second:
        if name not in ASSUMED_PAIRS_PER_SECOND and name != training.accelerator_type:
            yield f"plan.pairs_per_second.{name} is no accelerator{suggestion(name, ASSUMED_PAIRS_PER_SECOND)}"
    if prices.hourly and not prices.currency:
        yield "prices.currency is missing: say in what currency the table is, such as USD"
    for cap in ("run_price", "day_price"):
        if getattr(caps, cap) is not None and (lacking := prices.lacking(training)):
            yield f"caps.{cap} could not be checked: {lacking}"
