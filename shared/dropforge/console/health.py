"""The health page: whether the clocks tick, what waits and why, what is spent, what nobody could handle."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from flask import Request

from dropforge import bootstrap
from dropforge.budget import Standing, runs_in_flight
from dropforge.console.rendering import Page, rendered
from dropforge.deadletters import SetAside
from dropforge.domain.facts import Waiting
from dropforge.domain.runs import STUCK_AFTER, State
from dropforge.domain.text import as_words
from dropforge.domain.topology import PERIODS, late_after
from dropforge.ledger import Ledger
from dropforge.markers import Owed

_SHOWN = 20  # waiting runs whose reason is read


@dataclass(frozen=True, slots=True)
class Clockwork:
    """A worker that is set in motion by ticks.

    Attributes:
        worker: Its name.
        period: How often a tick is due.
        last: When it last saw one through; None for never.
        is_late: Whether something is wrong with it.
    """

    worker: str
    period: timedelta
    last: datetime | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class Cap:
    """How far a cap that is shared is used up."""

    name: str
    taken: float
    limit: float
    unit: str

    @property
    def is_full(self) -> bool:
        """Whether nothing is left of it."""
        return self.taken >= self.limit


def clockworks(ledger: Ledger, now: datetime, patience: timedelta) -> list[Clockwork]:
    """The watcher and the sweep. One that has never seen a tick through may be new, and is not late."""
    last = ledger.ticks()
    return [
        Clockwork(worker, period, seen, seen is not None and now - seen > late_after(worker, patience))
        for worker, period in PERIODS.items()
        for seen in (last.get(worker),)
    ]


def stuck(active: Sequence[Owed], now: datetime) -> list[Owed]:
    """Runs that have been in one state for longer than is normal, by their markers."""
    return [owed for owed in active if owed.state and now - owed.touched > STUCK_AFTER.get(owed.state, timedelta.max)]


def caps(standing: Standing, currency: str) -> Iterator[Cap]:
    """The shared caps that the operator has set."""
    limits, taken = standing.caps, standing.reserved
    rows = (
        ("Accelerator hours today", taken.accelerator_hours, limits.day_accelerator_hours, "h"),
        ("Spend today", taken.price, limits.day_price, currency),
        ("Jobs in flight", taken.jobs, limits.jobs_in_flight, "jobs"),
    )
    return (Cap(name, used, limit, unit) for name, used, limit, unit in rows if limit is not None)


def page(_: Request) -> Page:
    """`/health`."""
    ports = bootstrap.ports()
    now, ledger, operator = ports.clock.now(), ports.ledger, ports.settings.operator
    active = list(ledger.active())
    clocks = clockworks(ledger, now, ports.settings.patience)
    hanging = stuck(active, now)
    aside = SetAside(ports.state).counts()
    problems = [
        *(f"{as_words(clock.worker)} is late" for clock in clocks if clock.is_late),
        *([f"{len(hanging)} stuck"] if hanging else []),
        *([f"{aside.total()} set aside"] if aside else []),
    ]
    return rendered(
        "health.html",
        problems=problems,
        clocks=clocks,
        states=_by_state(active),
        waiting=list(_waiting(ledger, active)),
        waiting_total=sum(owed.waits for owed in active),
        stuck=hanging,
        day=now.date(),
        caps=list(caps(ports.budget.standing(lambda: runs_in_flight(ledger)), operator.prices.currency)),
        aside=aside,
        project=ports.settings.project,
    )


def _by_state(active: Sequence[Owed]) -> list[tuple[State, int]]:
    counts = Counter(owed.state or State.VALIDATING for owed in active)
    return [(state, counts[state]) for state in State if counts[state]]


def _waiting(ledger: Ledger, active: Sequence[Owed]) -> Iterator[tuple[str, Waiting]]:
    for owed in islice((owed for owed in active if owed.waits), _SHOWN):
        run = ledger.load(owed.run)
        if run and run.waiting and run.state is State.VALIDATED:
            yield run.id, run.waiting
