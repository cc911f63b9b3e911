"""The command line says what the ledger says, and errors in one sentence."""

import json

import pytest
from support.commands import failed
from support.data import dataset, labels
from support.world import World
from typer.testing import CliRunner

from dropforge.actions.rollback import rollback
from dropforge.cli import actions, runs
from dropforge.cli import main as command_line
from dropforge.domain.facts import Request


@pytest.fixture
def world(monkeypatch):
    world = World()
    for module in (actions, runs):
        monkeypatch.setattr(module, "connect", lambda: world)
    return world


def said(*arguments):
    answer = CliRunner().invoke(command_line.app, arguments)
    assert answer.exception is None, answer.output
    return answer.output


def test_runs_are_listed_the_newest_first(world):
    for name in ("alpha", "beta"):
        world.land(world.put(name, dataset()))
    assert [run["dataset"] for run in json.loads(said("runs", "--json"))] == ["beta", "alpha"]
    first, second = [line for line in said("runs").splitlines() if "validated" in line]
    assert first.startswith("beta-")
    assert second.startswith("alpha-")


def test_without_runs_the_list_says_what_to_do(world):
    assert said("runs", "--json").strip() == "[]"
    assert "Drop a dataset folder" in said("runs")


def test_a_run_is_shown_by_its_id_or_its_datasets_name(world):
    world.land(world.put("topics", dataset()))
    [run] = world.ledger.summaries()
    shown = json.loads(said("show", run.id, "--json"))
    assert (shown["state"], [step["state"] for step in shown["history"]]) == ("validated", ["validating", "validated"])
    assert json.loads(said("show", "topics", "--json")) == shown
    assert run.id in said("show", "topics")


def test_a_run_says_where_readers_are_pointed_and_how_to_have_them_here(world):
    for queries in (80, 90):
        world.deploy("topics", dataset(queries=queries))
        world.clock.advance(60)
    second, first = world.aliases.of("topics").run, world.aliases.of("topics").previous.run
    assert "are pointed to it\n" in said("show", second)
    wish = Request(by="ann", at=world.clock.now())
    rollback("topics", "", wish, aliases=world.aliases, host=world.host, progress=world.progress)
    assert f"are pointed to {first}, as ann asked" in said("show", "topics")
    assert f"`dropforge rollback topics --to {second}`" in said("show", second)
    assert "are pointed to it, as ann asked" in said("show", first)


def test_what_a_dataset_says_does_not_reach_the_terminal(world):
    hostile = dataset()["test_label.tsv"].replace(b"q41\t", "\u009b2Jq41\t".encode())
    world.land(world.put("topics", dataset() | {"test_label.tsv": hostile}))
    assert "\\x9b2Jq41" in said("show", "topics")
    assert "\u009b" not in said("show", "topics")


def test_findings_that_are_not_shown_are_counted(world):
    rows = [("q1", f"nowhere-{n}", 1) for n in range(50)]
    world.land(world.put("topics", dataset() | {"test_label.tsv": labels(rows)}))
    shown = said("show", "topics")
    told = sum(line.startswith("error") for line in shown.splitlines())
    [run] = world.ledger.summaries()
    report = json.loads(world.state.read(f"runs/{run.id}/report.json")[0])
    errors = sum(finding["severity"] == "error" for finding in report["findings"])
    assert f"and {errors - told} errors" in shown
    assert f"more: gs://state/runs/{run.id}/report.json" in shown


@pytest.mark.usefixtures("world")
def test_a_run_that_is_not_there_is_one_sentence(capsys, monkeypatch):
    error = failed(capsys, monkeypatch, "show", "nobody")
    assert error == "dropforge: there is no run and no dataset nobody: `dropforge runs` lists them\n"


def test_what_this_machine_refuses_is_one_sentence(world, capsys, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device", "cache")

    monkeypatch.setattr(world.ledger, "load", full)
    assert failed(capsys, monkeypatch, "show", "x") == "dropforge: [Errno 28] No space left on device: 'cache'\n"


def test_without_a_stack_the_next_step_is_told(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DROPFORGE_STATE_BUCKET", raising=False)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    assert "start one with `dropforge local up`" in failed(capsys, monkeypatch, "runs")


def test_a_stack_that_was_stopped_is_told_at_once(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DROPFORGE_STATE_BUCKET", "state")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9 is not running" in failed(capsys, monkeypatch, "runs")


def test_every_command_has_an_example():
    for command in ("runs", "show"):
        assert f"Example: dropforge {command}" in " ".join(said(command, "--help").replace("`", "").split())


def test_the_version_is_told():
    assert said("--version").startswith("dropforge 0.")


class TestRuns:
    @pytest.fixture
    def settled(self, world):
        """Three runs that were rejected, and one in flight that began before the last of them."""
        for name in ("alpha", "beta", "flying", "gamma"):
            files = dataset() if name == "flying" else dataset() | {"test_label.tsv": labels([("q1", "nowhere", 1)])}
            world.land(world.put(name, files))
        return world

    def test_those_in_flight_come_first(self, settled):
        assert [run["dataset"] for run in json.loads(said("runs", "--json"))] == ["flying", "gamma", "beta", "alpha"]

    def test_they_can_be_chosen_by_state_and_dataset(self, settled):
        assert [run["dataset"] for run in json.loads(said("runs", "--state", "validated", "--json"))] == ["flying"]
        assert [run["dataset"] for run in json.loads(said("runs", "--dataset", "beta", "--json"))] == ["beta"]
        assert json.loads(said("runs", "--dataset", "beta", "--state", "failed", "--json")) == []

    def test_what_is_not_shown_is_mentioned(self, settled, monkeypatch):
        monkeypatch.setattr(runs, "_PAGE", 1)
        answer = CliRunner().invoke(command_line.app, ["runs", "--most", "2"])
        assert ("alpha" in answer.stdout, "There are older ones" in answer.stderr) == (False, True)
        assert "There are older ones" not in said("runs", "--most", "3")
