"""Lines of a timeline: what happened, each after its moment."""

from rich.table import Table
from rich.text import Text

from dropforge.domain.event import Event
from dropforge.domain.message import Message, Tone
from dropforge.domain.messages import message_of
from dropforge.domain.text import printable

_MARKS = {Tone.GOOD: ("✓", "green"), Tone.NEUTRAL: ("·", "cyan"), Tone.BAD: ("✗", "red")}
_LONGEST_VALUE = 40


def told(event: Event, moment: str) -> Table | None:
    """An event on a line, after its moment; what went wrong on lines below it. None where people need not hear of it."""
    message = message_of(event)
    if message is None:
        return None
    line = Text(printable(message.headline), style="" if message.tone is Tone.NEUTRAL else "bold")
    if facts := _facts(message):
        line.append(f"  {facts}", style="dim not bold")
    table = _table(moment, message.tone, line)
    if message.tone is Tone.BAD:
        for detail in (*message.details, message.next_step):
            table.add_row("", "", Text(printable(detail), style=_MARKS[message.tone][1]))
    return table


def mentioned(words: str, moment: str) -> Table:
    """Something good to know that is no event, on a line after its moment."""
    return _table(moment, Tone.NEUTRAL, Text(printable(words)))


def _table(moment: str, tone: Tone, line: Text) -> Table:
    mark, colour = _MARKS[tone]
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", min_width=9, style="dim", no_wrap=True)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row(moment, Text(mark, style=colour), line)
    return table


def _facts(message: Message) -> str:
    """The figures that are short; resource names are not."""
    wanted = message.facts if message.tone is Tone.BAD else [fact for fact in message.facts if "/" not in fact[1]]
    short = (f"{label}: {value}" for label, value in wanted if len(value) <= _LONGEST_VALUE)
    return printable(", ".join(short))
