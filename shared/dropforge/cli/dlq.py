"""`dropforge dlq`: dead letters, the events that could not be handled, listed, shown, retried, discarded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dropforge import wire
from dropforge.bootstrap import Ports
from dropforge.cli.asking import request
from dropforge.cli.paper import AsJson, console
from dropforge.cli.place import connect
from dropforge.deadletters import DeadLetter, DeadLetters, SetAside, retry
from dropforge.deadletters import discard as take_away
from dropforge.domain.errors import Missing, Unreadable
from dropforge.domain.text import printable

Names = Annotated[list[str] | None, typer.Argument(metavar="LETTER...", help="As `dropforge dlq list` shows it.")]
_LONGEST_SHOWN = 4_000


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="dlq",
        help="Dead letters: events that could not be handled, kept with the reason.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
    )
    group.command("list", epilog="Example: `dropforge dlq list --json`")(show_all)
    group.command("show", epilog="Example: `dropforge dlq show submit_tuning/4711`")(show)
    group.command("retry", epilog="Example: `dropforge dlq retry --all`")(retry_some)
    group.command("discard", epilog='Example: `dropforge dlq discard notify_slack/4711 --reason "told by hand"`')(
        discard
    )
    app.add_typer(group)


@dataclass(frozen=True, slots=True)
class _Found:
    letter: DeadLetter
    lying: DeadLetters


@contextmanager
def _found(made: Ports) -> Iterator[list[_Found]]:
    """All dead letters: those that functions set aside, and those that Pub/Sub gave up on."""
    aside, undelivered = SetAside(made.state), made.undelivered
    try:
        yield [_Found(letter, lying) for lying in (aside, undelivered) for letter in lying.letters()]
    finally:
        undelivered.give_back()


def show_all(*, as_json: AsJson = False) -> None:
    """List every dead letter: who could not handle it, since when, and why."""
    with _found(connect()) as found:
        letters = sorted((each.letter for each in found), key=lambda letter: (letter.time, letter.name))
    if as_json:
        typer.echo(wire.as_text([_record(letter) for letter in letters]))
        return
    if not letters:
        typer.echo("No dead letters.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "since", "error"):
        table.add_column(heading, no_wrap=True)
    table.add_column("reason", overflow="fold")
    for letter in letters:
        table.add_row(*map(escape, (letter.name, letter.time[:19], letter.error, printable(letter.reason))))
    console().print(table)
    typer.echo(
        "\n`dropforge dlq show LETTER` tells more; once the cause is fixed: `dropforge dlq retry LETTER` or `--all`."
    )


def show(
    name: Annotated[str, typer.Argument(metavar="LETTER", help="As `dropforge dlq list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a dead letter in full."""
    with _found(connect()) as found:
        [letter] = [each.letter for each in _named(found, [name])]
    if as_json:
        typer.echo(wire.as_text(_record(letter)))
        return
    sheet = Table(box=None, show_header=False, pad_edge=False)
    sheet.add_column(style="dim", no_wrap=True)
    sheet.add_column(overflow="fold")
    content = wire.as_text(letter.data)
    for label, value in (
        ("function", letter.function),
        ("event", letter.id),
        ("type", letter.type),
        ("source", letter.source),
        ("since", letter.time),
        (letter.error, letter.reason),
        ("carries", _carries(letter)),
        ("data", content if len(content) <= _LONGEST_SHOWN else f"{content[:_LONGEST_SHOWN]}…  (--json shows all)"),
    ):
        sheet.add_row(label, Text(printable(value)))
    console().print(sheet)


def retry_some(
    names: Names = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that can be retried.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish dead letters again, to every subscriber; one that has handled an event before skips it.

    A lost tick, or an object's event, is only removed: the next sweep does what it should have done.

    In JSON: a list of `name` and `event`, the id of what was published; empty where it was only removed.

    Exit status: 0 all were retried; 1 some cannot be (standard error says which, and why); 2 it could not be done.
    """
    if bool(names) == everything:
        raise typer.BadParameter("name the dead letters, or give --all instead")
    made = connect()
    with _found(made) as found:
        failed = 0
        retried = []
        for each in found if everything else _named(found, names or []):
            try:
                event = retry(each.letter, each.lying, made.bus)
            except Unreadable as error:
                failed += 1
                typer.echo(
                    f"{each.letter.name}: cannot be retried ({error}); `dropforge dlq discard` removes it", err=True
                )
            else:
                retried.append({"name": each.letter.name, "event": event.id if event else ""})
                done = (
                    f"published {event.id} again" if event else "removed: the next sweep does what it should have done"
                )
                if not as_json:
                    typer.echo(f"{each.letter.name}: {printable(done)}")
    if as_json:
        typer.echo(wire.as_text(retried))
    elif everything and not found:
        typer.echo("No dead letters.")
    if failed:
        raise typer.Exit(1)


def discard(
    names: Names = None,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, in your words: it goes on record.")] = "",
    as_json: AsJson = False,
) -> None:
    """Remove dead letters for good. A copy stays on record in the state bucket, with your name and the reason.

    In JSON: a list of their names.
    """
    if not names:
        raise typer.BadParameter("name the dead letters, as `dropforge dlq list` shows them")
    made = connect()
    with _found(made) as found:
        wanted = _named(found, names)
        for each in wanted:
            take_away(each.letter, each.lying, request(reason, made), made.state)
            if not as_json:
                typer.echo(f"{each.letter.name}: removed")
    if as_json:
        typer.echo(wire.as_text([each.letter.name for each in wanted]))


def _named(found: list[_Found], names: list[str]) -> list[_Found]:
    by_name = {each.letter.name: each for each in found}
    for name in names:
        if name not in by_name:
            raise Missing(f"there is no dead letter {printable(name)}: `dropforge dlq list` lists them")
    return [by_name[name] for name in dict.fromkeys(names)]


def _record(letter: DeadLetter) -> dict[str, Any]:
    return {**wire.as_json(letter), "name": letter.name}


def _carries(letter: DeadLetter) -> str:
    try:
        event = letter.event()
    except Unreadable as error:
        return f"nothing that can be read: {error}"
    return f"{event.TYPE} {event.id}" if event else "nothing but what the next sweep makes up for"
