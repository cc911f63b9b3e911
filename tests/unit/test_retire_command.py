"""`dropforge retire` puts on record, and shows, who wanted it and why."""

import getpass

import pytest
from support.data import dataset
from support.world import World
from typer.testing import CliRunner

from dropforge.cli import actions, runs
from dropforge.cli import main as command_line
from dropforge.cli.place import Stopped
from dropforge.domain.errors import Unavailable
from dropforge.domain.runs import State


@pytest.fixture
def world(monkeypatch):
    world = World()
    for module in (actions, runs):
        monkeypatch.setattr(module, "connect", lambda: world)
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    world.deploy("topics", dataset())
    return world


def said(*arguments):
    answer = CliRunner().invoke(command_line.app, arguments)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_who_retired_a_run_and_why_is_shown_with_it(world):
    assert "is retired; its model is kept." in said(
        "retire", "topics", "--even-current", "--reason", "too dear \x1b[2J"
    )
    run = world.only_run()
    assert (run.state, run.history[-1].event) == (State.RETIRED, "retire/ann")
    [line] = [line for line in said("show", run.id).splitlines() if line.startswith("retired")]
    assert "by ann, " in line
    assert line.rstrip().endswith(": too dear \\x1b[2J")


def test_that_it_waits_is_said_once_and_is_no_failure(world, monkeypatch):
    answers = iter([Unavailable("it is being emptied"), Unavailable("it is being emptied"), None])

    def discard(*_):
        if error := next(answers):
            raise error

    monkeypatch.setattr(world.host, "discard", discard)
    answer = CliRunner().invoke(command_line.app, ["retire", "topics", "--even-current"])
    assert (answer.exit_code, answer.stderr) == (0, "waiting until the endpoint is empty ...\n")
    assert world.only_run().state is State.RETIRED


def test_a_stack_that_is_stopped_is_not_waited_for(world, monkeypatch):
    def discard(*_):
        raise Stopped("the stack was stopped")

    monkeypatch.setattr(world.host, "discard", discard)
    answer = CliRunner().invoke(command_line.app, ["retire", "topics", "--even-current"])
    assert (answer.exit_code, answer.stderr) == (2, "dropforge: the stack was stopped\n")


def test_the_time_may_be_up(world, monkeypatch):
    def discard(*_):
        raise Unavailable("it is being emptied")

    monkeypatch.setattr(world.host, "discard", discard)
    answer = CliRunner().invoke(command_line.app, ["retire", "topics", "--even-current", "--timeout", "5"])
    assert answer.exit_code == 3
    assert "is not retired yet (it is being emptied): the next sweep goes on with it" in answer.stderr


def test_a_reason_need_not_be_given(world):
    said("retire", "topics", "--even-current")
    assert (world.only_run().retirement.by, world.only_run().retirement.reason) == ("ann", "")
