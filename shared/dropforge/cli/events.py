"""`dropforge events`: what everybody may subscribe to, heard as it comes, published again, described."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from dropforge import wire
from dropforge.bootstrap import Ports
from dropforge.cli.paper import AsJson, console
from dropforge.cli.place import connect
from dropforge.cli.runs import run_named
from dropforge.cli.statuses import INTERRUPTED
from dropforge.domain.announcements import announced
from dropforge.domain.errors import DropforgeError, Missing, NotAllowed, Unreadable
from dropforge.domain.event import Event
from dropforge.domain.events import EVERY_TYPE
from dropforge.domain.messages import counted, message_of
from dropforge.domain.runs import Run, State
from dropforge.domain.text import printable
from dropforge.domain.topology import PUBLIC
from dropforge.reports.schemas import schema, short, summary, type_named

Topics = Annotated[list[str] | None, typer.Option("--topic", metavar="TOPIC", help="Only this topic; may be repeated.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="events",
        help="Events: what subscribers are told about runs.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
    )
    group.command("tail", epilog="Example: `dropforge events tail --topic job-complete --json`")(tail)
    group.command("replay", epilog="Example: `dropforge events replay topics-0f3a9c1b2d4e --topic job-complete`")(
        replay
    )
    group.command("schema", epilog="Example: `dropforge events schema job.complete`")(show_schema)
    app.add_typer(group)


def tail(
    topics: Topics = None,
    *,
    dataset: Annotated[str, typer.Option("--dataset", metavar="NAME", help="Only events of this dataset.")] = "",
    project: Annotated[
        str,
        typer.Option("--project", help="The project to make the temporary subscriptions in; by default Dropforge's."),
    ] = "",
    count: Annotated[int, typer.Option("--count", min=0, help="Stop after this many events; 0 for never.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print events as they are published, one a line, until Ctrl-C. No other subscriber misses any.

    It makes a subscription to each topic and removes it at the end; one that was left behind expires after a day.
    Events may come out of order; one that comes again under the same id, as from `dropforge events replay`, is skipped.

    In JSON: the message's `attributes` and its `data`, or the `error` that says why that cannot be read.
    """
    chosen = _topics(topics)
    made = connect()
    with _ended_by_hand(), made.listening.to(chosen, dataset=dataset, within=project) as heard:
        typer.echo(f"Listening to {', '.join(chosen)}. Ctrl-C ends it.", err=True)
        for number, (data, attributes) in enumerate(heard, start=1):
            typer.echo(_as_json(data, attributes) if as_json else _line(data, attributes))
            if number == count:
                break


def replay(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or a dataset's name for its newest run.")],
    *,
    topics: Topics = None,
    states: Annotated[
        list[State] | None,
        typer.Option("--state", metavar="STATE", help="Only those in this state; may be repeated."),
    ] = None,
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a run's events again, under their ids, for a subscriber that lost them.

    Every subscriber hears them again; one that deduplicates by the id skips them, as Dropforge does.

    In JSON: a list of `id` and `topic`.
    """
    chosen = _topics(topics)
    made = connect()
    found = run_named(run, made.ledger)
    told = list(announced(found, made.settings.links, told=found.reopened))
    again = [
        event for event in told if event.TOPIC in chosen and (not states or getattr(event, "state", None) in states)
    ]
    if not again:
        raise NotAllowed(f"run {found.id} has no such event to publish again: {_what_there_is(found, told)}")
    if as_json and not sure:
        raise typer.BadParameter("--json does not ask: give --yes, too")
    if as_json:
        for event in again:
            made.bus.publish(event)
        typer.echo(wire.as_text([{"id": event.id, "topic": event.TOPIC} for event in again]))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("time", "topic", "type", "id"):
        table.add_column(heading, no_wrap=True)
    for event in again:
        table.add_row(f"{event.time:%Y-%m-%d %H:%M:%S}", event.TOPIC, short(type(event)), escape(event.id))
    console().print(table)
    typer.echo(f"\n{_who_hears({event.TOPIC for event in again}, made)}")
    if not made.settings.console_url:
        typer.echo("DROPFORGE_CONSOLE_URL is not set here: their `links` will lack the console.")
    if not sure:
        typer.confirm(f"Publish {counted(len(again), 'event')} again?", abort=True)
    for event in again:
        made.bus.publish(event)
        typer.echo(f"published {event.id} to {event.TOPIC}")


def show_schema(
    kind: Annotated[
        str, typer.Argument(metavar="[TYPE]", help="Such as `job.complete` or `dropforge.job.complete.v1`.")
    ] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="List the types as JSON; a schema is JSON anyway.")] = False,
) -> None:
    """Print the JSON Schema of an event type's data; without a type, list the types. No Dropforge needs to be running.

    In JSON the list is one of `type` and `topic`.
    """
    if kind:
        typer.echo(wire.as_document(schema(type_named(kind))), nl=False)
        return
    if as_json:
        typer.echo(wire.as_text([{"type": short(each), "topic": each.TOPIC} for each in EVERY_TYPE]))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("type", "topic"):
        table.add_column(heading, no_wrap=True)
    table.add_column("", overflow="fold")
    for each in EVERY_TYPE:
        table.add_row(short(each), each.TOPIC, escape(summary(each)))
    console().print(table)


def _topics(named: list[str] | None) -> tuple[str, ...]:
    """The topics that are meant, all of them where none is named.

    Raises:
        Missing: One is not ours.
    """
    for name in named or ():
        if name not in PUBLIC:
            raise Missing(f"there is no public topic {printable(name)}: there are {', '.join(PUBLIC)}")
    return tuple(dict.fromkeys(named or PUBLIC))


@contextmanager
def _ended_by_hand() -> Iterator[None]:
    """Let Ctrl-C, or what `kill` and `timeout` send, end the work inside in good order."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _line(data: bytes, attributes: dict[str, str]) -> str:
    """An event on one line: when, of which dataset and run, its type, and what people are told of it."""
    try:
        event = wire.read_message(data, attributes)
    except Unreadable as error:
        return printable(f"{attributes.get('ce-time', '')[:19]}  {attributes.get('ce-id', '')}  {error}")
    message = message_of(event)
    parts = (
        f"{event.time:%Y-%m-%d %H:%M:%S}",
        event.dataset,
        getattr(event, "run", ""),
        short(type(event)),
        message.headline if message else "",
    )
    return printable("  ".join(part for part in parts if part))


def _as_json(data: bytes, attributes: dict[str, str]) -> str:
    try:
        content = wire.decode(data, dict, "an event")
    except Unreadable as error:
        return wire.as_text({"attributes": attributes, "error": str(error)})
    return wire.as_text({"attributes": attributes, "data": content})


def _what_there_is(run: Run, told: list[Event]) -> str:
    """Which events of a run can be published again, and why not all."""
    ids = ", ".join(f"{event.id} on {event.TOPIC}" for event in told) or "none yet"
    since = (
        "; what it published before it was taken up again cannot be made anew from its record" if run.reopened else ""
    )
    return f"it has published {ids}{since}"


def _who_hears(topics: set[str], made: Ports) -> str:
    """Who subscribes to these topics, as far as it can be seen."""
    try:
        names = sorted(each.name for each in made.wiring.subscriptions() if each.topic in topics)
    except DropforgeError as error:
        return f"Who subscribes is not known ({printable(str(error))}): everybody who does hears them again."
    here = ", ".join(map(printable, names)) or "nobody in this project"
    return f"Heard again by {here}, and by subscriptions of other projects, which cannot be seen from here."
