"""`dropforge predict` and `dropforge search` as people call them, against the local storage and Vertex AI."""

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import pytest
from support.runs import validated
from support.servers import eventually, running
from support.vertex import BUCKET, bucket, storage_server, topics, vertex_server

from dropforge import bootstrap, settings
from dropforge.domain.facts import Serving
from dropforge.domain.jobs import JobState, Machines, order_for
from dropforge.domain.runs import State
from dropforge.domain.spaces import alias_of, deployed_model_id_of, space_id_of

COMMAND = str(Path(sys.executable).with_name("dropforge"))
RUN = "topics-0123456789ab"
PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A Dropforge in which `topics` was tuned for real, and is deployed."""
    folder = tmp_path_factory.mktemp("servers")
    with running(storage_server(folder / "storage")) as storage:
        for name, content in topics().items():
            bucket(storage.url).blob(f"runs/{RUN}/input/{name}").upload_from_string(content)
        with running(vertex_server(folder / "vertex", storage.url)) as vertex:
            ours = {
                "DROPFORGE_PROJECT": "p",
                "DROPFORGE_DROP_BUCKET": BUCKET,
                "DROPFORGE_STATE_BUCKET": BUCKET,
                "DROPFORGE_VERTEX_ENDPOINT": vertex.url,
                "STORAGE_EMULATOR_HOST": storage.url,
                "XDG_CACHE_HOME": str(folder / "cache"),
            }
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("STORAGE_EMULATOR_HOST", storage.url)
                deploy(bootstrap.Ports(settings.load(ours)))
            yield os.environ | ours


def deploy(made):
    """Tune a run's model, serve it, and point readers to it."""
    run = validated(RUN, train_steps=200)
    data = f"gs://{BUCKET}/runs/{RUN}/"
    job = made.tuner.submit(order_for(run, data=data, project="p", location="us-central1", machines=Machines()))

    def tuned():
        look = made.tuner.look(job)
        assert look.state is not JobState.FAILED, look
        return look.tuned

    model = eventually(tuned, seconds=PATIENCE).model
    endpoint, deployed = made.host.endpoint(RUN), deployed_model_id_of(RUN)
    creating = made.host.create_endpoint(RUN, {"dropforge-run": RUN})
    eventually(lambda: made.host.operation(creating).done, seconds=PATIENCE)
    loading = made.host.deploy(endpoint, model, deployed, RUN)
    eventually(lambda: made.host.operation(loading).done, seconds=PATIENCE)
    space = space_id_of(RUN, dimensions=256, task_type="DEFAULT")
    serving = Serving(endpoint=endpoint, deployed_model=deployed, space=space, dimensions=256)
    run = replace(run, state=State.DEPLOYED, serving=serving)
    made.ledger.record(run)
    made.aliases.move(alias_of(run))


@pytest.fixture
def said(environment):
    def said(*arguments, given=""):
        done = subprocess.run(
            [COMMAND, *arguments], env=environment, input=given, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return said


@pytest.fixture
def shown(environment):
    """What a command shows on a terminal."""

    def shown(*arguments, columns):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        terminal = environment | {"TERM": "dumb", "NO_COLOR": "1"}
        terminal.pop("COLUMNS", None)
        with subprocess.Popen([COMMAND, *arguments], env=terminal, stdin=theirs, stdout=theirs) as process:
            assert process.wait(PATIENCE) == 0
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the other side has gone
            while more := os.read(ours, 65_536):
                said += more
        os.close(ours)
        return said.decode().splitlines()

    return shown


def a_test_query():
    """A query that was not trained on, and the document that answers it."""
    files = topics()
    [query, document, _] = files["test_label.tsv"].splitlines()[1].decode().split("\t")
    texts = {each["_id"]: each["text"] for each in map(json.loads, files["queries.jsonl"].splitlines())}
    return texts[query], document


def test_the_tuned_model_finds_what_only_training_could_teach(said):
    query, document = a_test_query()
    found = json.loads(said("search", "topics", query, "--json"))
    assert [hit["rank"] for hit in found] == list(range(1, 11))
    assert [hit["score"] for hit in found] == sorted((hit["score"] for hit in found), reverse=True)
    assert document in [hit["id"] for hit in found[:3]]
    base = json.loads(said("search", "topics", query, "--base", "-k", "30", "--json"))
    assert [hit["id"] for hit in base[:10]] != [hit["id"] for hit in found]
    assert json.loads(said("search", "topics", query, "--json")) == found


def test_the_same_text_has_the_same_vector_however_it_comes(said, tmp_path):
    vector = said("predict", "--dataset", "topics", "hello there")
    assert len(json.loads(vector)["embedding"]) == 256
    assert said("predict", "--run", RUN, given="hello there\n") == vector
    records = said("predict", "--dataset", "topics", given='{"_id": "x", "text": "hello there"}\n')
    assert json.loads(records) == {"id": "x", **json.loads(vector)}


def test_a_base_model_answers_in_the_length_that_is_wanted(said):
    vector = json.loads(said("predict", "--base", "text-embedding-005", "--dimensions", "64", "hello"))
    assert len(vector["embedding"]) == 64


def test_what_vertex_refuses_is_one_sentence(environment):
    command = [COMMAND, "predict", "--dataset", "topics", "--task-type", "POETRY", "hello"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "task_type 'POETRY' is not one of" in done.stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_is_not_overrun(shown, columns):
    table = shown("predict", "--dataset", "topics", "how do I return a parcel " * 9, "hello", columns=columns)
    assert [line.split()[:2] for line in table[:1]] == [["text", "length"]]
    assert re.search(r"…     256  1\.0000   .*…$", table[1])
    assert table[-1] == f"by {RUN}/256/DEFAULT"
    hits = shown("search", "topics", a_test_query()[0], columns=columns)
    assert max(map(len, table + hits)) <= columns
    assert len(hits) == 1 + 10 + 2
