"""What commands write on: tables, text, and how far it is."""

import io

import pytest
from rich.progress import TaskProgressColumn
from rich.table import Table

from dropforge.cli.paper import bar, console, drawn


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Closed(io.StringIO):
    """A pipe that nobody reads from any more."""

    def write(self, _):
        raise BrokenPipeError


def test_what_takes_long_is_shown_on_a_terminal_and_only_there(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as CI sets it: colours in a log, but nothing that moves
    for wanted, stream in ((True, Terminal()), (False, Terminal()), (True, io.StringIO())):
        monkeypatch.setattr("sys.stderr", stream)
        with bar("Checking [bold]topics\x1b", 100, TaskProgressColumn(), wanted=wanted) as progress:
            progress(50)
        shown = wanted and stream.isatty()
        assert (r"Checking [bold]topics\x1b" in stream.getvalue()) == shown
        assert bool(stream.getvalue()) == shown


def test_for_a_pipe_nothing_is_folded(capsys):
    table = Table.grid()
    table.add_row("word " * 100)
    console().print(table)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_no_line_ends_in_spaces():
    table = Table("a", "b", box=None)
    table.add_row("long", "x")
    table.add_row("x", "")
    assert drawn(lambda paper: paper.print(table, "")) == " a     b\n long  x\n x"


def test_where_nobody_reads_any_more_the_command_line_is_told(monkeypatch):
    monkeypatch.setattr("sys.stdout", Closed())
    with pytest.raises(BrokenPipeError):
        console().print("a line")
