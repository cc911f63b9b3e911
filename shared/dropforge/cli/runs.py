"""`dropforge runs` and `dropforge show`: what the ledger says."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from dropforge import wire
from dropforge.cli.paper import AsJson, console
from dropforge.cli.place import connect
from dropforge.domain.announcements import Links, announcement
from dropforge.domain.errors import Missing
from dropforge.domain.evaluation import MEASURES
from dropforge.domain.facts import Judgement
from dropforge.domain.findings import chosen
from dropforge.domain.messages import in_brief, in_words, line_of, message_of, verdict_of
from dropforge.domain.runs import Run, State, look
from dropforge.domain.spaces import Alias
from dropforge.domain.text import as_span, as_words, printable, shortened
from dropforge.history import Summary
from dropforge.ledger import Ledger

_COLOURS = {"good": "green", "bad": "red", "plain": "", "busy": "cyan"}
_A_FEW = 3  # findings of a run that goes on
_PAGE = 500  # lines of the history that are asked for at a time


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: `dropforge runs --state failed --state rejected`")(runs)
    app.command(epilog="Example: `dropforge show topics-0f3a9c1b2d4e`")(show)


def runs(
    *,
    dataset: Annotated[str, typer.Option(metavar="NAME", help="Only those of this dataset.")] = "",
    state: Annotated[
        list[State] | None, typer.Option(metavar="STATE", help="Only those in this state; may be repeated.")
    ] = None,
    most: Annotated[int, typer.Option(metavar="N", min=1, help="Show at most this many past runs.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List runs: those in flight, then past ones, the newest first."""
    found, is_all = _listed(connect().ledger, dataset, frozenset(state or State), most)
    if as_json:
        typer.echo(wire.as_text(found))
        return
    if not found:
        wanted = "like that" if dataset or state else "yet. Drop a dataset folder: `dropforge drop FOLDER`"
        typer.echo(f"No run {wanted}.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "state", "nDCG@10, base → tuned", "started"):
        table.add_column(heading, no_wrap=True)
    for run in found:
        table.add_row(run.id, coloured(run.state), figures(run.base, run.tuned), _ago(run.started))
    console().print(table)
    if not is_all:
        typer.echo(f"There are older ones: `--most {most * 10}` shows more.", err=True)


def _listed(ledger: Ledger, dataset: str, states: frozenset[State], most: int) -> tuple[list[Summary], bool]:
    """Runs in flight, then the past ones, and whether those are all."""
    if dataset:
        found = [run for run in ledger.of_dataset(dataset) if run.state in states]
        return found[:most], len(found) <= most
    flying = sorted(ledger.in_flight(), key=lambda run: run.started, reverse=True)
    ids = {run.id for run in flying}
    past = (run for run in _past(ledger) if run.id not in ids and run.state in states)
    shown = list(islice(past, most))
    return [run for run in flying if run.state in states] + shown, len(shown) < most or next(past, None) is None


def _past(ledger: Ledger) -> Iterator[Summary]:
    behind = ""
    while True:
        page = ledger.past(behind=behind, most=_PAGE)
        yield from page.runs
        if not (behind := page.rest):
            return


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or a dataset's name.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a run, or the newest of a dataset: its state, history, job, model, endpoint, metrics, and what to do next."""
    ports = connect()
    shown = run_named(run, ports.ledger)
    if as_json:
        typer.echo(wire.as_text(shown))
    else:
        _print_sheet(shown, ports.settings.links, ports.aliases.of(shown.dataset))


def run_named(named: str, ledger: Ledger) -> Run:
    """The run of this id, or the one of this dataset that was begun last.

    Raises:
        Missing: There is neither.
    """
    run = ledger.load(named)
    if run is None and (runs := ledger.of_dataset(named)):
        run = ledger.load(runs[0].id)
    if run is None:
        raise Missing(f"there is no run and no dataset {printable(shortened(named, 100))}: `dropforge runs` lists them")
    return run


def _print_sheet(run: Run, links: Links, alias: Alias | None) -> None:
    rows = [*_course(run), *_findings(run), *_results(run), *_readers(run, alias), *_next(run, links, alias)]
    widest = max(len(label) for label, _ in rows)
    paper = console()
    for label, value in rows:
        shown = value if isinstance(value, Text) else Text(printable(value))
        if " " not in shown.plain:  # a resource's name is not folded, so that it can be copied
            paper.print(Text.assemble((f"{label:<{widest}}  ", "dim"), shown), soft_wrap=True)
            continue
        line = Table.grid(padding=(0, 2))
        line.add_column(style="dim", width=widest)
        line.add_column(overflow="fold")
        line.add_row(label, shown)
        paper.print(line)


def _course(run: Run) -> Iterator[tuple[str, str | Text]]:
    """Where the run stands and how it came there."""
    yield "run", run.id
    yield "state", coloured(run.state)
    for number, step in enumerate(run.history):
        yield "" if number else "UTC", f"{step.at:%Y-%m-%d %H:%M:%S}  {step.state:<14} {step.function}"
    if run.reason:
        yield "attempt", f"{run.attempt}: {run.reason}"
    if run.waiting and run.state is State.VALIDATED:
        yield "waits", Text(run.waiting.sentence, style="yellow")
    for what, request in (("cancelled", run.stop), ("approved", run.approval), ("retired", run.retirement)):
        if request:
            yield (
                what,
                f"by {request.by}, {request.at:%Y-%m-%d %H:%M} UTC" + (f": {request.reason}" if request.reason else ""),
            )
    if run.fault:
        where = f" in {run.fault.step}" if run.fault.step else ""
        yield "went wrong", Text(printable(f"{run.fault.code}{where}: {run.fault.message}"), style="red")
    if run.judgement:
        yield from _judged(run.judgement)
    if run.state is State.WITHHELD and not run.fault:
        yield "policy", f"{run.tuning.deploy}: so it was not deployed"


def _findings(run: Run) -> Iterator[tuple[str, str]]:
    """What validation found: all of it if that ended the run, else a few findings; and where the rest is."""
    checked = run.checked
    if checked is None:
        return
    shown = checked.findings if run.state is State.REJECTED else chosen(checked.findings, _A_FEW)
    for finding in shown:
        yield finding.severity, line_of(finding)
    if more := Counter(checked.counts) - Counter(finding.code for finding in shown):
        yield "", f"and {in_words(more)} more: {checked.report}"


def _results(run: Run) -> Iterator[tuple[str, str]]:
    """What was ordered and what came of it."""
    yield "tunes", f"{run.tuning.base_model}, {run.tuning.train_steps} steps, task type {run.tuning.task_type}"
    if run.estimate:
        yield "estimate", in_brief(run.estimate)
    if run.job:
        yield "job", run.job
    if run.tuned:
        yield "model", run.tuned.model
        if run.judgement is None:  # the pipeline's own averages: the gate's say more
            for key, value in run.tuned.metrics.items():
                yield "", f"{key} {value:.4g}"
    if run.serving:
        yield "endpoint", run.serving.endpoint
        if run.serving.space:
            yield "space", run.serving.space
        if run.serving.embeddings:
            yield "embeddings", run.serving.embeddings


def _readers(run: Run, alias: Alias | None) -> Iterator[tuple[str, str]]:
    """Where the dataset's readers are pointed, once a model of it is served."""
    if alias is None:
        return
    by = f", as {alias.request.by} asked" if alias.request else ""
    yield "readers", ("are pointed to it" if alias.run == run.id else f"are pointed to {alias.run}") + by


def _next(run: Run, links: Links, alias: Alias | None) -> Iterator[tuple[str, Text]]:
    """What people are told to do now, where anything is to be done."""
    if run.state is State.DEPLOYED and alias and alias.run != run.id:
        yield "next", Text(f"`dropforge rollback {run.dataset} --to {run.id}` points readers to it.", style="bold")
        return
    event = announcement(run, links)
    message = message_of(event) if event else None
    if message and message.next_step:
        circular = f" `dropforge show {run.id}` tells more."
        yield "next", Text(message.next_step.removesuffix(circular), style="bold")


def _judged(judgement: Judgement) -> Iterator[tuple[str, str]]:
    """The gate's verdict, its figures, and the queries that changed most."""
    yield "gate", f"{verdict_of(judgement)}: {judgement.because}"
    for model in ("base", "tuned", "deployed"):
        if measured := judgement.figures.get(model):
            each = (f"{measure} {measured[measure]:.3f}" for measure in MEASURES if measure in measured)
            yield "", f"{model:<9}" + "   ".join(each)
    if not judgement.figures and (shown := figures(judgement.base, judgement.tuned)):
        yield "", f"{judgement.metric}, base → tuned: {shown}"
    for example in judgement.examples:
        yield "", f"rank {example.before or '>10'} → {example.after or '>10'}: {example.text}"


def coloured(state: State) -> Text:
    """A state in words, in its colour."""
    return Text(as_words(state), style=_COLOURS[look(state)])


def figures(base: float | None, tuned: float | None) -> str:
    """The figures of the base and the tuned model; empty unless both are known."""
    return "" if base is None or tuned is None else f"{base:.3f} → {tuned:.3f}"


def _ago(time: datetime) -> str:
    return f"{as_span(datetime.now(UTC) - time)} ago"
