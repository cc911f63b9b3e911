"""How commands write: tables, text, JSON, and progress."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from dropforge.domain.text import printable

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with stable fields.")]

# Columns: a pipe has no width of its own. Nothing is folded for a program, and no dataset's text gets to begin a line.
_PIPED = 10_000


class _Paper(Console):
    """Rich would end the program by itself when nobody reads any more, as if something had gone wrong."""

    def on_broken_pipe(self) -> None:
        """Let the command line end it."""
        raise  # noqa: PLE0704 - it is called while the error is being handled


def console() -> Console:
    """Where tables are printed: as wide as the terminal; for a pipe nothing is folded."""
    return _Paper(width=None if sys.stdout.isatty() else _PIPED)


def drawn(draw: Callable[[Console], None]) -> str:
    """What is drawn, as wide as the terminal; for a pipe nothing is folded. No line ends in spaces."""
    paper = Console(width=None if sys.stdout.isatty() else _PIPED)
    with paper.capture() as captured:
        draw(paper)
    return "\n".join(line.rstrip(" ") for line in captured.get().split("\n")).rstrip("\n")


def output(text: str | bytes) -> None:
    """Print to standard output, whatever its encoding is."""
    try:
        typer.echo(text if isinstance(text, bytes) else text.encode(sys.stdout.encoding, "backslashreplace"))
    except BrokenPipeError:  # whoever reads has read enough
        read_no_further()


def read_no_further() -> None:
    """Let whatever else is printed go nowhere: nobody reads it, and Python would try once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def bar(
    what: str, total: int | None, *columns: ProgressColumn, wanted: bool = True
) -> Iterator[Callable[[int], object]]:
    """Show progress, on a terminal; yields a function that takes how much more is done."""
    paper = Console(stderr=True)
    if not wanted or not sys.stderr.isatty() or not paper.is_interactive:
        yield int
        return
    shown = TextColumn("{task.description}", markup=False), BarColumn(), *columns, TimeRemainingColumn()
    with Progress(*shown, console=paper, transient=True) as progress:
        yield partial(progress.advance, progress.add_task(printable(what), total=total))
