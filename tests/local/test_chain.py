"""The whole chain as processes on this machine: Google's clients on the outside, the real functions inside."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from google.cloud import pubsub_v1
from support.listening import Listener
from support.servers import eventually
from support.stack import COMMAND, PATIENCE, PROJECT
from support.together import together
from support.vertex import topics

from dropforge.cli.commands_page import PRINTED, RECORDS, commands, examples, fields_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
# Examples that are not done here, by how they begin, and why.
ELSEWHERE = {
    "completion": "test_commands_page.py",
    "dlq discard": "test_dead_letters.py",
    "dlq show": "test_dead_letters.py",
    "doctor --say-hello": "test_doctor.py",
    "events schema": "test_commands_page.py",
    "events tail": "it has no end",
    "local": "test_whole.py",
    "profiles": "test_commands_page.py",
    "rerun": "it costs a tuning",
}
SLOW = ("dlq", "doctor")  # they wait for what Pub/Sub might still have
# Commands that are refused of a run that is deployed, and of what there is not, and how that is said.
REFUSED = {
    "approve": "is deployed",
    "cancel": "is deployed",
    "retire": "--even-current",
    "rollback": "no former space",
}


@pytest.fixture(scope="module")
def listeners(stack):
    return {topic: Listener(topic) for topic in ("dataset-rejected", "job-complete", "model-deployed", "notices")}


@pytest.fixture(scope="module")
def deployed(stack, listeners):
    """A dataset that was dropped and has been deployed."""
    stack.drop("topics", topics())
    stack.until("topics", "deployed")
    return stack.run("topics")


def test_a_dropped_folder_is_tuned_measured_and_deployed(stack, deployed):
    states = [step["state"] for step in deployed["history"]]
    assert [state for state in states if state != "running"] == [
        "validating",
        "validated",
        "submitted",
        "succeeded",
        "deploying",
        "deployed",
    ]
    assert deployed["judgement"]["verdict"] == "better"
    assert deployed["judgement"]["tuned"] > deployed["judgement"]["base"]
    endpoint = stack.vertex(deployed["serving"]["endpoint"])
    assert [one["id"] for one in endpoint["deployedModels"]] == [deployed["serving"]["deployed_model"]]


def test_the_endpoint_answers_the_published_request(stack, deployed):
    answer = httpx.post(
        f"{stack.variables['DROPFORGE_VERTEX_ENDPOINT']}/v1/{deployed['serving']['endpoint']}:predict",
        json={"instances": [{"content": "hello", "task_type": "DEFAULT", "title": ""}]},
        headers={"Authorization": "Bearer anything"},
    )
    assert answer.status_code == 200
    [vector] = answer.json()["predictions"]
    assert len(vector) == deployed["serving"]["dimensions"]


def test_a_subscriber_hears_of_the_completion_and_the_deployment(deployed, listeners):
    complete = listeners["job-complete"].wait("job.complete", run=deployed["id"])
    assert (complete["ce-id"], complete["outcome"]) == (f"{deployed['id']}/succeeded", "succeeded")
    told = listeners["model-deployed"].wait("model.deployed", run=deployed["id"])
    assert told["space_id"] == deployed["serving"]["space"]
    assert told["reindex_required"] is True


def test_the_same_folder_again_makes_no_second_job_and_is_told(stack, deployed, listeners):
    stack.drop("topics", topics())

    skipped = listeners["notices"].wait("dataset.skipped", dataset="topics")
    assert skipped["run"] == deployed["id"]
    assert [run["id"] for run in stack.runs("topics")] == [deployed["id"]]


def test_a_broken_folder_is_rejected_with_its_findings_and_no_job(stack, listeners):
    broken = topics() | {"test_label.tsv": topics()["test_label.tsv"].replace(b"\td3\t", b"\td333\t", 1)}
    stack.drop("broken", broken)

    rejected = listeners["dataset-rejected"].wait("dataset.rejected", dataset="broken")
    [error] = rejected["errors"]
    line = broken["test_label.tsv"].splitlines().index(b"q3-4\td333\t1") + 1
    assert (error["file"], error["line"], error["code"]) == ("test_label.tsv", line, "labels-unknown-document")
    jobs = stack.vertex(f"{PROJECT}/locations/us-central1/pipelineJobs")["pipelineJobs"]
    assert [job for job in jobs if "broken" in job["name"]] == []
    console = f"{stack.variables['DROPFORGE_CONSOLE_URL']}/runs/{rejected['run']}"
    assert f"test_label.tsv:{line}" in httpx.get(console).text
    assert httpx.get(f"{console}/report.json").json()["counts"] == rejected["findings"]

    def told() -> list[str]:
        return [json.dumps(message) for message in stack.slack() if "broken: dataset rejected" in message["text"]]

    [message] = eventually(told, seconds=15)
    assert f"test_label.tsv:{line}: " in message


def test_people_are_told_each_thing_once(stack, deployed):
    def told() -> bool:
        return any("topics: model deployed" in message["text"] for message in stack.slack())

    eventually(told, seconds=15)
    texts = [message["text"] for message in stack.slack() if message["text"].startswith("topics: ")]
    once = ["dataset accepted", "tuning submitted", "tuning succeeded", "model deployed"]
    assert [text for text in texts if "same bytes" not in text] == [f"topics: {text}" for text in once]


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed here")
def test_gcloud_drops_a_folder(stack, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, data in topics(count=31).items():
        (folder / name).write_bytes(data)
    copy = ["gcloud", "storage", "cp", "-r", str(folder), "gs://dropforge-drop/datasets/by-gcloud"]
    env = os.environ | stack.variables | {"CLOUDSDK_CONFIG": str(tmp_path / "gcloud")}
    done = subprocess.run(copy, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    stack.until("by-gcloud", "deployed")


class TestReadme:
    """What the README says is done to the letter, but for the dataset's name: its own is taken here."""

    TEXT = (ROOT / "README.md").read_text()

    def block(self, containing: str) -> str:
        """The fenced block that holds this."""
        [found] = [block for block in re.findall(r"```\w*\n(.*?)```", self.TEXT, re.DOTALL) if containing in block]
        return found.replace("datasets/topics/", "datasets/readme/")

    def line(self, beginning: str) -> str:
        """The command that begins so."""
        [found] = [line for line in self.TEXT.splitlines() if line.startswith(beginning)]
        return found.replace("datasets/topics/", "datasets/readme/")

    def test_its_snippets_subscribe_upload_and_predict(self, stack):
        env = os.environ | stack.variables
        subscriber = subprocess.Popen(
            [sys.executable, "-uc", self.block("create_subscription")], env=env, stdout=subprocess.PIPE, text=True
        )
        try:
            name = f"{PROJECT}/subscriptions/search-team-models"
            client = pubsub_v1.SubscriberClient()
            eventually(lambda: name in [one.name for one in client.list_subscriptions(project=PROJECT)], seconds=20)
            path = f"{Path(COMMAND).parent}{os.pathsep}{env['PATH']}"
            drop = self.line("dropforge drop deploy/").replace("--name topics", "--name readme")
            subprocess.run(["sh", "-c", drop], env=env | {"PATH": path}, cwd=ROOT, capture_output=True, check=True)
            run = stack.until("readme", "deployed")
            assert run.judgement.verdict == "better"
            heard = next(line for line in subscriber.stdout if run.id in line)
            assert heard.startswith(f"{run.id}/deployed ")
        finally:
            subscriber.kill()
            subscriber.wait()
            subscriber.stdout.close()

    def test_the_subscriber_to_copy_notes_a_completion_once_even_if_it_is_told_again(self, stack, deployed, tmp_path):
        program = [sys.executable, "-u", ROOT / "docs/examples/subscriber.py", "--project", "dropforge-local"]
        program += ["--subscription", "noting", "--database", tmp_path / "noted.sqlite"]
        env = os.environ | stack.variables
        with subprocess.Popen(program, env=env, stdout=subprocess.PIPE, text=True) as noting:
            try:
                assert noting.stdout.readline().startswith("listening to ")
                for said in ("handled", "nothing to do"):
                    stack.dropforge("events", "replay", deployed["id"], "--topic", "job-complete", "--yes")
                    assert noting.stdout.readline() == f"{deployed['id']}/succeeded: {said}\n"
            finally:
                noting.kill()

    @pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
    def test_its_request_is_answered(self, stack):
        run = stack.until("readme", "deployed")
        request = self.block("curl -X POST").replace("ENDPOINT:predict", f"{run.serving.endpoint}:predict")
        env = os.environ | stack.variables
        answer = subprocess.run(["sh", "-c", request], env=env, capture_output=True, text=True, check=True)
        [vector] = json.loads(answer.stdout)["predictions"]
        assert len(vector) == run.serving.dimensions

    @pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed here")
    def test_its_copy_can_be_repeated(self, stack, listeners, tmp_path):
        run = stack.until("readme", "deployed")
        env = os.environ | stack.variables | {"CLOUDSDK_CONFIG": str(tmp_path / "gcloud")}
        copy = self.line("gcloud storage cp deploy/")
        subprocess.run(["sh", "-c", copy], env=env, cwd=ROOT, capture_output=True, check=True)
        assert listeners["notices"].wait("dataset.skipped", dataset="readme")["run"] == run.id


class TestExamples:
    """The examples of the help are done to the letter, but for the run's id and the bucket's name."""

    @pytest.fixture
    def home(self, tmp_path):
        """A folder with what the examples speak of."""
        for folder in ("topics", "exports/2026-11"):
            (tmp_path / folder).mkdir(parents=True)
            for name, data in topics().items():
                (tmp_path / folder / name).write_bytes(data)
        (tmp_path / "queries.txt").write_text("how do I return a parcel\n")
        shutil.copy(tmp_path / "topics/corpus.jsonl", tmp_path)
        return tmp_path

    def words(self, run: str) -> Iterator[tuple[str, list[str]]]:
        """Each command that is done here, and the words of its examples."""
        for name, command in commands():
            for shown in examples(command):
                if re.match(rf"(eval .*)?dropforge ({'|'.join(ELSEWHERE)}|--profile)\b", shown):
                    continue
                here = shown.replace("topics-0f3a9c1b2d4e", run).replace("BUCKET", "dropforge-drop")
                words = shlex.split(here.partition(" > ")[0])[1:]
                ended = {"events replay": ["--yes"], "watch": ["--timeout", "0"] if words == ["watch"] else []}
                yield name, [*words, *ended.get(name, [])]

    def test_they_do_what_they_say_and_print_the_json_that_is_documented(self, stack, deployed, home):
        named = [*self.words(deployed["id"])]
        in_json = {name for name, words in named if "--json" in words}
        named += [
            (name, [*words, "--json"]) for name, words in named if name in PRINTED.keys() - in_json - REFUSED.keys()
        ]
        named.sort(key=lambda each: each[0].startswith(SLOW))
        [*quick], [*slow] = ([words for name, words in named if name.startswith(SLOW) is so] for so in (False, True))
        env = stack.env | stack.variables | {"XDG_CACHE_HOME": str(home)}
        with ThreadPoolExecutor() as pool:
            told = pool.map(lambda some: together(some, env=env, cwd=home), [quick, *([words] for words in slow)])
            every = [said for some in told for said in some]
        for (name, words), said in zip(named, every, strict=True):
            if name in REFUSED:
                assert (said.status, said.out) == (2, ""), (words, said)
                [sentence] = said.err.splitlines()
                assert re.match(f"dropforge: .*{REFUSED[name]}", sentence), sentence
                continue
            assert said.status == (3 if words[:2] == ["watch", "--timeout"] else 0), (words, said)
            if name in PRINTED and "--json" in words:
                record, are_many = PRINTED[name]
                printed = json.loads(said.out)
                for one in printed if are_many else [printed]:
                    assert one.keys() == fields_of(RECORDS[record]).keys(), words


def test_killed_in_the_middle_of_tuning_the_run_still_ends_deployed_once(stack):
    files = topics(count=40) | {"tuning.yaml": b"train_steps: 2000\n"}
    stack.drop("killed", files)
    job = stack.until("killed", "submitted", "running").job
    eventually(lambda: stack.vertex(job)["state"] == "PIPELINE_STATE_RUNNING", seconds=PATIENCE)
    stack.hold_tuner()
    stack.until("killed", "running")
    assert stack.vertex(job)["state"] == "PIPELINE_STATE_RUNNING"
    stack.kill()
    stack.up()

    stack.until("killed", "deployed")
    run = stack.run("killed")
    jobs = stack.vertex(f"{PROJECT}/locations/us-central1/pipelineJobs")["pipelineJobs"]
    assert [one["name"] for one in jobs if "killed" in one["name"]] == [job]
    endpoints = stack.vertex(f"{PROJECT}/locations/us-central1/endpoints")["endpoints"]
    serving = [
        one for endpoint in endpoints for one in endpoint.get("deployedModels", []) if run["id"] in endpoint["name"]
    ]
    assert len(serving) == 1
