"""`dropforge completion`: what a shell needs to complete commands, options and their values."""

import os
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from dropforge.domain.errors import Refused

VARIABLE = "_DROPFORGE_COMPLETE"


class Shell(StrEnum):
    """Whose script it is."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog='Example: `eval "$(dropforge completion bash)"`')(completion)


def completion(
    shell: Annotated[
        Shell | None, typer.Argument(metavar="[SHELL]", help="bash, zsh or fish; by default the one that $SHELL names.")
    ] = None,
) -> None:
    """Print the script that lets a shell complete `dropforge`. Have your shell's start-up file evaluate it."""
    wanted = {"prog_name": "dropforge", "complete_var": VARIABLE, "shell": shell or _mine()}
    typer.echo(get_completion_script(**wanted))


def _mine() -> Shell:
    name = PurePath(os.environ.get("SHELL", "")).name
    if name not in set(Shell):
        raise Refused(f"your shell is not known: name one of {', '.join(Shell)}")
    return Shell(name)
