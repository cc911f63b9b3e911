"""The command line, as it is called from a shell."""

import pytest

from dropforge.cli import main as command_line


def failed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """What a command says when it fails."""
    monkeypatch.setattr("sys.argv", ["dropforge", *arguments])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (1, "")
    return captured.err
