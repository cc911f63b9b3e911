"""`dropforge plan`: what would be submitted, what it takes, whether the caps hold it; and the page that explains it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.data import dataset
from typer.testing import CliRunner

from dropforge import bootstrap
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.budget import Budget
from dropforge.cli import plan as command
from dropforge.cli.main import app
from dropforge.domain.datasets import TRAINING_LABELS
from dropforge.domain.errors import Misconfigured
from dropforge.domain.plan import ASSUMED_PAIRS_PER_SECOND, Pace, estimate
from dropforge.domain.tuning import Tuning
from dropforge.ledger import Ledger
from dropforge.markers import Intent
from dropforge.settings import operator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/costs.md").read_text("utf-8")
BANKING77 = ROOT / "deploy/local/dropforge_local/demo/data/banking77"


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


[FIGURES], [CALIBRATION] = blocks("yaml"), blocks("python")


def plan(*arguments, status=0):
    """What the command says."""
    answer = CliRunner().invoke(app, ["plan", *map(str, arguments)])
    assert answer.exit_code == status, answer.output
    assert isinstance(answer.exception, SystemExit | None)
    return answer.stderr if status == 2 else answer.stdout


def planned(*arguments, status=0):
    return json.loads(plan(*arguments, "--json", status=status))


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """No Dropforge is named, and none runs here."""
    monkeypatch.delenv("DROPFORGE_STATE_BUCKET", raising=False)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("DROPFORGE_CONFIG", raising=False)
    monkeypatch.setenv("DROPFORGE_PROFILES", str(tmp_path / "profiles.toml"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Gives the command an operator's file."""

    def configured(text):
        (tmp_path / "dropforge.yaml").write_text(text)
        monkeypatch.setenv("DROPFORGE_CONFIG", str(tmp_path / "dropforge.yaml"))

    return configured


@pytest.fixture
def folder(tmp_path):
    """Writes a dataset, with what is different from a clean one."""

    def folder(**other):
        (tmp_path / "topics").mkdir()
        files = dataset(queries=4_000) | {name.replace("_yaml", ".yaml"): data for name, data in other.items()}
        for name, data in files.items():
            (tmp_path / "topics" / name).write_bytes(data)
        return tmp_path / "topics"

    return folder


# The page


def test_the_page_shows_what_the_command_says(configured):
    configured(FIGURES)
    [shown] = [block for block in blocks("") if block.startswith("base model")]
    assert plan(BANKING77).split() == shown.split()


def test_the_page_names_what_is_assumed():
    named = re.findall(r"^\| (?:pairs a second, )?(NVIDIA_\w+) \| (\d+) \|", PAGE, re.MULTILINE)
    assert {name: float(pairs) for name, pairs in named} == ASSUMED_PAIRS_PER_SECOND
    assert f"| overhead | {Pace().overhead_minutes} minutes |" in PAGE


def test_the_pages_figures_are_a_valid_file_that_sets_every_key(configured, tmp_path):
    configured(FIGURES)
    ours = operator({"DROPFORGE_CONFIG": str(tmp_path / "dropforge.yaml")})
    assert None not in [getattr(ours.caps, cap) for cap in type(ours.caps).__dataclass_fields__]
    assert (ours.plan.overhead_minutes, ours.plan.pairs_per_second) == (30, {"NVIDIA_TESLA_V100": 20})


def test_what_the_page_calibrates_estimates_the_very_runs_it_was_calibrated_by():
    measured = {}
    exec(CALIBRATION, measured)
    pace = Pace(
        overhead_minutes=measured["overhead_minutes"],
        pairs_per_second={"NVIDIA_TESLA_V100": measured["pairs_per_second"]},
    )
    ours = operator({})
    for steps, seconds in zip((200, 1000), measured["seconds"], strict=True):
        run = estimate(Tuning(train_steps=steps), {}, ours.training, ours.serving, pace, ours.prices)
        assert run.machine_hours * 3600 == pytest.approx(seconds, abs=2)


# What would be submitted


def test_what_would_be_submitted_is_shown(folder):
    place = folder(tuning_yaml=b"train_steps: 200\nbatch_size: 100\nbase_model: text-multilingual-embedding-002\n")
    out = plan(place)
    for line in (
        r"base model  text-multilingual-embedding-002, template v1\.1\.3, task type DEFAULT",
        "training    200 steps of 100 pairs",
        "examples    2,000, so 10 epochs",
        "machine     n1-standard-16 with 4 x NVIDIA_TESLA_V100",
        "takes       34 minutes, 2.28 accelerator hours",
        r"price       not known: there is no price table: give dropforge\.yaml one under prices\.hourly \(docs/costs\.md .*DROPFORGE_CONFIG names the file\)",
        "caps        none",
        "fits: it would be submitted at once",
    ):
        assert re.search(f"^{line}$", out, re.MULTILINE), line
    assert "\x1b" not in out
    assert not re.search(r" $", out, re.MULTILINE)


def test_programs_are_told_the_same(folder, configured):
    configured(FIGURES)
    told = planned(folder())
    assert (told["verdict"], told["template"], told["over"], told["reserved"]) == ("accepted", "v1.1.4", None, None)
    assert told["tuning"]["base_model"] == "text-embedding-005"
    assert told["estimate"]["examples"] == 2_000
    assert (told["estimate"]["price"], told["estimate"]["serving_price_per_hour"]) == (16.06, 5.0)
    assert told["caps"]["jobs_in_flight"] == 5
    assert "train_steps: 157 makes it 10 times" in told["advice"]


def test_a_price_that_lacks_an_entry_names_it(folder, configured):
    configured("prices: {currency: EUR, hourly: {n1-standard-16: 1, NVIDIA_TESLA_V100: 4}}")
    out = plan(folder())
    assert re.search(r"^price       16\.06 EUR$", out, re.MULTILINE)
    assert "endpoint    not known: prices.hourly has no entry for a2-highgpu-1g and NVIDIA_TESLA_A100\n" in out


def test_a_dataset_that_would_be_rejected_is_estimated_all_the_same(folder):
    place = folder(tuning_yaml=b"train_stops: 5\n")
    out = plan(place, status=1)
    assert "takes       57 minutes" in out
    assert 'error: tuning.yaml:1: "train_stops" is no setting; did you mean train_steps?' in out
    last = out.splitlines()[-1]
    assert last.startswith("rejected: 1 error in 4 files, 4,020 records and 4,000 labels; nothing would be submitted,")
    assert last.endswith(f"`dropforge check {place}` says where")
    assert planned(place, status=1)["counts"] == {"tuning-unknown-key": 1}


def test_without_training_labels_there_are_no_examples(folder):
    place = folder()
    (place / TRAINING_LABELS).unlink()
    assert "\nexamples    none\n" in plan(place, status=1)


def test_a_folder_in_a_bucket_is_planned_as_one_here(folder, monkeypatch):
    store = MemoryStore(MemoryDisk(ManualClock()), "drop")
    here = folder(tuning_yaml=b"train_steps: 100\n")
    for file in here.iterdir():
        store.write(f"datasets/topics/{file.name}", file.read_bytes(), replacing=None)
    told = planned(here)
    monkeypatch.setattr(bootstrap, "reader", lambda _: (store, "datasets/topics/"))
    assert planned("gs://drop/datasets/topics") == told


def test_a_folder_that_is_none_is_one_sentence(tmp_path):
    assert plan(tmp_path / "nope", status=2) == f"dropforge: there is no folder {tmp_path}/nope: check its name\n"


def test_a_mistake_in_the_operators_file_is_one_sentence(folder, configured):
    configured("caps: {run_price: 10}")
    assert "caps.run_price could not be checked: there is no price table" in plan(folder(), status=2)


# Caps


def test_a_run_that_is_over_by_itself_would_be_refused(folder, configured):
    configured("caps: {run_accelerator_hours: 2}")
    place = folder()
    last = plan(place, status=1).splitlines()[-1]
    assert last == "refused: the run is estimated at 3.778 accelerator hours, over run_accelerator_hours of 2 by itself"
    assert planned(place, status=1)["over"]["cap"] == "run_accelerator_hours"


@pytest.fixture
def connected(monkeypatch):
    """A Dropforge in which one run has reserved 4 of the accelerator hours; gives a way to have it not answer."""
    clock = ManualClock()
    state = MemoryStore(MemoryDisk(clock), "state")
    ledger = Ledger(state)
    monkeypatch.setenv("DROPFORGE_STATE_BUCKET", "state")

    def connect():
        budget = Budget(state, clock, operator().caps)
        ledger.begin(Intent("first", "topics", clock.now()))
        ours = operator()
        first = estimate(Tuning(batch_size=144), {}, ours.training, ours.serving, ours.plan, ours.prices)
        assert budget.reserve("first", first, lambda: ["first"]) is None
        return SimpleNamespace(budget=budget, ledger=ledger)

    monkeypatch.setattr(command, "connect", connect)
    return monkeypatch


@pytest.mark.usefixtures("connected")
def test_what_others_have_reserved_is_told_where_a_dropforge_is_named(folder, configured):
    configured("caps: {day_accelerator_hours: 10, jobs_in_flight: 5}")
    place = folder()
    out = plan(place)
    assert "caps        a day: 10 accelerator hours (4 reserved)\n            at once: 5 jobs (1 in flight)\n" in out
    assert out.splitlines()[-1] == "fits: it would be submitted at once"
    assert planned(place)["reserved"] == {"accelerator_hours": 4.0, "jobs": 1, "price": 0.0}


@pytest.mark.usefixtures("connected")
def test_a_run_for_which_there_is_no_room_now_would_wait(folder, configured):
    configured("caps: {day_accelerator_hours: 7}")
    place = folder()
    assert plan(place).splitlines()[-1] == (
        "waits: the run is estimated at 3.778 accelerator hours; with 4 already reserved, "
        "that is over day_accelerator_hours of 7"
    )
    assert planned(place)["over"]["waits"] is True


def test_a_dropforge_that_does_not_answer_fails_nothing(folder, configured, connected):
    def connect():
        raise Misconfigured("the stack\x1b is not running")

    connected.setattr(command, "connect", connect)
    configured("caps: {jobs_in_flight: 5}")
    out = plan(folder())
    assert r"what of them is taken is not known: the stack\x1b is not running" in out
    assert out.splitlines()[-1] == "fits: it would be submitted when there is room"


def test_nobody_is_asked_where_no_cap_is_shared(folder, configured, connected):
    connected.setattr(command, "connect", None)
    configured("caps: {run_accelerator_hours: 100}")
    assert "caps        a run: 100 accelerator hours\n" in plan(folder())


# The command itself


def test_a_plan_of_a_folder_here_imports_nothing_of_the_cloud():
    script = (
        "import sys; sys.argv = sys.argv[1:]\nfrom dropforge.cli.main import main\ntry: main()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "print(sys.modules.keys() & {'flask', 'structlog', 'grpc', 'requests', 'asyncio', 'google.auth', "
        "'google.api_core', 'google.cloud.storage', 'dropforge_local'})"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, "dropforge", "plan", BANKING77], capture_output=True, check=True
    )
    assert run.stdout.decode().splitlines()[-1] == "set()"


def test_its_options_are_told():
    told = " ".join(CliRunner().invoke(app, ["plan", "--help"]).stdout.split())
    assert "Example: dropforge plan topics" in told.replace("`", "")
    assert "Exit status: 0 it would be submitted" in told
