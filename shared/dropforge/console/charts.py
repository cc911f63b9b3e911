"""Where things stand in a chart: geometry alone. `templates/charts.html` draws it, `style.css` colours it.

Every chart has a fixed frame in user units, so that nothing moves when it appears, and scales with the page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dropforge.domain.maps import Map, Point
from dropforge.domain.runs import SETTLED, Step

_LEAST_RANGE = 1e-6  # of an axis, as a share of its values
_LEAST = 0.5  # per cent of a bar: what took no time is seen all the same


# A timeline


@dataclass(frozen=True, slots=True)
class Stay:
    """How long a run stood in one state.

    Attributes:
        step: How it came there.
        lasted: For how long; None for a state in which it stays.
        start: Where its bar begins, in per cent of the whole.
        width: How wide it is, in per cent.
    """

    step: Step
    lasted: timedelta | None
    start: float
    width: float


def stays(history: Sequence[Step], now: datetime) -> list[Stay]:
    """A run's history as bars along its time, up to now where it is still in flight."""
    ends = [step.at for step in history[1:]]
    ends.append(history[-1].at if history[-1].state in SETTLED else max(now, history[-1].at))
    began, whole = history[0].at, (ends[-1] - history[0].at) / timedelta(seconds=1)
    found = []
    for step, end in zip(history, ends, strict=True):
        start = _share((step.at - began) / timedelta(seconds=1), whole)
        width = max(_share((end - step.at) / timedelta(seconds=1), whole), _LEAST)
        lasted = None if step.state in SETTLED and step is history[-1] else end - step.at
        found.append(Stay(step, lasted, round(min(start, 100 - width), 1), round(width, 1)))
    return found


def _share(part: float, whole: float) -> float:
    return 100 * part / whole if whole > 0 else 0.0


# Gains


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis.

    Attributes:
        low: The least that it shows.
        high: The most.
        ticks: What is marked, in order.
        step: How far the ticks are apart.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    step: float

    def at(self, value: float, size: float = 100) -> float:
        """Where a value stands, from 0 to `size`; a value off the axis stands at its end."""
        part = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(part * size, 2)

    def label(self, value: float) -> str:
        """A tick's figure with as many digits as tell it from the next."""
        digits = 0
        while digits < 6 and abs(round(self.step, digits) - self.step) > self.step / 1000:
            digits += 1
        return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def scale(values: Iterable[float], *, most: int = 5) -> Scale:
    """An axis over values that ends on round figures and has at most about so many ticks."""
    known = list(values)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low < _LEAST_RANGE * max(1, abs(low), abs(high)):  # one value: some room around it
        room = abs(low) / 2 if abs(low) > _LEAST_RANGE else 0.5
        low, high = low - room, high + room
    step = _round_step((high - low) / most)
    first, last = int(low // step), -int(-high // step)
    ticks = tuple(round(number * step, 10) for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks, step)


def _round_step(least: float) -> float:
    """The least of 1, 2, 5, 10, ... times a power of ten that is not below `least`."""
    power = 1.0
    while power > least:
        power /= 10
    while power * 10 <= least:
        power *= 10
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


# Curves


@dataclass(frozen=True, slots=True)
class Curve:
    """One figure over the steps of a training.

    Attributes:
        name: What it is of.
        steps: The axis of the steps.
        values: The axis of the figure.
        points: Where each point stands, from 0 to 100 across, and from 0 to 100 upwards.
        first: The first value.
        last: The last one.
        best: The least for a loss, the highest for any other.
    """

    name: str
    steps: Scale
    values: Scale
    points: tuple[Point, ...]
    first: float
    last: float
    best: float


def curve(name: str, points: Sequence[tuple[int, float]], total: int, *, lower_is_better: bool = False) -> Curve:
    """A curve through points, of a training of so many steps."""
    steps, values = (
        scale([0, total, *(step for step, _ in points)], most=4),
        scale([value for _, value in points], most=4),
    )
    figures = [value for _, value in points]
    return Curve(
        name=name,
        steps=steps,
        values=values,
        points=tuple((steps.at(step), values.at(value)) for step, value in points),
        first=figures[0],
        last=figures[-1],
        best=min(figures) if lower_is_better else max(figures),
    )


# A map


@dataclass(frozen=True, slots=True)
class Mark:
    """A query or a document where one model puts it, from 0 to 100 from the left and from the top.

    Attributes:
        x: From the left.
        y: From the top.
        text: What it says.
        rank: Of a query's best document by this model; None below the tenth, and for a document.
        to: Where that document is; None for a document.
    """

    x: float
    y: float
    text: str
    rank: int | None = None
    to: Point | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A map by one model.

    Attributes:
        queries: Marks of queries.
        documents: Marks of documents.
        first: How many queries find their best document first.
        found: How many find it among the first ten.
        explained: The share of the variance that the plane explains.
    """

    queries: tuple[Mark, ...]
    documents: tuple[Mark, ...]
    first: int
    found: int
    explained: float


def panels(drawn: Map) -> tuple[Panel, Panel]:
    """A map before tuning and after."""
    return _panel(drawn, "base"), _panel(drawn, "tuned")


def _panel(drawn: Map, model: str) -> Panel:
    before = model == "base"
    documents = [_on_paper(dot.base if before else dot.tuned) for dot in drawn.documents]
    ranks = [query.before if before else query.after for query in drawn.queries]
    return Panel(
        queries=tuple(
            Mark(*_on_paper(query.base if before else query.tuned), query.text, rank, documents[query.document])
            for query, rank in zip(drawn.queries, ranks, strict=True)
        ),
        documents=tuple(Mark(*place, dot.text) for place, dot in zip(documents, drawn.documents, strict=True)),
        first=sum(rank == 1 for rank in ranks),
        found=sum(rank is not None for rank in ranks),
        explained=sum(drawn.explained[model]),
    )


def _on_paper(point: Point) -> Point:
    """From -1..1, where y grows upwards, to 3..97, where it grows downwards."""
    return round(50 + 47 * point[0], 1), round(50 - 47 * point[1], 1)
