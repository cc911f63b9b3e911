"""`dropforge cancel`, `rerun` and `approve`: what they say, and how they end where somebody waits."""

import json

import pytest
from support.attended import Cloud
from support.commands import failed, said
from support.data import dataset

from dropforge.cli import actions
from dropforge.domain.facts import Fault
from dropforge.domain.jobs import JobState
from dropforge.domain.runs import State

WORSE = {"base_ndcg_at_10": 0.9, "tuned_ndcg_at_10": 0.2}


@pytest.fixture
def cloud(monkeypatch):
    cloud = Cloud()
    monkeypatch.setattr(actions, "connect", lambda: cloud)
    return cloud


@pytest.fixture
def waiting(cloud):
    """A run that is not submitted."""
    cloud.still = True
    cloud.land(cloud.put("topics", dataset()))
    cloud.still = False
    return cloud.only_run().id


def brought(cloud, state, metrics=None):
    """Bring the run to a state."""
    cloud.react()
    cloud.finish_jobs(metrics=metrics)
    cloud.watch()
    assert cloud.only_run().state is state


def record(*arguments, status=0):
    """The run that a command prints, after this world's log."""
    out, _ = said(*arguments, "--json", status=status)
    [line] = [line for line in out.splitlines() if line.startswith("{")]
    return json.loads(line)


class TestCancel:
    def test_a_run_is_named_by_its_id_or_by_its_dataset(self, waiting):
        told = said("cancel", "topics", "--no-wait")[0].splitlines()[-1]
        assert told == f"{waiting} is cancelled: `dropforge show {waiting}` tells more."
        assert record("cancel", waiting, "--no-wait")["state"] == "cancelled"

    def test_who_stays_sees_each_step(self, waiting):
        out, _ = said("cancel", waiting)
        assert " · topics: validating\n" in out
        assert " · topics: tuning cancelled  " in out
        assert out.endswith(f"\n\n`dropforge show {waiting}` tells more.\n")

    def test_a_model_that_is_withheld_for_it_is_well(self, cloud, waiting):
        brought(cloud, State.DEPLOYING)
        assert record("cancel", waiting)["state"] == "withheld"

    def test_one_that_ends_otherwise_is_not(self, cloud, waiting):
        cloud.react()
        cloud.ends = JobState.FAILED
        cloud.tuner.cancel = lambda _: None
        assert record("cancel", waiting, status=1)["state"] == "failed"

    @pytest.mark.usefixtures("cloud")
    def test_a_name_of_nothing_is_one_sentence(self, capsys, monkeypatch):
        error = failed(capsys, monkeypatch, "cancel", "nobody")
        assert error == "dropforge: there is no run and no dataset nobody: `dropforge runs` lists them\n"


class TestRerun:
    @pytest.fixture(autouse=True)
    def cancelled(self, waiting):
        said("cancel", waiting, "--no-wait")

    def test_nobody_need_wait(self, waiting):
        assert said("rerun", waiting)[0].endswith(
            f"{waiting}-a2 is validated: `dropforge watch {waiting}-a2` follows it.\n"
        )

    def test_one_that_is_deployed_is_well(self, waiting):
        ended = record("rerun", waiting, "--wait")
        assert (ended["id"], ended["state"]) == (f"{waiting}-a2", "deployed")

    def test_one_that_fails_is_not(self, cloud, waiting):
        cloud.ends = JobState.FAILED
        out, _ = said("rerun", waiting, "--wait", status=1)
        assert out.endswith(f"`dropforge show {waiting}-a2` tells more.\n")

    def test_the_time_may_be_up(self, cloud, waiting):
        cloud.ends = JobState.RUNNING
        _, err = said("rerun", waiting, "--wait", "--timeout", 60, status=3)
        assert f"the time is up, and {waiting}-a2 is " in err

    def test_a_timeout_without_a_wait_begins_nothing(self, cloud, waiting):
        assert "give --wait, too" in said("rerun", waiting, "--timeout", 60, status=2)[1]
        assert len(cloud.ledger.of_dataset("topics")) == 1


class TestApprove:
    @pytest.fixture
    def withheld(self, cloud, waiting):
        """A run whose model is worse."""
        brought(cloud, State.WITHHELD, WORSE)
        return waiting

    def test_one_that_is_deployed_is_well(self, withheld):
        assert record("approve", withheld, "--wait")["state"] == "deployed"

    def test_one_that_cannot_be_deployed_is_not(self, cloud, withheld):
        cloud.host.fails = Fault(code="INVALID_ARGUMENT", message="no such machine", step="", blame="system_error")
        out, _ = said("approve", withheld, "--wait", status=1)
        assert "no such machine" in out
