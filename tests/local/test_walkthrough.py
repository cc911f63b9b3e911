"""The walkthrough is gone to the letter: each command in its order, in one shell, and what it shows is what is printed."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/walkthrough.md").read_text("utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = FENCE.findall(TEXT)
STEPS = [
    (command, shown)
    for kind, block in BLOCKS
    if kind == "console"
    for command, shown in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]
END = "@end@\n"
# What is another at each run, or on another machine: the digest of a run, figures, ages, ports, the padding of tables.
VARIES = [
    (r"\bcards-[0-9a-f]{12}\b", "RUN"),
    (r"(127\.0\.0\.1):\d+", r"\1:PORT"),
    (r"\d+ (?:s|min) ago", "AGO"),
    (r"-?\d+\.\d+", "N"),
    (r"Took: \d+ s", "Took: N"),
    (r"[ \t]+", " "),
]


def levelled(text):
    """The lines of an output, without what varies."""
    for pattern, instead in VARIES:
        text = re.sub(pattern, instead, text)
    return [line.strip() for line in text.splitlines()]


def agrees(shown, printed):
    """Whether an output is the one shown; a line of three dots stands for any lines, or none."""
    parts = [r"(?:.*\n)*?" if line == "..." else f"{re.escape(line)}\n" for line in levelled(shown)]
    return re.fullmatch("".join(parts), "".join(f"{line}\n" for line in levelled(printed))) is not None


def test_what_is_shown_is_compared():
    shown = "a 0.5\n...\nb cards-0123456789ab\n"
    assert agrees(shown, "a   0.75\nb cards-ffffffffffff\n")
    assert agrees(shown, "a 0.5\nx\ny\nb cards-ffffffffffff \n")
    assert not agrees(shown, "a 0.5\nx\n")
    assert not agrees(shown, "a 0.5\nx\nb topics-ffffffffffff\n")
    assert not agrees("", "unexpected\n")


class Walk:
    """A walk in a folder of its own, which has of the project what the walkthrough uses of it."""

    def __init__(self, home):
        self.home = home
        for name in ("deploy", "docs"):
            (home / name).symlink_to(ROOT / name)
        [program] = [block for kind, block in BLOCKS if kind == "python"]
        (home / "cards.py").write_text(program)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("DROPFORGE_")} | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "100",
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / "config"),
        }
        self.shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=home,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def take(self, command):
        """What a command of the walkthrough prints, in the shell that every one before was given to."""
        if command.startswith("dropforge local up"):
            command += " --port-base 0"
        self.shell.stdin.write(f"{command}\nprintf '\\n{END}'\n")
        self.shell.stdin.flush()
        printed = []
        for line in self.shell.stdout:
            if line == END:
                return "".join(printed).removesuffix("\n")
            printed.append(line)
        raise AssertionError(f"the shell ended at {command}: {''.join(printed)}")

    def stop(self):
        os.killpg(self.shell.pid, signal.SIGKILL)  # with what it runs in the background
        self.shell.wait()
        self.shell.stdin.close()
        self.shell.stdout.close()
        subprocess.run(["dropforge", "local", "down"], cwd=self.home, env=self.env, capture_output=True, check=False)


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_each_command_prints_what_it_shows_and_each_page_is_there(tmp_path):
    walk = Walk(tmp_path)
    pages = {}
    try:
        for command, shown in STEPS:
            printed = walk.take(command)
            assert agrees(shown, printed), f"$ {command}\n{printed}"
            if command.startswith("dropforge local up"):
                shown_ports, ports = (re.findall(r"http://127\.0\.0\.1:(\d+)", text) for text in (shown, printed))
                pages = dict(zip(shown_ports, ports, strict=True))
            if command == "dropforge runs":
                for port, path in re.findall(r"<http://127\.0\.0\.1:(\d+)(/.*?)>", TEXT):
                    assert "cards" in httpx.get(f"http://127.0.0.1:{pages[port]}{path}").text
        assert [left.name for left in tmp_path.glob("cards*")] == ["cards-mended"], "it clears away what it made"
    finally:
        walk.stop()
