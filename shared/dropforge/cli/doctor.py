"""`dropforge doctor`: what a project, or the stack on this machine, lacks, and the command that mends it."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dropforge import bootstrap, settings, wire
from dropforge.cli.paper import AsJson, drawn, output
from dropforge.cli.place import find
from dropforge.doctor.configuration import environment, sense
from dropforge.doctor.diagnosis import Diagnosis, State
from dropforge.doctor.examination import ALL, about, examine, left_out, looks
from dropforge.domain.text import harmless

_SETTINGS = "settings"
_ORDER: Mapping[State, int] = {state: place for place, state in enumerate(State)}
_WORDS = {State.WRONG: "wrong", State.UNKNOWN: "not known", State.OK: "well", State.SKIPPED: "skipped"}
_MARKS = {
    State.WRONG: ("✗", "bold red"),
    State.UNKNOWN: ("?", "yellow"),
    State.OK: ("✓", "green"),
    State.SKIPPED: ("-", "dim"),
}
_NOTE, _NOTED = ("!", "yellow"), "to consider"
_SUMMED = (_WORDS[State.WRONG], _WORDS[State.UNKNOWN], _NOTED, _WORDS[State.OK], _WORDS[State.SKIPPED])
_WIDEST = 30  # columns for what was looked at
_EXAMPLES = """
Example: `dropforge doctor`

Example: `dropforge doctor --json`

Example: `dropforge doctor --say-hello`
"""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=_EXAMPLES)(doctor)


def doctor(
    *,
    as_json: AsJson = False,
    say_hello: Annotated[
        bool, typer.Option("--say-hello", help="Send a message to Slack, instead of only connecting.")
    ] = False,
) -> None:
    """Check settings, buckets, topics, schedules, Vertex AI, rights, quotas and Slack; say what is missing, and how to fix it.

    Marks: ✗ wrong, ? not known (often for want of a role, which is named), ✓ well, ! well, with a note, - does not apply.
    It looks with the credentials of whoever calls it; the functions have an identity of their own. It writes one object
    to the state bucket and removes it, and shows no secret. On a laptop's stack, what only the cloud has is skipped.

    Exit status: 0 nothing is wrong, 1 something is, 2 not examined (standard error says why).
    """
    find()
    found = list(_examined(say_hello=say_hello))
    output(wire.as_text(found) if as_json else drawn(partial(_show, found)))
    raise typer.Exit(1 if any(each.state is State.WRONG for each in found) else 0)


def _examined(*, say_hello: bool) -> Iterator[Diagnosis]:
    subjects = looks(say_hello=say_hello)
    read = list(environment(os.environ))
    yield from about(_SETTINGS, read)
    if any(each.state is State.WRONG for each in read):
        yield from left_out(subjects, "the settings come first")
        return
    ports = bootstrap.Ports(settings.load())
    yield from about(_SETTINGS, sense(ports.settings, os.environ, datetime.now(UTC).date()))
    yield from examine(ports, subjects)


# Writing


def _show(found: Sequence[Diagnosis], console: Console) -> None:
    """By subject, first those in which something is wrong; a command is never folded, so that it can be copied."""
    shown = [each for each in found if each.what != ALL]
    subjects = dict.fromkeys(each.subject for each in sorted(shown, key=lambda each: each.state is not State.WRONG))
    widest = min(max(len(each.what) for each in shown), _WIDEST)
    for subject in subjects:
        console.print(Text(subject, "bold"))
        for each in sorted((each for each in shown if each.subject == subject), key=lambda each: _ORDER[each.state]):
            _show_one(each, widest, console)
    if out := [each for each in found if each.what == ALL]:
        console.print(Text(f"\nnot looked at, because {out[0].says}: {', '.join(each.subject for each in out)}", "dim"))
    counts = Counter(_NOTED if _is_note(each) else _WORDS[each.state] for each in shown)
    console.print(Text("\n" + ", ".join(f"{counts[word]} {word}" for word in _SUMMED if counts[word])))


def _is_note(each: Diagnosis) -> bool:
    """Whether it is well, and something can be done all the same."""
    return each.state is State.OK and bool(each.do)


def _show_one(each: Diagnosis, widest: int, console: Console) -> None:
    mark, style = _NOTE if _is_note(each) else _MARKS[each.state]
    line = Table.grid(padding=(0, 1))
    line.add_column(width=2, justify="right")
    line.add_column(width=widest, overflow="fold")
    line.add_column(overflow="fold")
    dim = "dim" if each.state is State.SKIPPED else ""
    line.add_row(Text(mark, style), Text(harmless(each.what), dim), Text(harmless(each.says), dim))
    console.print(line)
    if each.do:
        console.print(Text.assemble("   ", ("do: ", "dim"), (harmless(each.do), style)), soft_wrap=True)
