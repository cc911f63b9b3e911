"""`dropforge`: the root of the command line.

Further commands come in by the entry point group `dropforge.commands`: a Typer application each, under its own name.
"""

import sys
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from dropforge.cli import runs
from dropforge.domain.errors import DropforgeError

app = typer.Typer(
    help="Drop a dataset folder into a bucket; get a tuned, measured, deployed embedding model.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,  # a local variable may hold a secret
)
runs.add_to(app)
for command in entry_points(group="dropforge.commands"):
    app.add_typer(command.load(), name=command.name)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - a callback of the option parser
    if wanted:
        typer.echo(f"dropforge {version('dropforge')}")
        raise typer.Exit


@app.callback()
def dropforge(
    *,
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Drop a dataset folder into a bucket; get a tuned, measured, deployed embedding model."""


def main() -> None:
    """Run the command line: an error is one sentence on standard error and exit status 1."""
    try:
        app()
    except DropforgeError as error:
        typer.echo(f"dropforge: {error}", err=True)
        sys.exit(1)
