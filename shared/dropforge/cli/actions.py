"""`dropforge cancel`, `rerun`, `approve`, `rollback`, `retire`: what people ask for by hand."""

import time
from typing import Annotated

import typer

from dropforge import wire
from dropforge.actions import approve as approving
from dropforge.actions import cancel as cancelling
from dropforge.actions import rerun as rerunning
from dropforge.actions import retire as retiring
from dropforge.actions import rollback as rolling_back
from dropforge.bootstrap import Ports
from dropforge.cli.asking import Reason, request
from dropforge.cli.place import connect
from dropforge.cli.runs import AsJson, run_named
from dropforge.domain.errors import NotAllowed, Unavailable
from dropforge.domain.runs import Run
from dropforge.domain.text import as_words
from dropforge.workers.outcome import What

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, or a dataset's name for its newest run.")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until it is done, showing each step.")]

_LOOKS_EVERY = 1.0  # second


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog='Example: `dropforge cancel topics-0f3a9c1b2d4e --reason "wrong corpus"`')(cancel)
    app.command(epilog='Example: `dropforge rerun topics-0f3a9c1b2d4e --reason "more quota now"`')(rerun)
    app.command(epilog='Example: `dropforge approve topics-0f3a9c1b2d4e --reason "checked by hand"`')(approve)
    app.command(epilog='Example: `dropforge rollback topics --reason "worse answers on mobile"`')(rollback)
    app.command(epilog='Example: `dropforge retire topics-0f3a9c1b2d4e --reason "nobody asks it any more"`')(retire)


def cancel(run: RunArgument, *, reason: Reason = "", wait: Wait = True, as_json: AsJson = False) -> None:
    """End a run wherever it stands, and stay until nothing of it bills any more."""
    ports = connect()
    found = cancelling.cancel(
        run_named(run, ports.ledger).id,
        request(reason, ports),
        tuner=ports.tuner,
        budget=ports.budget,
        progress=ports.progress,
    )
    _end(found, ports, wait=wait, as_json=as_json)


def rerun(run: RunArgument, *, reason: Reason = "", wait: Wait = False, as_json: AsJson = False) -> None:
    """Tune a run's version once more, as a new attempt with the same bytes. It costs what a tuning costs."""
    ports = connect()
    found = rerunning.rerun(
        run_named(run, ports.ledger).id, request(reason, ports), attempts=ports.attempts, progress=ports.progress
    )
    _end(found, ports, wait=wait, as_json=as_json)


def approve(run: RunArgument, *, reason: Reason = "", wait: Wait = False, as_json: AsJson = False) -> None:
    """Deploy a model that was withheld, that could not be deployed, or that was retired. The gate is not asked."""
    ports = connect()
    found = approving.approve(
        run_named(run, ports.ledger).id, request(reason, ports), host=ports.host, progress=ports.progress
    )
    _end(found, ports, wait=wait, as_json=as_json)


def rollback(
    dataset: Annotated[str, typer.Argument(metavar="NAME", help="The dataset.")],
    *,
    to: Annotated[str, typer.Option("--to", help="The run whose space to use; by default the one before.")] = "",
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Point a dataset's readers back to the space before, which is still served, and tell everybody."""
    ports = connect()
    alias = rolling_back.rollback(
        dataset, to, request(reason, ports), aliases=ports.aliases, host=ports.host, progress=ports.progress
    )
    if as_json:
        typer.echo(wire.as_text(alias))
        return
    left = f"; {alias.previous.space} is kept for now" if alias.previous else ""
    typer.echo(f"Readers of {alias.dataset} are pointed to {alias.space}{left}.")


def retire(
    run: RunArgument,
    *,
    even_current: Annotated[
        bool, typer.Option("--even-current", help="Even if readers are pointed to it: they are pointed nowhere then.")
    ] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Take a run's model off its endpoint and remove the endpoint, so that it bills no more. The model is kept."""
    ports = connect()
    run_id = run_named(run, ports.ledger).id
    wish = request(reason, ports)
    left = retiring.leave(run_id, wish, even_current=even_current, aliases=ports.aliases, progress=ports.progress)

    outcome = None
    while outcome is None:
        try:
            outcome = retiring.retire(
                left,
                aliases=ports.aliases,
                host=ports.host,
                progress=ports.progress,
                function="retire",
                cause=f"retire/{wish.by}",
            )
        except Unavailable as error:
            typer.echo(f"dropforge: {error}", err=True)
            time.sleep(_LOOKS_EVERY)
    if outcome.what is What.IGNORED:
        raise NotAllowed(f"run {run_id} was not retired: {outcome.why}")
    typer.echo(wire.as_text(ports.ledger.wanted(run_id)) if as_json else f"{run_id} is retired; its model is kept.")


def _end(run: Run, ports: Ports, *, wait: bool, as_json: bool) -> None:
    """Say where a run stands; or stay until it is settled, showing each further step as it comes."""
    seen = len(run.history) - 1
    while wait:
        for step in () if as_json else run.history[seen:]:
            typer.echo(f"{step.at:%H:%M:%S}  {run.id}  {as_words(step.state)}")
        if run.is_settled:
            break
        seen = len(run.history)
        time.sleep(_LOOKS_EVERY)
        run = ports.ledger.wanted(run.id)
    if as_json:
        typer.echo(wire.as_text(run))
    elif not wait:
        typer.echo(f"{run.id} is {as_words(run.state)}. `dropforge show {run.id}` follows it.")
