"""`dropforge local`: run all of Dropforge on this machine."""

import os
import shlex
import shutil
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from dropforge.cli.paper import AsJson, console, read_no_further
from dropforge.domain.errors import DropforgeError, Unreadable
from dropforge.domain.text import as_span
from dropforge.domain.topology import PUBLIC
from dropforge_local.stack import detached, environment
from dropforge_local.stack import down as stopping
from dropforge_local.stack import status as looking
from dropforge_local.stack import up as starting
from dropforge_local.stack.errors import NotRunning
from dropforge_local.stack.folder import DEFAULT_FOLDER, StackFolder
from dropforge_local.stack.ports import DEFAULT_BASE
from dropforge_local.stack.record import Record, State

app = typer.Typer(
    help="Run all of Dropforge on this machine: every function, against local servers. For trying and testing only.",
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
    if detach:
        _announce(detached.up(stack, source=source, port_base=port_base), began)
        _hint(folder, f"Stop it with: {_command()} local down{_option(folder)}")
    else:
        starting.log_to_stdout()
        starting.up(stack, source=source, port_base=port_base, on_ready=lambda record: on_ready(record, folder, began))


def on_ready(stack: Record, folder: Path, began: float) -> None:
    """Say where everything is, what to do, and from then on what happens; returns at once.

    Args:
        stack: As it stands.
        folder: Where its state is.
        began: The monotonic time at which the start began.
    """
    _announce(stack, began)
    _hint(folder, "Stop it with Ctrl-C. What happens:\n")
    os.environ.update(stack.variables)  # Google's clients read where the stack is from there
    threading.Thread(target=_tell_what_happens, args=[stack], daemon=True).start()


def _hint(folder: Path, last: str) -> None:
    """What to type now."""
    me = _command()
    typer.echo("\nIn another terminal, in this folder:")
    typer.echo(f'  eval "$({me} local env{_option(folder)})"   # gcloud and Google\'s clients work here')
    typer.echo(f"  {me} drop FOLDER --wait")
    typer.echo(f"  {me} runs\n{last}")


def _option(folder: Path) -> str:
    return "" if folder == DEFAULT_FOLDER else f" --dir {shlex.quote(str(folder))}"


def _command() -> str:
    """What to type for this very command: its name where the shell finds it, else its path from here."""
    if shutil.which("dropforge"):
        return "dropforge"
    path = Path(sys.argv[0]).absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _tell_what_happens(stack: Record) -> None:
    from dropforge import wire  # noqa: PLC0415 - as below
    from dropforge.adapters.google.listening import Listening  # noqa: PLC0415 - Google's client is slow to import
    from dropforge.reports.timeline import told  # noqa: PLC0415 - as above

    out = console()
    try:
        with Listening(stack.variables["DROPFORGE_PROJECT"]).to(PUBLIC) as heard:
            for data, attributes in heard:
                with suppress(Unreadable):  # anybody may publish on a laptop; the functions report it
                    event = wire.read_message(data, attributes)
                    if line := told(event, event.time.astimezone().strftime("%H:%M:%S")):
                        out.print(line)
    except BrokenPipeError:  # the stack goes on
        read_no_further()
    except DropforgeError as error:
        typer.echo(f"What happens is no longer shown here ({error}); `dropforge events tail` shows it.", err=True)


@app.command(epilog="Example: `dropforge local demo`")
def demo(
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Folder for the demonstration's own stack; emptied first.")
    ] = DEFAULT_FOLDER / "demo",
) -> None:
    """Show the whole chain: drop three datasets, tune, measure, deploy, predict. Starts and stops a stack of its own."""
    from dropforge_local.demo import scenario  # noqa: PLC0415 - Google's clients are slow to import

    scenario.run(folder, source=starting.CHECKOUT, out=console())


@app.command(epilog="Example: `dropforge local down`")
def down(*, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Stop the stack in DIR; do nothing when none is running. Its state stays.

    In JSON: `was_running`.
    """
    was_running = True
    try:
        stopping.down(StackFolder(folder))
    except NotRunning:
        was_running = False
    if as_json:
        _print_json({"was_running": was_running})
    else:
        typer.echo(f"Stopped the stack in {folder}." if was_running else f"No stack is running in {folder}.")


@app.command(epilog="Example: `dropforge local status --json`")
def status(
    *,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Show each process: its address, state, uptime and memory.

    In JSON: `state`, `console`, `pid`, `uptime_seconds`, `memory_bytes`, `variables` as `env` prints them, and
    `processes`: of each `name`, `state`, `pid`, `port`, `url`, `uptime_seconds`, `memory_bytes`, `restarts`.

    Exit status: 0 all is ready, 1 something is not, 2 none is running.
    """
    stack = looking.status(StackFolder(folder))
    if as_json:
        _print_json(stack)
    else:
        console().print(_table(stack))
    if stack.state is not State.READY:
        raise typer.Exit(1)


@app.command(epilog='Example: `eval "$(dropforge local env)"`')
def env(*, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Print shell exports that point Google's libraries, gcloud and `dropforge` at the stack in DIR.

    In JSON: each variable by its name.
    """
    variables = looking.running(StackFolder(folder)).variables
    if as_json:
        _print_json(variables)
    else:
        typer.echo(environment.exports(variables), nl=False)


def _announce(stack: Record, began: float) -> None:
    typer.echo(f"Dropforge is ready after {time.monotonic() - began:.1f} s.")
    urls = {process.name: process.url for process in stack.processes}
    for name in ("console", "slack"):
        typer.echo(f"  {name:<8} {urls[name]}")


def _table(stack: looking.StackStatus) -> Table:
    table = Table(box=None, pad_edge=False, collapse_padding=True)  # so that 80 columns suffice
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
            "" if process.uptime_seconds is None else _span(process.uptime_seconds),
            _mebibytes(process.memory_bytes),
            str(process.restarts),
        )
    total = (_span(stack.uptime_seconds), _mebibytes(stack.memory_bytes), "")
    table.add_row("all, supervised", stack.state, "", str(stack.pid), *total)
    return table


def _print_json(what: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(what), indent=2).decode())


def _span(seconds: float) -> str:
    return as_span(timedelta(seconds=seconds))


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
