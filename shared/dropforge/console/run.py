"""A run's page: what it is, how far it has come, whether tuning helped, and what can be done about it."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from flask import Request
from werkzeug.exceptions import NotFound

from dropforge import bootstrap, wire
from dropforge.console.actions import offered
from dropforge.console.charts import Curve, Panel, Scale, curve, panels, scale, stays
from dropforge.console.rendering import Page, rendered
from dropforge.domain.announcements import announced
from dropforge.domain.errors import Missing, Unreadable
from dropforge.domain.evaluation import MEASURES, NDCG
from dropforge.domain.maps import Map, map_name
from dropforge.domain.plan import figure
from dropforge.domain.runs import Run, State
from dropforge.domain.spaces import Alias
from dropforge.ports import ObjectStore

MODELS = ("base", "deployed", "tuned")
CURVE = "/training_curve.json"  # what a tuner may leave anywhere below its run's output
_OUTPUTS, _LARGEST_CURVE = 500, 1_000_000  # objects that are looked through for it; bytes of it
_TUNING_ENDS = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


def page(_: Request, run_id: str) -> Page:
    """`/runs/RUN`."""
    ports = bootstrap.ports()
    run = ports.ledger.load(run_id)
    if run is None:
        raise NotFound
    operator, now = ports.settings.operator, ports.clock.now()
    alias = ports.aliases.of(run.dataset)
    links = ports.settings.links
    known = run.judgement.figures if run.judgement else {}
    return rendered(
        "run.html",
        run=run,
        links=links.of(run),
        stays=stays(run.history, now),
        lasting=lasting,
        measures=[name for name in MEASURES if any(name in figures for figures in known.values())],
        models=[model for model in MODELS if model in known],
        gains=gains_scale(run, operator.gate.margin),
        margin=operator.gate.margin,
        confidence=operator.gate.confidence,
        costs=list(costs(run, now)),
        panels=drawn(ports.state, run),
        curves=curves(ports.state, run),
        is_local=ports.settings.has_stand_ins,
        events=list(announced(run, links)),
        commands=list(commands(run, alias)),
        actions=list(offered(run, alias)) if operator.console_actions else [],
        is_current=alias is not None and alias.run == run.id,
    )


def report(_: Request, run_id: str) -> Page:
    """`/runs/RUN/report.json`: every finding, up to a thousand."""
    ports = bootstrap.ports()
    run = ports.ledger.load(run_id)
    if run is None or run.checked is None:
        raise NotFound
    found, _generation = ports.state.read(run.checked.report.removeprefix(f"gs://{ports.state.bucket}/"))
    return Page(found, "application/json")


def lasting(time: timedelta) -> str:
    """A time in its two largest units: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`."""
    seconds = max(time.total_seconds(), 0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for size, unit, less, lesser in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // less
            return f"{whole // size} {unit}" + (f" {rest} {lesser}" if rest else "")
    return f"{whole} s"


def gains_scale(run: Run, margin: float) -> Scale | None:
    """The axis on which a run's gains are shown, with zero and the margin on it; None where none was measured."""
    if not run.judgement or not run.judgement.comparisons:
        return None
    ends = (value for each in run.judgement.comparisons for value in (each.low, each.high))
    return scale([0, -margin, margin, *ends])


# What it costs


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of what a run costs: what was expected, and what came of it as far as it is known."""

    what: str
    expected: str
    actual: str


def costs(run: Run, now: datetime) -> Iterator[Cost]:
    """What a run was expected to take and cost, beside what it took. The prices are the operator's."""
    known = run.estimate
    if known is None:
        return
    took = tuning_time(run)
    yield Cost("Time to tune", f"{figure(round(known.machine_hours, 2))} h", lasting(took) if took else "")
    if known.price is not None:
        price = (
            known.price / known.machine_hours * (took / timedelta(hours=1)) if took and known.machine_hours else None
        )
        actual = "" if price is None else f"{known.currency} {price:,.2f}"
        yield Cost("Tuning", f"{known.currency} {known.price:,.2f}", actual)
    if known.serving_price_per_hour is not None:
        served = serving_time(run, now)
        so_far = known.serving_price_per_hour * (served / timedelta(hours=1)) if served else None
        actual = "" if so_far is None else f"{known.currency} {so_far:,.2f} in {lasting(served or timedelta())}"
        yield Cost("Endpoint", f"{known.currency} {known.serving_price_per_hour:,.2f} an hour", actual)


def tuning_time(run: Run) -> timedelta | None:
    """How long its job took, from its submission to its end; None before that."""
    began = run.reached(State.SUBMITTED)
    ended = next((step.at for step in run.history if step.state in _TUNING_ENDS), None)
    return ended - began if began and ended else None


def serving_time(run: Run, now: datetime) -> timedelta | None:
    """How long it has had an endpoint, all told; None where it never had one."""
    ends = [*(step.at for step in run.history[1:]), now]
    spans = [
        end - step.at
        for step, end in zip(run.history, ends, strict=True)
        if step.state in {State.DEPLOYING, State.DEPLOYED}
    ]
    return sum(spans, timedelta()) if spans else None


# What is drawn


def drawn(state: ObjectStore, run: Run) -> tuple[Panel, Panel] | None:
    """The map of a run's held-out texts; None where it was not measured, or none was kept."""
    if not run.judgement or not run.judgement.measured:
        return None
    name = map_name(run.id)
    try:
        found = wire.decode(state.read(name)[0], Map, name)
    except (Missing, Unreadable):
        return None
    is_whole = all(0 <= query.document < len(found.documents) for query in found.queries)
    return panels(found) if is_whole and {"base", "tuned"} <= found.explained.keys() else None


@dataclass(frozen=True, slots=True)
class _Trained:
    """`training_curve.json`: figures by step, each a mean since the one before or a value at it."""

    steps: int
    points: list[dict[str, float]]


def curves(state: ObjectStore, run: Run) -> list[Curve]:
    """How the loss and the validation figure went, where the tuner wrote it down; empty elsewhere."""
    if not run.job:
        return []
    listed = islice(state.list(f"runs/{run.id}/output/"), _OUTPUTS)
    file = next((file for file in listed if file.name.endswith(CURVE) and file.size <= _LARGEST_CURVE), None)
    if file is None:
        return []
    try:
        trained = wire.decode(state.read(file.name)[0], _Trained, file.uri)
    except (Missing, Unreadable):
        return []
    found = []
    for name, label in (("loss", "Loss"), (NDCG, f"Validation {NDCG}")):
        points = [(int(point["step"]), point[name]) for point in trained.points if {"step", name} <= point.keys()]
        if points:
            found.append(curve(label, points, trained.steps, lower_is_better=name == "loss"))
    return found


# What can be done


@dataclass(frozen=True, slots=True)
class Command:
    """What can be typed, and what it does."""

    text: str
    does: str


def commands(run: Run, alias: Alias | None) -> Iterator[Command]:
    """The commands that make sense for a run as it stands."""
    run_id, dataset = shlex.quote(run.id), shlex.quote(run.dataset)
    yield Command(f"dropforge show {run_id}", "Shows all this on a terminal.")
    is_used = run.state is State.DEPLOYED and alias is not None and alias.run == run.id
    if is_used:
        yield Command(f"dropforge search {dataset} QUERY", "Searches the whole corpus with its model.")
    if is_used and alias and alias.previous:
        yield Command(f"dropforge rollback {dataset}", "Points readers back to the previous space.")
    for action in offered(run, alias):
        yield Command(f"dropforge {action.command.format(run=run_id, dataset=dataset)}", action.does)
    if is_used:
        yield Command(
            f"dropforge retire {run_id} --even-current",
            "Removes its endpoint although readers are pointed to it; keeps the model.",
        )
