"""`dropforge cancel`, `rerun`, `approve`, `rollback`, `retire`: what people ask for by hand."""

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
from dropforge.cli.paper import AsJson
from dropforge.cli.place import Stopped, connect
from dropforge.cli.runs import run_named
from dropforge.cli.statuses import TIMED_OUT
from dropforge.cli.watch import Timeout, close, end_of, need_to_wait, see_through, silent, teller
from dropforge.domain.errors import NotAllowed, Unavailable
from dropforge.domain.runs import Run, State
from dropforge.domain.text import as_words
from dropforge.follow import Follower
from dropforge.outcome import What

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, or a dataset's name for its newest run.")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end.")]

_LOOKS_EVERY = 1.0  # second


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog='Example: `dropforge cancel topics-0f3a9c1b2d4e --reason "wrong corpus"`')(cancel)
    app.command(epilog='Example: `dropforge rerun topics-0f3a9c1b2d4e --reason "more quota now"`')(rerun)
    app.command(epilog='Example: `dropforge approve topics-0f3a9c1b2d4e --reason "checked by hand"`')(approve)
    app.command(epilog='Example: `dropforge rollback topics --reason "worse answers on mobile"`')(rollback)
    app.command(epilog='Example: `dropforge retire topics-0f3a9c1b2d4e --reason "nobody asks it any more"`')(retire)


def cancel(
    run: RunArgument, *, reason: Reason = "", waits: Wait = True, timeout: Timeout = None, as_json: AsJson = False
) -> None:
    """End a run wherever it stands, and wait until it costs nothing more.

    Exit status: 0 cancelled, or its model withheld, or, with --no-wait, cancellation asked for; 1 it ended otherwise,
    before it could be cancelled; 2 cancellation could not be asked for, or the run not followed (standard error says why);
    3 timed out.
    """
    need_to_wait(timeout, waits=waits)
    ports = connect()
    found = cancelling.cancel(
        run_named(run, ports.ledger).id,
        request(reason, ports),
        tuner=ports.tuner,
        budget=ports.budget,
        progress=ports.progress,
    )
    ended, status = _end(found, ports, waits=waits, timeout=timeout, as_json=as_json)
    if waits and status != TIMED_OUT:
        status = 0 if ended.state in {State.CANCELLED, State.WITHHELD} else 1
    raise typer.Exit(status)


def rerun(
    run: RunArgument, *, reason: Reason = "", waits: Wait = False, timeout: Timeout = None, as_json: AsJson = False
) -> None:
    """Tune a run's version once more, as a new attempt with the same bytes. It costs what a tuning costs.

    Exit status: 0 begun, and with --wait deployed, or kept as the dataset's policy says (`manual`, `never`); 1 with
    --wait: it ended otherwise; 2 not begun, or not followed (standard error says why); 3 timed out.
    """
    need_to_wait(timeout, waits=waits)
    ports = connect()
    found = rerunning.rerun(
        run_named(run, ports.ledger).id, request(reason, ports), attempts=ports.attempts, progress=ports.progress
    )
    _, status = _end(found, ports, waits=waits, timeout=timeout, as_json=as_json)
    raise typer.Exit(status)


def approve(
    run: RunArgument, *, reason: Reason = "", waits: Wait = False, timeout: Timeout = None, as_json: AsJson = False
) -> None:
    """Deploy a model that was withheld, that could not be deployed, or that was retired. The gate is not asked.

    Exit status: 0 begun, and with --wait deployed; 1 with --wait: it ended otherwise; 2 not begun, or not followed
    (standard error says why); 3 timed out.
    """
    need_to_wait(timeout, waits=waits)
    ports = connect()
    found = approving.approve(
        run_named(run, ports.ledger).id, request(reason, ports), host=ports.host, progress=ports.progress
    )
    _, status = _end(found, ports, waits=waits, timeout=timeout, as_json=as_json)
    raise typer.Exit(status)


def rollback(
    dataset: Annotated[str, typer.Argument(metavar="NAME", help="The dataset.")],
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="RUN", help="The run whose space to use; by default the one before.")
    ] = "",
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Point a dataset's readers back to the previous space, which is still served, and tell everybody."""
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
        bool,
        typer.Option(
            "--even-current", help="Retire it even if readers are pointed to it; they are then pointed nowhere."
        ),
    ] = False,
    reason: Reason = "",
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", metavar="SECONDS", min=0, help="Wait for this long at most; a sweep goes on with it."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a run's model off its endpoint and remove the endpoint, so that it bills no more. The model is kept.

    Exit status: 0 retired; 2 not retired (standard error says why); 3 timed out.
    """
    ports = connect()
    until = end_of(ports, timeout)
    run_id = run_named(run, ports.ledger).id
    wish = request(reason, ports)
    left = retiring.leave(run_id, wish, even_current=even_current, aliases=ports.aliases, progress=ports.progress)

    outcome, is_told = None, False
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
        except Stopped:
            raise
        except Unavailable as error:
            if until is not None and ports.clock.now() >= until:
                step = f"the next sweep goes on with it, and `dropforge show {run_id}` tells how far it is"
                typer.echo(f"dropforge: the time is up, and {run_id} is not retired yet ({error}): {step}", err=True)
                raise typer.Exit(TIMED_OUT) from error
            if not is_told:
                typer.echo("waiting until the endpoint is empty ...", err=True)
            is_told = True
            ports.clock.sleep(_LOOKS_EVERY)
    if outcome.what is What.IGNORED:
        raise NotAllowed(f"run {run_id} was not retired: {outcome.why}")
    typer.echo(wire.as_text(ports.ledger.wanted(run_id)) if as_json else f"{run_id} is retired; its model is kept.")


def _end(run: Run, ports: Ports, *, waits: bool, timeout: float | None, as_json: bool) -> tuple[Run, int]:
    """Say where a run stands, or follow it to its end; gives the run as it then is, and the exit status of `watch`."""
    status = 0
    if waits:
        follower = Follower(ports.ledger, ports.clock, end_of(ports, timeout))
        run, status = see_through(run, ports, follower, silent if as_json else teller(ports))
    if as_json:
        typer.echo(wire.as_text(run))
    elif not waits:
        step = f"`dropforge show {run.id}` tells more" if run.is_settled else f"`dropforge watch {run.id}` follows it"
        typer.echo(f"{run.id} is {as_words(run.state)}: {step}.")
    elif status != TIMED_OUT:
        close(run)
    return run, status
