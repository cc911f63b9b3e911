"""`dropforge local`: run Dropforge whole on this machine."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from dropforge_local.stack import detached, environment
from dropforge_local.stack import down as stopping
from dropforge_local.stack import status as looking
from dropforge_local.stack import up as starting
from dropforge_local.stack.errors import NotRunning, StackError
from dropforge_local.stack.folder import DEFAULT_FOLDER, StackFolder
from dropforge_local.stack.ports import DEFAULT_BASE
from dropforge_local.stack.record import Record, State

app = typer.Typer(
    help="Run Dropforge whole on this machine: every function, against local servers. For trying and testing only.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Folder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Folder that holds the stack's state and logs.")]


@app.callback()
def local() -> None:
    """Keep the commands below a group of their own, however few they are."""


@app.command(epilog="Example: `dropforge local up --detach`")
def up(
    *,
    folder: Folder = DEFAULT_FOLDER,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once everything is ready; it goes on running.")
    ] = False,
    port_base: Annotated[
        int, typer.Option(metavar="N", help="First port of the stack's range; 0 takes any free ports.")
    ] = DEFAULT_BASE,
    source: Annotated[
        Path, typer.Option(metavar="DIR", help="Checkout that holds functions/ and deploy/topology.json.")
    ] = starting.CHECKOUT,
) -> None:
    """Start the servers and the functions, and keep them running until Ctrl-C (or `down`).

    State is kept in DIR: a stack that was stopped or killed goes on where it was.
    """
    began = time.monotonic()
    stack = StackFolder(folder)
    with _errors_in_one_sentence():
        if detach:
            _announce(detached.up(stack, source=source, port_base=port_base), began)
            typer.echo("Stop it with `dropforge local down`.")
        else:
            starting.log_to_stdout()
            starting.up(stack, source=source, port_base=port_base, on_ready=lambda record: on_ready(record, began))


def on_ready(stack: Record, began: float) -> None:
    """Say where everything is; `began` is the monotonic time at which the start began."""
    _announce(stack, began)
    typer.echo("Stop it with Ctrl-C.")


@app.command(epilog="Example: `dropforge local down`")
def down(folder: Folder = DEFAULT_FOLDER) -> None:
    """Stop the stack in DIR; do nothing when none is running. Its state stays."""
    with _errors_in_one_sentence():
        try:
            stopping.down(StackFolder(folder))
        except NotRunning:
            typer.echo(f"No stack is running in {folder}.")
        else:
            typer.echo(f"Stopped the stack in {folder}.")


@app.command(epilog="Example: `dropforge local status --json`")
def status(
    *,
    folder: Folder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with stable fields.")] = False,
) -> None:
    """Show each process: its address, state, uptime and memory. Exit status 0 when all is ready, else 1."""
    with _errors_in_one_sentence():
        stack = looking.status(StackFolder(folder))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(stack), indent=2).decode())
    else:
        # A pipe has no width, and half an address is of no use to who reads from it.
        Console(width=None if sys.stdout.isatty() else 120).print(_table(stack))
    if stack.state is not State.READY:
        raise typer.Exit(1)


@app.command(epilog='Example: `eval "$(dropforge local env)"`')
def env(folder: Folder = DEFAULT_FOLDER) -> None:
    """Print shell exports that point Google's libraries, gcloud and `dropforge` at the stack in DIR."""
    with _errors_in_one_sentence():
        variables = looking.running(StackFolder(folder)).variables
    typer.echo(environment.exports(variables), nl=False)


def _announce(stack: Record, began: float) -> None:
    typer.echo(f"Dropforge is ready after {time.monotonic() - began:.1f} s.")
    urls = {process.name: process.url for process in stack.processes}
    for name in ("console", "slack"):
        typer.echo(f"  {name:<8} {urls[name]}")


def _table(stack: looking.StackStatus) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("process", "state", "address"):
        table.add_column(heading, no_wrap=True)
    for heading in ("pid", "uptime", "memory", "restarts"):
        table.add_column(heading, justify="right", no_wrap=True)
    for process in stack.processes:
        table.add_row(
            process.name,
            process.state,
            process.url,
            str(process.pid or ""),
            "" if process.uptime_seconds is None else f"{process.uptime_seconds:.0f} s",
            _mebibytes(process.memory_bytes),
            str(process.restarts),
        )
    total = (f"{stack.uptime_seconds:.0f} s", _mebibytes(stack.memory_bytes), "")
    table.add_row("all, supervised", stack.state, f"{stack.console} (console)", str(stack.pid), *total)
    return table


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


@contextmanager
def _errors_in_one_sentence() -> Iterator[None]:
    try:
        yield
    except StackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app(prog_name="dropforge local")
