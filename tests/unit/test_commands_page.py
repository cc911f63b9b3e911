"""Every command is documented, in its help and on the page; what is documented is understood."""

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.data import dataset
from support.stack import COMMAND
from typer.testing import CliRunner

from dropforge.cli import main as command_line
from dropforge.cli.commands_page import commands, examples, page

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/commands.md"
COMMANDS = dict(commands())
# Why these have no --json.
WITHOUT_JSON = {
    "completion": "it prints a script",
    "local up": "it runs until it is stopped; `local status --json` says where everything is",
    "local demo": "it is for people to look at",
}
EXAMPLES = [shown for command in COMMANDS.values() for shown in examples(command)]
ALONE = re.compile(r"[^-]*dropforge (check (?!gs:)|completion|events schema|profiles)")  # work without a Dropforge


def run(*arguments):
    return CliRunner().invoke(command_line.app, arguments)


def test_the_page_says_what_the_command_line_is():
    written = PAGE.read_text("utf-8")
    assert page(written) == written, "make it anew: python -m dropforge.cli.commands_page docs/commands.md"
    assert str(ROOT) not in written


def test_the_page_says_what_a_pair_of_options_is_by_default():
    defaults = {
        name: re.search(r"`--wait/--no-wait`.*Default: `(.*)`", page_of(name))[1]
        for name in ("cancel", "rerun", "approve")
    }
    assert defaults == {"cancel": "--wait", "rerun": "--no-wait", "approve": "--no-wait"}


def page_of(name):
    """What the page says of a command."""
    return PAGE.read_text("utf-8").partition(f"\n## {name}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_whatever_it_takes_has_a_help(name):
    command = COMMANDS[name]
    assert len(inspect.cleandoc(command.help)) > 20
    assert [each.name for each in command.params if not each.help and each.name != "help"] == []
    assert examples(command), "its help ends with an example"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_speaks_json_or_there_is_a_reason(name):
    takes_it = any("--json" in each.opts for each in COMMANDS[name].params)
    assert takes_it != (name in WITHOUT_JSON)


def words_of(shown):
    """What is typed after `dropforge`, without which one is meant."""
    words = shlex.split(re.sub(r'^eval "\$\((.*)\)"$', r"\1", shown))
    assert words.pop(0) == "dropforge"
    return words[2:] if words[0] in {"--profile", "--project"} else words


@pytest.mark.parametrize("shown", EXAMPLES)
def test_an_example_is_understood(shown):
    """Expect its words to be a command, and that command's arguments and options."""
    words = words_of(shown)
    [name] = [name for name in COMMANDS if words[: len(name.split())] == name.split()]
    COMMANDS[name].make_context(name, words[len(name.split()) :])


@pytest.mark.parametrize("shown", [shown for shown in EXAMPLES if ALONE.match(shown)])
def test_an_example_that_needs_nothing_runs(shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "topics").mkdir()
    for file, data in dataset().items():
        (tmp_path / "topics" / file).write_bytes(data)
    assert run(*words_of(shown)).exit_code == 0


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_a_shell_is_given_its_script(self, shell):
        assert "_DROPFORGE_COMPLETE" in run("completion", shell).output

    def test_it_is_the_shells_own_by_default(self, monkeypatch):
        monkeypatch.setenv("SHELL", "/usr/bin/fish")
        assert run("completion").output == run("completion", "fish").output

    def test_an_unknown_shell_is_one_sentence(self, monkeypatch):
        monkeypatch.setenv("SHELL", "/bin/tcsh")
        assert "name one of bash, zsh, fish" in run("completion").stderr

    @pytest.mark.parametrize(
        ("typed", "offered"), [("dropforge roll", "rollback"), ("dropforge check --explain labels-s", "labels-score")]
    )
    def test_a_shell_is_told_what_may_come_next(self, typed, offered):
        asked = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" ")), "_DROPFORGE_COMPLETE": "complete_bash"}
        told = subprocess.run([COMMAND], env=os.environ | asked, capture_output=True, text=True, check=True)
        assert offered in told.stdout.split()


class TestTheProgram:
    """What a shell makes of it."""

    def test_who_reads_only_the_beginning_ends_it_quietly(self):
        program = f"{shlex.quote(str(COMMAND))} events schema job.complete | head -1"
        told = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)
        assert (told.stdout, told.stderr) == ("{\n", "")

    def test_a_terminal_that_knows_few_signs_is_no_error(self, tmp_path):
        environment = os.environ | {"PYTHONIOENCODING": "ascii"}
        told = subprocess.run(
            [COMMAND, "events", "schema"], env=environment, capture_output=True, check=False, cwd=tmp_path
        )
        assert (told.returncode, told.stderr) == (0, b"")

    def test_nothing_is_coloured_for_a_pipe(self, tmp_path):
        told = subprocess.run([COMMAND, "events", "schema"], capture_output=True, check=True, cwd=tmp_path)
        assert b"\x1b" not in told.stdout
        assert max(map(len, told.stdout.splitlines())) > 80

    def test_without_a_dropforge_it_says_how_to_get_one(self, tmp_path):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DROPFORGE_")}
        environment |= {"XDG_CONFIG_HOME": str(tmp_path)}
        told = subprocess.run(
            [COMMAND, "runs", "--json"], env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert (told.returncode, told.stdout) == (2, "")
        [sentence] = told.stderr.splitlines()
        assert sentence.startswith("dropforge: no stack is running here: start one with `dropforge local up`")

    def test_ctrl_c_is_one_sentence(self, tmp_path):
        """Given a command that waits, expect no traceback."""
        waiting = (
            "import signal, os, threading, time\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "from dropforge.cli import main, runs\n"
            "runs.connect = lambda: time.sleep(20)\n"
            "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
            "main.main()\n"
        )
        command = [sys.executable, "-c", waiting, "runs"]
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=15, cwd=tmp_path)
        assert (told.returncode, told.stdout, told.stderr) == (130, "", "dropforge: interrupted\n")


def test_the_exit_statuses_that_the_page_names_are_those_of_the_help():
    told = inspect.cleandoc(command_line.app.registered_callback.callback.__doc__)
    [of_the_help] = re.findall(r"Exit status: (.*)", " ".join(told.split()))
    assert of_the_help in " ".join(PAGE.read_text("utf-8").split())


def test_json_of_the_types_is_whole():
    assert {"type": "job.complete", "topic": "job-complete"} in json.loads(run("events", "schema", "--json").output)
