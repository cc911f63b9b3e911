"""The command line, as it is called from a shell."""

import shlex

import pytest
import typer
from typer.testing import CliRunner

from dropforge.cli import main as command_line


def parsed(line: str) -> None:
    """Have the command line read a command, without running it: one that it does not understand raises."""
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_group(command_line.app)
    context = command.make_context("dropforge", list(words), resilient_parsing=True)
    while words and words[0] in {"--profile", "--project"}:
        del words[:2]
    while hasattr(command, "get_command"):
        name = words.pop(0)
        command = command.get_command(context, name)
        assert command, f"{line}: there is no {name}"
    command.make_context(command.name, words)


def said(*arguments: object, status: int = 0) -> tuple[str, str]:
    """What a command says on standard output and standard error, when it ends with this status."""
    answer = CliRunner().invoke(command_line.app, [*map(str, arguments)])
    assert answer.exit_code == status, answer.output
    assert isinstance(answer.exception, SystemExit | None)
    return answer.stdout, answer.stderr


def failed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """What a command says when it fails."""
    monkeypatch.setattr("sys.argv", ["dropforge", *arguments])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (2, "")
    return captured.err
