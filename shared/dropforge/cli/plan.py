"""`dropforge plan`: what tuning a dataset folder would take and cost, before anything is dropped."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dropforge import settings, wire
from dropforge.cli.folder import examined, opened
from dropforge.cli.paper import AsJson, drawn, output
from dropforge.cli.place import configure, connect, is_named
from dropforge.domain.caps import Caps, Over, Reserved, decide
from dropforge.domain.errors import DropforgeError
from dropforge.domain.findings import Findings, Report
from dropforge.domain.machines import Hardware
from dropforge.domain.messages import line_of
from dropforge.domain.plan import Estimate, advice_on, estimate, figure
from dropforge.domain.text import harmless
from dropforge.domain.tuning import Tuning
from dropforge.examine import Examiner
from dropforge.reports.summary import outcome_of
from dropforge.settings import Operator, ServingMachines

_EXAMPLES = """
Example: `dropforge plan topics`

Example: `dropforge plan gs://BUCKET/datasets/topics --json`
"""
_OF_CONFIGURATION = "tuning-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be submitted.

    Attributes:
        verdict: Of the dataset: a rejected one is not submitted.
        counts: How often each code was found in it.
        tuning: The configuration as resolved.
        template: The version of the pipeline's template.
        serving: On what the model would be served.
        estimate: What it would take.
        advice: What to think about; empty for nothing.
        caps: What the operator allows.
        reserved: What others have taken of it; None where that is not known.
        unknown: Why it is not known; empty where it is, or where no cap is shared.
        over: Which cap leaves no room; None where none does, as far as is known.
    """

    verdict: str
    counts: dict[str, int]
    tuning: Tuning
    template: str
    serving: ServingMachines
    estimate: Estimate
    advice: str
    caps: Caps
    reserved: Reserved | None
    unknown: str
    over: Over | None

    @property
    def is_submitted(self) -> bool:
        """Whether it would be submitted, at once or later."""
        return self.verdict == "accepted" and (self.over is None or self.over.waits)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=_EXAMPLES)(plan)


def plan(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="A folder on this machine, or gs://BUCKET/PATH.", show_default=False)
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Estimate what tuning a dataset folder takes: steps, hours, the price by the operator's table, and the caps.

    Exit status: 0 it would be submitted, at once or when there is room; 1 it would not, because the dataset is
    rejected or a cap can never hold it; 2 not estimated (standard error says why).
    """
    configure()
    operator = settings.operator()
    report = examined(folder)
    made = _made(report, _configuration(folder, operator), operator)
    output(wire.as_text(made) if as_json else drawn(partial(_show, made, report, folder)))
    raise typer.Exit(0 if made.is_submitted else 1)


def _configuration(place: str, operator: Operator) -> Tuning:
    reader, _, folder = opened(place)
    return Examiner(reader, operator).configuration(folder, datetime.now(UTC).date(), Findings())


def _made(report: Report, tuning: Tuning, operator: Operator) -> Plan:
    expected = estimate(tuning, report.rows, operator.training, operator.serving, operator.plan, operator.prices)
    reserved, unknown = _reserved(operator.caps)
    return Plan(
        verdict=report.verdict,
        counts=report.counts,
        tuning=tuning,
        template=operator.bounds.catalogue.model(tuning.base_model).template,
        serving=operator.serving,
        estimate=expected,
        advice=advice_on(expected),
        caps=operator.caps,
        reserved=reserved,
        unknown=unknown,
        over=decide(expected, operator.caps, reserved or Reserved()),
    )


def _reserved(caps: Caps) -> tuple[Reserved | None, str]:
    """What others have reserved, where a Dropforge can be asked, or why that is not known. It never fails."""
    if not caps.shared:
        return None, ""
    if not is_named():
        return None, "no Dropforge is named here"
    from dropforge.budget import runs_in_flight  # noqa: PLC0415 - most plans start faster without it

    try:
        ports = connect()
        standing = ports.budget.standing(lambda: runs_in_flight(ports.ledger))
    except (DropforgeError, OSError) as error:
        return None, harmless(str(error))
    return standing.reserved, ""


# Writing


def _show(made: Plan, report: Report, folder: str, console: Console) -> None:
    sheet = Table.grid(padding=(0, 2))
    sheet.add_column(style="dim", no_wrap=True)
    sheet.add_column(overflow="fold")
    for label, value in (*_job(made), *_spending(made), *_room(made)):
        sheet.add_row(label, value if isinstance(value, Text) else Text(value))
    console.print(sheet)
    for finding in report.findings:
        if finding.code.startswith(_OF_CONFIGURATION):
            console.print(Text(f"\n{finding.severity}: {harmless(line_of(finding))}"))
    if made.advice:
        console.print(Text(f"\n{made.advice}"))
    console.print(Text(), Text.assemble(*_outcome(made, report, folder)), sep="\n")


def _outcome(made: Plan, report: Report, folder: str) -> tuple[tuple[str, str], str]:
    """What would become of it, in a word and a sentence."""
    if made.verdict == "rejected":
        step = f"`dropforge check {harmless(shlex.quote(folder))}` says where"
        return ("rejected", "bold red"), f": {outcome_of(report)}; nothing would be submitted, {step}"
    if made.over:
        word = ("waits", "bold yellow") if made.over.waits else ("refused", "bold red")
        return word, f": {made.over.sentence}"
    when = "when there is room" if made.unknown else "at once"
    return ("fits", "bold green"), f": it would be submitted {when}"


def _job(made: Plan) -> Iterator[tuple[str, str]]:
    """What would be ordered."""
    tuning, expected = made.tuning, made.estimate
    yield "base model", f"{tuning.base_model}, template {made.template}, task type {tuning.task_type}"
    yield "training", f"{expected.steps:,} steps of {expected.batch_size:,} pairs"
    epochs = figure(round(expected.epochs, 1))
    yield "examples", f"{expected.examples:,}, so {epochs} epochs" if expected.examples else "none"
    yield "machine", _hardware(expected)
    yield "serving", _hardware(made.serving)


def _spending(made: Plan) -> Iterator[tuple[str, str | Text]]:
    """What it would take and cost."""
    expected = made.estimate
    accelerators = figure(round(expected.accelerator_hours, 2))
    yield "takes", f"{_lasting(expected.machine_hours)}, {accelerators} accelerator hours"
    yield "", Text(f"at {expected.assumed}", "dim")
    yield "price", _price(expected.price, expected.currency, expected.unpriced)
    serving = _price(expected.serving_price_per_hour, expected.currency, expected.serving_unpriced)
    yield "endpoint", f"{serving} an hour, asked or not" if expected.serving_price_per_hour is not None else serving


def _room(made: Plan) -> Iterator[tuple[str, str]]:
    """What the caps are, and how much of them is taken."""
    caps, held, money, hours = made.caps, made.reserved, made.estimate.currency, "accelerator hours"
    of_a_day = (
        _limit(caps.day_accelerator_hours, hours, held.accelerator_hours if held else None, "reserved"),
        _limit(caps.day_price, money, held.price if held else None, "reserved"),
    )
    at_once = _limit(caps.jobs_in_flight, "jobs", held.jobs if held else None, "in flight")
    of_a_run = _limit(caps.run_accelerator_hours, hours), _limit(caps.run_price, money)
    label = "caps"
    for whose, limits in (("a run", of_a_run), ("a day", of_a_day), ("at once", (at_once,))):
        if any(limits):
            yield label, f"{whose}: {', '.join(filter(None, limits))}"
            label = ""
    if label:
        yield label, "none"
    if made.unknown:
        yield "", f"what of them is taken is not known: {made.unknown}"


def _limit(limit: float | None, unit: str, taken: float | None = None, how: str = "") -> str:
    held = "" if taken is None else f" ({figure(taken)} {how})"
    return "" if limit is None else f"{figure(limit)} {unit}{held}"


def _hardware(hardware: Hardware) -> str:
    return f"{hardware.machine_type} with {hardware.accelerator_count} x {hardware.accelerator_type}"


def _lasting(hours: float) -> str:
    return f"{figure(round(hours, 2))} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"


def _price(price: float | None, currency: str, lacking: str) -> str:
    return f"not known: {lacking}" if price is None else f"{price:,.2f} {currency}"
