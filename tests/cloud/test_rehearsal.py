"""The rehearsal, rehearsed without a cloud: Terraform with a stand-in for its provider, and the stack on this machine.

What remains for a project to show is Google's half: that it makes what Terraform asks for, and takes it away again.
"""

import fcntl
import io
import json
import os
import re
import signal
import stat
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from cloud import rehearse
from cloud.deployment import Deployment, Failed, Options, Program
from cloud.journal import RECORD, Journal
from cloud.rehearsal import PATIENCE, Rehearsal
from google.cloud import pubsub_v1, storage
from rich.console import Console
from support.servers import eventually
from support.stack import PROJECT as LAPTOP
from terraform.deployment import PROJECT

from dropforge.domain.events import DatasetValidated, JobComplete, ModelDeployed, TuningSubmitted

ROOT = Path(__file__).parents[2]
README = " ".join((ROOT / "deploy" / "terraform" / "README.md").read_text("utf-8").split())
OPERATOR = f"service_account: dropforge-runner@{PROJECT}.iam.gserviceaccount.com\n"
PRICES = """
prices:
  currency: USD
  hourly: {n1-standard-16: 1.00, NVIDIA_TESLA_V100: 4.00, a2-highgpu-1g: 5.00, NVIDIA_TESLA_A100: 0}
"""
AGAIN = "rehearse.py --only-teardown"


@pytest.fixture
def out():
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder for rehearsals, and a Terraform that would tell of its being called."""
    program = tmp_path / "bin" / "terraform"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho called > {tmp_path}/called\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    yield tmp_path / "home"
    assert not (tmp_path / "called").exists()


def said(out):
    return " ".join(out.file.getvalue().split())


# Refused


@pytest.mark.parametrize("given", ["", "yes", "another-project"])
def test_without_the_projects_name_as_confirmation_nothing_is_called(given, home, out, monkeypatch):
    monkeypatch.setenv(rehearse.CONFIRM, given)
    assert rehearse.main(["--project", PROJECT, "--region", "europe-west4"], out, home) == rehearse.REFUSED
    assert not home.exists()
    command = f"{rehearse.CONFIRM}={PROJECT} .venv/bin/python tests/cloud/rehearse.py --project {PROJECT}"
    assert f"Nothing was called, nothing was made. To do it: {command} --region europe-west4" in said(out)


def test_it_says_beforehand_what_is_made_and_that_prices_are_not_known(home, out):
    rehearse.main(["--project", PROJECT], out, home)
    for sentence in (
        "makes 7 functions, 9 topics",
        "tunes text-embedding-005 with 2,310 labels, 181 steps of 128 pairs, on n1-standard-16 with 4 x NVIDIA",
        "takes 0.6 hours, 2.3 accelerator hours, at 20 pairs a second on each NVIDIA_TESLA_V100 (an assumption",
        "tuning: the price is not known: there is no price table",
        "at most 2 hours: the price is not known",
        "removes everything again, after a failure, too",
        "leaves services switched on",
    ):
        assert sentence in said(out)


def test_with_the_operators_prices_it_says_what_it_costs(home, out, tmp_path):
    """17.00 an hour for 30 minutes and 181 x 128 / (20 x 4) seconds; 5.00 an hour for the endpoint."""
    (tmp_path / "mine.yaml").write_text(OPERATOR + PRICES)
    rehearse.main(["--project", PROJECT, "--config", str(tmp_path / "mine.yaml")], out, home)
    assert f"tuning: {17 * (0.5 + 181 * 128 / 80 / 3600):.2f} USD, by your prices" in said(out)
    assert "at most 2 hours: 10.00 USD, by your prices" in said(out)


def test_an_operators_file_that_cannot_be_used_is_told(home, out, tmp_path):
    (tmp_path / "mine.yaml").write_text("trainin: {}")
    assert rehearse.main(["--project", PROJECT, "--config", str(tmp_path / "mine.yaml")], out, home) == rehearse.REFUSED
    assert "trainin is no setting" in said(out)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the following arguments are required: --project"),
        (["--project", ""], "make cloud PROJECT=ID"),
        (["--project", "Acme ML"], "is no project's id"),
        (["--project", PROJECT, "--var", "grant_tuning_agent"], "write NAME=VALUE"),
        (["--project", PROJECT, "--config", "nowhere.yaml"], "there is no such file"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, says, home, out, capsys):
    with pytest.raises(SystemExit) as ended:
        rehearse.main(arguments, out, home)
    assert ended.value.code == rehearse.REFUSED
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_teardown_is_confirmed_as_well(home, out):
    assert rehearse.main(["--project", PROJECT, "--only-teardown"], out, home) == rehearse.REFUSED
    assert f"This removes what a rehearsal made in {PROJECT}" in said(out)
    assert "Nothing was called" in said(out)


def test_a_teardown_of_nothing_is_done_at_once(home, out, monkeypatch):
    monkeypatch.setenv(rehearse.CONFIRM, PROJECT)
    assert rehearse.main(["--project", PROJECT, "--only-teardown"], out, home) == 0
    assert "nothing of a rehearsal is left" in said(out)


def test_a_rehearsal_that_was_cut_off_does_not_go_on_with_other_options(home, out, monkeypatch):
    monkeypatch.setenv(rehearse.CONFIRM, PROJECT)
    path = home / PROJECT / "rehearsal.json"
    Journal.begun(path, Options(PROJECT, "us-west1", operator=OPERATOR))
    assert rehearse.main(["--project", PROJECT], out, home) == rehearse.REFUSED
    assert "repeat them to go on, or add --only-teardown" in said(out)
    assert Journal.kept(path).options.region == "us-west1"


# Rehearsed


class Rehearsals:
    """Rehearsals of one project, each told in a text. They call Terraform through this, which notes what they do."""

    def __init__(self, folder, terraform, stack):
        self.home, self.record = folder / "home", folder / "REHEARSED.md"
        self.terraform, self.stack = terraform, stack
        self.commands, self.applied = [], []
        self.interrupted_at, self.locked = "", False

    def __call__(self, folder, command, *arguments):
        self.commands.append(command)
        if command == self.interrupted_at:
            raise KeyboardInterrupt
        state = folder / "terraform.tfstate"
        if command == "destroy" and state.exists():
            self.applied = json.loads(state.read_bytes())["resources"]
        with held(state) if self.locked and command == "destroy" else nullcontext():
            return self.terraform(folder, command, *arguments)

    def begun(self, **differently):
        """A new one, or one that goes on."""
        path = self.home / "rehearsal.json"
        journal = Journal.kept(path) or Journal.begun(path, Options(PROJECT, operator=OPERATOR))
        deployment = Deployment(self.home, journal.options, self, attempts=1)
        out = Console(file=io.StringIO(), width=200)
        where = {"where": lambda _: self.stack.variables, "well_after": 30}
        return Rehearsal(journal, deployment, AGAIN, self.record, out, **(where | differently))


@pytest.fixture
def rehearsals(tmp_path, terraform, stack):
    return Rehearsals(tmp_path, terraform, stack)


def held(path):
    """Terraform's lock on a state, as another Terraform would hold it."""
    stream = path.open("r+b")
    fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return stream


def subscriptions():
    with pubsub_v1.SubscriberClient() as client:
        return [each.name for each in client.list_subscriptions(project=LAPTOP) if "/rehearsal-" in each.name]


def left(stack):
    """What of Vertex AI bills, or would be in the way of another rehearsal."""
    where = f"{LAPTOP}/locations/us-central1"
    return [stack.vertex(f"{where}/{kind}").get(kind, []) for kind in ("endpoints", "models")]


@pytest.mark.stack
@pytest.mark.timeout(300)
class TestRehearsed:
    def test_one_that_was_cut_off_after_the_drop_goes_on_to_its_end(self, rehearsals, stack):
        first = rehearsals.begun(patience={DatasetValidated: 60, TuningSubmitted: 60, JobComplete: 0})
        with pytest.raises(Failed, match=r"no dropforge.job.complete.v1 of .* came within 0 s"):
            first._rehearse()
        second = rehearsals.begun()

        assert rehearse.concluded(second) == 0, said(second.out)

        [run] = stack.runs(first.journal.dataset)
        assert run["state"] == "retired"
        assert set(second.journal.heard) == {kind.TYPE for kind in PATIENCE}
        record = rehearsals.record.read_text()
        assert re.search(r"^Last rehearsed: \d{4}-\d\d-\d\d, Dropforge .+, Terraform 1\.\d+\.\d+", record, re.MULTILINE)
        assert re.search(r"^\| from the drop to `dropforge.model.deployed.v1` \| \d+ \|$", record, re.MULTILINE)
        assert f"vectors of {second.journal.event(ModelDeployed).dimensions} numbers. The gate: better" in record
        assert [each for each in rehearsals.commands if each in {"apply", "destroy"}] == ["apply", "destroy"]
        assert (left(stack), subscriptions()) == ([[], []], [])
        assert not rehearsals.home.exists()

        buckets = [each for each in rehearsals.applied if each["type"] == "google_storage_bucket"]
        may_go = [one["attributes"]["force_destroy"] for each in buckets for one in each["instances"]]
        assert may_go == [True, True, True]

    def test_one_that_fails_in_the_middle_is_torn_down_and_what_cannot_be_is_told(self, rehearsals, stack):
        first = rehearsals.begun(patience={DatasetValidated: 60, TuningSubmitted: 0})
        rehearsals.locked = True

        assert rehearse.concluded(first) == rehearse.LEFT

        told = said(first.out)
        assert "did not come to its end. Failed: no dropforge.tuning.submitted.v1" in told
        assert "NOT everything is removed: Failed: terraform destroy failed" in told
        assert "Error acquiring the state lock" in told
        assert re.search(r"Left: \d+ resources of Terraform", told)
        assert AGAIN in told
        assert f"terraform -chdir={first.deployment.root} destroy" in told
        [run] = stack.runs(first.journal.dataset)
        assert run["state"] in {"cancelled", "withheld", "retired"}
        assert (left(stack), subscriptions()) == ([[], []], [])

        rehearsals.locked = False
        second = rehearsals.begun()
        assert second.journal.ends
        assert rehearse.concluded(second, only_teardown=True) == 0
        assert not rehearsals.home.exists()
        assert not rehearsals.record.exists()

    def test_one_that_is_interrupted_before_anything_is_made_leaves_nothing(self, rehearsals):
        rehearsals.interrupted_at = "init"
        rehearsal = rehearsals.begun()
        assert rehearse.concluded(rehearsal) == rehearse.INTERRUPTED
        assert "did not come to its end. KeyboardInterrupt" in said(rehearsal.out)
        assert "Nothing was made" in said(rehearsal.out)
        assert not rehearsals.home.exists()

    def test_a_project_that_has_a_dropforge_is_left_alone(self, rehearsals):
        bucket = storage.Client(project=PROJECT).create_bucket(f"{PROJECT}-dropforge-state")
        try:
            rehearsal = rehearsals.begun()
            assert rehearse.concluded(rehearsal) == rehearse.FAILED
            assert f"{PROJECT} has a Dropforge that no rehearsal made" in said(rehearsal.out)
            assert "Nothing was made" in said(rehearsal.out)
            assert rehearsals.commands == ["init"]
            assert bucket.exists()
        finally:
            bucket.delete()


def test_terraform_is_asked_to_end_and_waited_for(tmp_path, monkeypatch):
    """Killed, it would forget what it made."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "terraform"
    path.write_text("#!/bin/sh\ntrap 'sleep 0.2; echo written >> state; exit 1' INT\n: > ready\nsleep 20 & wait\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    program = Program(tmp_path / "terraform.log", str(path))

    def interrupt():
        eventually((tmp_path / "ready").exists)
        time.sleep(0.2)  # until it is waited for
        os.kill(os.getpid(), signal.SIGINT)

    heeded = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job does not hear it
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            program(tmp_path, "apply")
    finally:
        signal.signal(signal.SIGINT, heeded)
    assert (tmp_path / "state").read_text() == "written\n"


# Told


def test_the_readme_says_when_it_was_rehearsed_last():
    """`never`, until somebody has done it: then this fails until README and program say so, too."""
    [line] = [each for each in RECORD.read_text("utf-8").splitlines() if each.startswith("Last rehearsed: ")]
    assert line in README
    never = line == "Last rehearsed: never."
    assert ("nothing here has been applied to one" in README) == never
    assert ("has not been run against Google Cloud" in " ".join(rehearse.__doc__.split())) == never


def test_the_readme_names_the_deadlines():
    validated, submitted = (f"{seconds / 60:g}" for seconds in list(PATIENCE.values())[:2])
    assert f"{validated} minutes until the dataset is validated, {submitted} more until its job is submitted" in README
    complete, deployed = (f"{seconds / 3600:g}" for seconds in list(PATIENCE.values())[2:])
    assert f"{complete} hours until that has ended, {deployed} until the model is deployed" in README
