"""Runs commands one after another in one process, as each would run by itself: importing what they need takes longest.

Standard input has a JSON list of commands, a list of words each; standard output gets what came of each, in JSON.
"""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import NamedTuple


class Said(NamedTuple):
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str


def together(commands: list[list[str]], *, env: dict[str, str], cwd: Path) -> list[Said]:
    """What comes of these commands, what stands after `dropforge` each; `<` and a file may stand at the end of one."""
    program = [sys.executable, __file__]
    asked = json.dumps(commands)
    done = subprocess.run(program, input=asked, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Said(*each) for each in json.loads(done.stdout)]


def _said(words: list[str]) -> Said:
    from dropforge.cli.main import main  # noqa: PLC0415 - only the process of its own needs it

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    before = dict(os.environ)
    given = b""
    if "<" in words:
        *words, _, file = words
        given = Path(file).read_bytes()
    sys.stdin = io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
    sys.argv = ["dropforge", *words]
    status = 0
    with redirect_stdout(out), redirect_stderr(err), suppress(SystemExit):
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    os.environ.clear()
    os.environ.update(before)
    told = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    return Said(status, *told)


if __name__ == "__main__":
    json.dump([_said(words) for words in json.load(sys.stdin)], sys.stdout)
