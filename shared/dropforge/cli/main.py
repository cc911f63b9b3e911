"""`dropforge`: the root of the command line.

Further commands come from the entry point group `dropforge.commands`: each is a Typer application, under its own name.
"""

import sys
from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]
from typer.core import TyperGroup

from dropforge.cli.statuses import INTERRUPTED, NOT_READ
from dropforge.domain.errors import DropforgeError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

_OURS = {
    "check": "check",
    "plan": "plan",
    "drop": "drop",
    "watch": "watch",
    "runs": "runs",
    "show": "runs",
    "predict": "predict",
    "search": "search",
    "cancel": "actions",
    "rerun": "actions",
    "approve": "actions",
    "rollback": "actions",
    "retire": "actions",
    "dlq": "dlq",
    "events": "events",
    "doctor": "doctor",
    "profiles": "profiles",
    "completion": "completion",
}  # each command, and the module beside this one that adds it

_UNFORESEEN = (
    "this is a bug in Dropforge, not your fault: send its maintainers the lines above and what `dropforge --version` says, "
    "leaving out what is secret in your dataset; call it again, and it goes on where it was"
)
completion_init()  # a shell may be asking for completions


class _Imported(Mapping[str, Any]):
    """The commands by their names, each imported when it is asked for: none waits for another's imports."""

    def __iter__(self) -> Iterator[str]:
        return iter([*_OURS, *sorted(_further().names)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - Typer has no name for it
        if name in _OURS:
            ours = typer.Typer(rich_markup_mode="markdown")
            import_module(f"dropforge.cli.{_OURS[name]}").add_to(ours)
            return typer.main.get_group(ours).commands[name]
        command = typer.main.get_group(_further()[name].load())
        command.name = name
        return command


def _further() -> "EntryPoints":
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import

    return entry_points(group="dropforge.commands")


class _Commands(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - as the base class takes them
        super().__init__(**attributes)
        self.commands = cast("MutableMapping[str, Any]", _Imported())

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as the base class has it
        """Run a command; an error or an interrupt is one sentence on standard error, and a closed pipe is silent."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            typer.echo("dropforge: interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from interrupt
        except BrokenPipeError as error:
            from dropforge.cli.paper import read_no_further  # noqa: PLC0415 - seldom needed

            read_no_further()
            raise typer.Exit(NOT_READ) from error
        except (DropforgeError, OSError) as error:
            from dropforge.cli.advice import sentence  # noqa: PLC0415 - seldom needed

            typer.echo(f"dropforge: {sentence(error)}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=_Commands,
    add_completion=False,  # `dropforge completion` prints the script
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,  # a local variable may hold a secret
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - a callback of the option parser
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - slow to import

        typer.echo(f"dropforge {version('dropforge')}")
        raise typer.Exit


@app.callback(epilog="Example: `dropforge --profile production runs`")
def dropforge(
    *,
    profile: Annotated[str, typer.Option(metavar="NAME", help="Use the Dropforge of this profile.")] = "",
    project: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Use the Dropforge in this Google Cloud project, with Terraform's default names."
        ),
    ] = "",
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Drop a dataset folder into a bucket; get a tuned, measured, deployed embedding model.

    Without either option: the Dropforge that the environment names, else the stack in this folder, else your default profile's.

    Exit status: 0 done, and all is well; 1 done, but something is wrong, such as a dataset that is rejected; 2 could not be done
    (standard error says why); 3 timed out; 130 interrupted.
    """
    if profile and project:
        raise typer.BadParameter("name a profile or a project, not both")
    if profile or project:
        from dropforge.cli import place  # noqa: PLC0415 - a check of a folder here starts faster without it

        place.choose(profile=profile, project=project)


def main() -> None:
    """Run the command line: an unforeseen error is shown in full, with what to do about it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that the terminal cannot show becomes a `?`
    try:
        app()
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody has to be told
        sys.excepthook(type(error), error, error.__traceback__)
        typer.echo(f"dropforge: {_UNFORESEEN}", err=True)
        sys.exit(2)
