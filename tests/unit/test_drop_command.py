"""`dropforge drop` and `dropforge watch`: what they say, as lines and as JSON, and an exit status that means one thing."""

import json
from dataclasses import replace

import pytest
from support.attended import Cloud
from support.commands import said
from support.data import dataset
from support.runs import validated

from dropforge.cli import drop, runs, watch
from dropforge.cli.paper import drawn
from dropforge.domain.datasets import MANIFEST
from dropforge.domain.errors import Missing, NotPermitted, Unavailable
from dropforge.domain.facts import Judgement
from dropforge.domain.jobs import JobState
from dropforge.domain.runs import State
from dropforge.follow import Change

BROKEN = dataset() | {"test_label.tsv": dataset()["test_label.tsv"].replace(b"q41\td1\t", b"q41\tdoc55\t")}
WORSE = {"base_ndcg_at_10": 0.9, "tuned_ndcg_at_10": 0.2}


@pytest.fixture
def cloud(monkeypatch):
    cloud = Cloud()
    for module in (drop, watch, runs):
        monkeypatch.setattr(module, "connect", lambda: cloud)
    return cloud


@pytest.fixture
def topics(tmp_path):
    return folder(tmp_path / "topics", dataset())


def folder(path, files):
    path.mkdir(exist_ok=True)
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


def told(*arguments, status=0):
    """The JSON objects that a command prints, one a line."""
    out, _ = said(*arguments, "--json", status=status)
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]  # the rest is this world's log


def refused(*arguments, status=2):
    """The one sentence that is said when nothing was dropped or followed."""
    _, err = said(*arguments, status=status)
    [sentence] = [line for line in err.splitlines() if line.startswith("dropforge: ")]
    return sentence.removeprefix("dropforge: ")


def stored(cloud, dataset="topics"):
    return {file.name.rpartition("/")[2] for file in cloud.drop.list(f"datasets/{dataset}/")}


class TestDrop:
    def test_a_folder_is_checked_uploaded_and_what_to_do_next_is_told(self, cloud, topics):
        out, _ = said("drop", topics)
        assert out.startswith("accepted: ")
        assert "dropped:  gs://drop/datasets/topics/\n          4 files, 4.6 kB in " in out
        assert out.endswith("\n`dropforge watch topics` follows what becomes of it.\n")
        assert cloud.only_run().state is State.VALIDATED

    def test_programs_are_told_what_became_of_each_file(self, cloud, topics):
        (topics / "notes.txt").write_bytes(b"x")
        [dropped] = told("drop", topics)
        assert dropped.pop("seconds") >= 0
        assert dropped == {
            "dataset": "topics",
            "place": "gs://drop/datasets/topics/",
            "uploaded": sorted(dataset()),
            "kept": [],
            "removed": [],
            "left_out": ["notes.txt"],
            "bytes": sum(map(len, dataset().values())),
            "run": None,
            "state": None,
            "is_old": None,
        }

    def test_a_second_call_keeps_what_is_there(self, cloud, topics):
        said("drop", topics)
        (topics / "queries.jsonl").write_bytes(dataset(queries=90)["queries.jsonl"])
        out, _ = said("drop", topics)
        assert "1 file, " in out
        assert "kept:     corpus.jsonl, test_label.tsv, training_label.tsv (the same bytes are there)" in out

    def test_one_that_would_be_rejected_is_not_dropped(self, cloud, tmp_path):
        out, err = said("drop", folder(tmp_path / "topics", BROKEN), status=1)
        assert "error[labels-unknown-document]" in out
        assert err == "dropforge: nothing was uploaded; --no-check drops it all the same\n"
        assert stored(cloud) == set()

    def test_programs_are_told_why_it_would_be_rejected(self, cloud, tmp_path):
        out, _ = said("drop", folder(tmp_path / "topics", BROKEN), "--json", status=1)
        assert json.loads(out)["counts"]["labels-unknown-document"] == 1

    def test_it_is_dropped_all_the_same_on_request(self, cloud, tmp_path):
        said("drop", folder(tmp_path / "topics", BROKEN), "--no-check")
        assert cloud.only_run().state is State.REJECTED

    def test_a_name_of_its_own_may_be_given(self, cloud, tmp_path):
        said("drop", folder(tmp_path / "2026-11", dataset()), "--name", "topics")
        assert stored(cloud) == {*dataset(), MANIFEST}

    def test_what_only_the_bucket_has_stops_it_unless_it_may_be_removed(self, cloud, topics):
        (topics / "validation_label.tsv").write_bytes(dataset()["test_label.tsv"])
        said("drop", topics)
        (topics / "validation_label.tsv").unlink()
        sentence = refused("drop", topics, status=1)
        assert sentence.startswith(
            "gs://drop/datasets/topics/ has validation_label.tsv, which the folder does not have"
        )
        assert "validation_label.tsv" in stored(cloud)
        assert "removed:  validation_label.tsv\n" in said("drop", topics, "--replace")[0]
        assert stored(cloud) == {*dataset(), MANIFEST}

    def test_names_of_files_do_not_reach_the_terminal(self, cloud, topics):
        (topics / "a\x1b[2J\nb").write_bytes(b"x")
        out, _ = said("drop", topics)
        assert "left out: a\\x1b[2J\\nb (not part of a dataset)" in out


@pytest.mark.usefixtures("cloud")
class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("Topics 2", "`--name topics-2` would do"),
            ("42", "give it one with --name"),
            ("x" * 41, f"--name {'x' * 40}"),
        ],
    )
    def test_a_name_that_cannot_be_one(self, tmp_path, name, near):
        assert near in refused("drop", folder(tmp_path / name, dataset()))

    def test_no_folder(self, tmp_path):
        assert "there is no folder" in refused("drop", tmp_path / "nope")

    def test_an_empty_folder(self, tmp_path):
        assert "holds no file of a dataset" in refused("drop", folder(tmp_path / "empty", {}))

    def test_a_bucket(self):
        assert refused("drop", "gs://drop/x").startswith("gs://drop/x is not on this machine: copy it here first")

    @pytest.mark.parametrize("checks", ["--check", "--no-check"])
    def test_a_link_that_leads_nowhere(self, topics, checks):
        (topics / "corpus.jsonl").unlink()
        (topics / "corpus.jsonl").symlink_to("nowhere")
        assert "corpus.jsonl is a link that leads nowhere" in refused("drop", topics, checks)

    def test_a_file_that_is_missing_with_the_one_that_was_meant(self, cloud, topics):
        (topics / "test_label.tsv").rename(topics / "test_labels.tsv")
        out, _ = said("drop", topics, status=1)
        assert 'test_label.tsv is not there; was "test_labels.tsv" meant to be it?' in out
        sentence = refused("drop", topics, "--no-check")
        assert '(was "test_labels.tsv" meant to be it?): nothing starts' in sentence
        assert "`test_labels: split`" in sentence
        assert stored(cloud) == set()

    def test_a_file_that_is_empty(self, topics):
        (topics / "queries.jsonl").write_bytes(b"")
        assert "queries.jsonl is empty" in refused("drop", topics, "--no-check")

    def test_a_time_without_waiting(self, topics):
        assert "give --wait, too" in refused("drop", topics, "--timeout", 5)

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (NotPermitted("403"), "the role Storage Object User on gs://drop"),
            (Missing("404"), "there is no bucket drop: check DROPFORGE_DROP_BUCKET, which names it"),
            (Unavailable("no network"), "no network; what is uploaded stays: call this again to go on"),
        ],
    )
    def test_what_the_bucket_answers(self, cloud, topics, error, said):
        def answer(*_, **__):
            raise error

        cloud.drop.upload = answer
        assert said in refused("drop", topics)


class TestWait:
    def test_it_is_followed_until_it_is_deployed(self, cloud, topics):
        out, _ = said("drop", topics, "--wait")
        run = cloud.only_run()
        assert f"run:      {run.id}\n" in out
        steps = [
            "validating",
            "dataset accepted",
            "tuning submitted",
            "tuning succeeded",
            "deploying",
            "model deployed",
        ]
        assert [line.split("topics: ")[1].split("  ")[0] for line in out.splitlines() if "topics: " in line] == steps
        assert f"endpoint  {run.serving.endpoint}\n" in out

    def test_programs_are_told_once_at_the_end(self, cloud, topics):
        [dropped] = told("drop", topics, "--wait")
        assert (dropped["run"], dropped["state"], dropped["is_old"]) == (cloud.only_run().id, "deployed", False)

    def test_of_the_same_bytes_the_run_before_is_shown(self, cloud, topics):
        said("drop", topics, "--wait")
        cloud.clock.advance(3600)
        for files_are_there in (True, False):
            if not files_are_there:
                for file in cloud.drop.list("datasets/topics/"):
                    cloud.drop.delete(file.name)
            out, _ = said("drop", topics, "--wait")
            since = f"{cloud.only_run().history[-1].at:%Y-%m-%d %H:%M} UTC"
            assert f"the same bytes as before: nothing new was started, it is deployed since {since}\n" in out
            assert " topics: " not in out, "what is past is not told as if it happened now"
            assert [dropped["is_old"] for dropped in told("drop", topics, "--wait")] == [True]

    def test_findings_of_a_rejected_one_are_shown(self, cloud, tmp_path):
        out, _ = said("drop", folder(tmp_path / "topics", BROKEN), "--no-check", "--wait", status=1)
        assert '"doc55" is no _id in corpus.jsonl' in out
        assert out.rstrip().endswith(f"`dropforge show {cloud.only_run().id}` tells more.")

    @pytest.mark.parametrize(
        ("ends", "metrics", "policy", "status", "words"),
        [
            (JobState.FAILED, None, "", 1, "no more memory"),
            (JobState.SUCCEEDED, WORSE, "", 1, "withheld"),
            (JobState.SUCCEEDED, None, "deploy: manual", 0, "the model waits for `dropforge approve topics-"),
            (JobState.SUCCEEDED, None, "deploy: never", 0, "the model is kept, and not served"),
        ],
        ids=["failed", "worse", "manual", "never"],
    )
    def test_each_end_has_its_status(self, cloud, topics, ends, metrics, policy, status, words):
        (topics / "tuning.yaml").write_text(f"{policy}\n")
        cloud.ends, cloud.metrics = ends, metrics
        assert words in said("drop", topics, "--wait", status=status)[0]

    def test_the_time_may_be_up(self, cloud, topics):
        cloud.ends = JobState.RUNNING
        sentence = refused("drop", topics, "--wait", "--timeout", 60, status=3)
        assert sentence.startswith(f"the time is up, and {cloud.only_run().id} is ")

    def test_the_time_may_be_up_before_it_is_taken_in(self, cloud, topics, monkeypatch):
        monkeypatch.setattr(cloud.ledger, "taken_in", lambda _: ("", ""))
        sentence = refused("drop", topics, "--wait", "--timeout", 60, status=3)
        assert "gs://drop/datasets/topics/ is not taken in yet: `dropforge watch topics` goes on waiting" in sentence

    def test_an_interrupt_stops_following_and_nothing_else(self, cloud, topics):
        cloud.interrupted = True
        sentence = refused("drop", topics, "--wait", status=130)
        run = cloud.only_run()
        assert sentence == f"only the following has stopped: `dropforge watch {run.id}` takes it up again"
        assert run.stop is None


class TestWatch:
    def test_a_dataset_is_followed_by_its_last_drop(self, cloud, topics):
        said("drop", topics, "--wait")
        (topics / "queries.jsonl").write_bytes(dataset(queries=90)["queries.jsonl"])
        said("drop", topics)
        changes = told("watch", "topics")
        assert changes[-1]["state"] == "deployed"
        assert {change["run"] for change in changes} == {cloud.ledger.of_dataset("topics")[0].id}

    def test_a_drop_that_is_not_taken_in_yet_is_waited_for(self, cloud, topics):
        cloud.deploy("topics", dataset())
        first, cloud.drop.is_blind = cloud.only_run().id, True
        (topics / "queries.jsonl").write_bytes(dataset(queries=90)["queries.jsonl"])
        said("drop", topics)
        cloud.clock.advance(3600)
        changes = told("watch", "topics")
        assert changes[0]["state"] == "validating"
        assert first not in {change["run"] for change in changes}

    def test_each_change_has_the_same_fields(self, cloud, topics):
        said("drop", topics, "--wait")
        run = cloud.only_run()
        changes = told("watch", run.id)
        fields = (
            "at",
            "run",
            "dataset",
            "attempt",
            "state",
            "settled",
            "waits",
            "verdict",
            "base",
            "tuned",
            "endpoint",
        )
        assert {frozenset(change) for change in changes} == {frozenset((*fields, "error"))}
        last = changes[-1]
        assert (last["settled"], last["endpoint"], last["error"]) == (True, run.serving.endpoint, None)

    def test_everything_in_flight_is_told_until_the_time_is_up(self, cloud, topics):
        cloud.ends = JobState.RUNNING
        said("drop", topics)
        changes = told("watch", "--timeout", 20, status=3)
        assert [change["state"] for change in changes] == ["validated", "submitted", "running"]
        assert "topics: " in said("watch", "--timeout", 5, status=3)[0]

    def test_a_measured_nought_is_shown(self, cloud):
        judged = Judgement(verdict="better", metric="ndcg_at_10", base=0.0, tuned=0.5, because="it is")
        run = replace(validated(), judgement=judged)
        board = {run.id: Change(run, run.history[-1])}
        assert "0.000 → 0.500" in drawn(lambda paper: paper.print(watch._drawn(board, cloud, paper)))

    @pytest.mark.usefixtures("cloud")
    def test_a_name_of_nothing_is_one_sentence(self):
        assert refused("watch", "nobody") == "there is no run and no dataset nobody: `dropforge runs` lists them"

    def test_a_folder_that_lacks_a_file_and_has_no_run_is_told(self, cloud):
        cloud.put("topics", {"corpus.jsonl": b"x"})
        assert "its folder still lacks queries.jsonl, training_label.tsv" in refused("watch", "topics")


def test_every_command_has_an_example():
    for command in ("drop", "watch"):
        assert f"Example: dropforge {command}" in " ".join(said(command, "--help")[0].replace("`", "").split())
