"""`dropforge retire` puts on record, and shows, who wanted it and why."""

import getpass

import pytest
from support.data import dataset
from support.world import World
from typer.testing import CliRunner

from dropforge.cli import actions, runs
from dropforge.cli import main as command_line
from dropforge.domain.runs import State


@pytest.fixture
def world(monkeypatch):
    world = World()
    for module in (actions, runs):
        monkeypatch.setattr(module, "connect", lambda: world)
    monkeypatch.setattr(actions, "_LOOKS_EVERY", 0)
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


def test_a_reason_need_not_be_given(world):
    said("retire", "topics", "--even-current")
    assert (world.only_run().retirement.by, world.only_run().retirement.reason) == ("ann", "")
