"""The whole stack as processes, through the command line, with functions that only say what they were called with."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from google.cloud import pubsub_v1, storage
from support.servers import eventually

from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.topology import load
from dropforge_local.stack.up import CHECKOUT

pytestmark = pytest.mark.stack

DROPFORGE = Path(sys.executable).parent / "dropforge"
TOPOLOGY = CHECKOUT / "deploy" / "topology.json"

ON_EVENT = """
import functions_framework

@functions_framework.cloud_event
def {name}(event):
    print("called", event["type"], event["source"], event.get("subject"), flush=True)
"""

ON_REQUEST = """
import functions_framework

@functions_framework.http
def {name}(request):
    return "here"
"""


def local(*arguments, cwd):
    command = [DROPFORGE, "local", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A checkout with the project's topology and other functions."""
    root = tmp_path_factory.mktemp("checkout")
    (root / "deploy").mkdir()
    shutil.copy(TOPOLOGY, root / "deploy")
    for name, function in load(TOPOLOGY).functions.items():
        folder = root / "functions" / name
        folder.mkdir(parents=True)
        (folder / "main.py").write_text((ON_REQUEST if function.trigger.http else ON_EVENT).format(name=name))
    return root


@pytest.fixture(scope="module")
def home(tmp_path_factory, source):
    """The folder in which `up --detach` has been said."""
    home = tmp_path_factory.mktemp("home")
    try:
        started = local("up", "--detach", "--port-base", 0, "--source", source, cwd=home)
        assert started.returncode == 0, started.stderr
        yield home
    finally:
        local("down", cwd=home)


@pytest.fixture
def variables(home, monkeypatch):
    """What `env` exports, set here too, for Google's clients."""
    script = f'eval "$({DROPFORGE} local env)" && {sys.executable} -c '
    dump = "'import json, os; print(json.dumps(dict(os.environ)))'"
    output = subprocess.run(["sh", "-c", script + dump], cwd=home, capture_output=True, check=True)
    variables = json.loads(output.stdout)
    for name in ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.setenv(name, variables[name])
    return variables


def wait_for_call(home, function, *words):
    """Wait until the function's log holds a call with all of these words in it."""
    log = StackFolder(home / ".dropforge").log(function)

    def called():
        return any(all(word in line for word in words) for line in log.read_text().splitlines())

    eventually(called, seconds=20, otherwise=log.read_text)


def status(home):
    return json.loads(local("status", "--json", cwd=home).stdout)


def process(home, name):
    return next(process for process in status(home)["processes"] if process["name"] == name)


def test_every_part_is_ready_when_up_returns(home):
    seen = local("status", "--json", cwd=home)

    assert seen.returncode == 0
    stack = json.loads(seen.stdout)
    servers = {"storage", "pubsub", "vertex", "slack", "scheduler"}
    assert servers | load(TOPOLOGY).functions.keys() == {process["name"] for process in stack["processes"]}
    assert {"ready"} == {process["state"] for process in stack["processes"]}
    assert 0 < stack["memory_bytes"] < 1.2 * 2**30


def test_status_is_a_plain_table_when_piped(home):
    seen = local("status", cwd=home)

    assert "\x1b" not in seen.stdout
    assert process(home, "storage")["url"] in seen.stdout


def test_an_object_calls_the_function_of_its_bucket(home, variables):
    client = storage.Client()
    client.bucket(variables["DROPFORGE_DROP_BUCKET"]).blob("datasets/demo/corpus.jsonl").upload_from_string("{}")
    client.close()

    wait_for_call(home, "validate_dataset", "object.v1.finalized", "objects/datasets/demo/corpus.jsonl")


def test_a_message_calls_every_function_of_its_topic(home, variables):
    with pubsub_v1.PublisherClient() as client:
        client.publish(client.topic_path(variables["DROPFORGE_PROJECT"], "job-complete"), b"{}").result()

    for function in ("deploy_model", "notify_slack"):
        wait_for_call(home, function, "messagePublished", "topics/job-complete")


def test_ticks_call_the_functions_on_schedule(home):
    wait_for_call(home, "watch_status", "topics/watch-requests")
    wait_for_call(home, "sweep", "topics/sweep-requests")


def test_the_addresses_in_the_environment_answer(variables):
    for name in ("DROPFORGE_CONSOLE_URL", "DROPFORGE_VERTEX_ENDPOINT", "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB"):
        with urllib.request.urlopen(variables[name]) as response:
            assert response.status == 200
    message = urllib.request.Request(variables["DROPFORGE_SLACK_URL"], b'{"text": "hi"}', method="POST")
    message.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(message) as response:
        assert response.read() == b"ok"


def test_the_environment_is_left_in_a_file_for_tools(home, variables):
    lines = (home / ".dropforge" / "env").read_text().splitlines()

    assert dict(line.split("=", 1) for line in lines).items() <= variables.items()


def test_a_second_up_says_where_the_first_is(home, source):
    for options in ([], ["--detach"]):
        again = local("up", "--source", source, "--port-base", 0, *options, cwd=home)

        assert again.returncode == 2
        assert f"the console is at {status(home)['console']}" in again.stderr
        assert len(again.stderr.splitlines()) == 1


def test_a_killed_function_comes_back(home, variables):
    before = process(home, "notify_slack")["pid"]
    os.kill(before, signal.SIGKILL)
    with pubsub_v1.PublisherClient() as client:
        client.publish(client.topic_path(variables["DROPFORGE_PROJECT"], "notices"), b"{}").result()

    wait_for_call(home, "notify_slack", "topics/notices")
    assert before != process(home, "notify_slack")["pid"]


def test_a_killed_stack_goes_on_where_it_was(home, source, variables):
    client = storage.Client()
    client.bucket(variables["DROPFORGE_STATE_BUCKET"]).blob("kept").upload_from_string("still here")
    client.close()
    os.kill(status(home)["pid"], signal.SIGKILL)

    again = local("up", "--detach", "--port-base", 0, "--source", source, cwd=home)

    assert again.returncode == 0, again.stderr
    url = f"{process(home, 'storage')['url']}/storage/v1/b/{variables['DROPFORGE_STATE_BUCKET']}/o/kept?alt=media"
    with urllib.request.urlopen(url) as response:
        assert response.read() == b"still here"


def test_down_stops_everything_in_less_than_five_seconds(home):
    ports = [process["port"] for process in status(home)["processes"]]
    began = time.monotonic()

    stopped = local("down", cwd=home)

    assert stopped.returncode == 0
    assert time.monotonic() - began < 5.5  # of which the command itself takes about half a second to load
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port))
    assert local("status", cwd=home).returncode == 2


def test_nothing_runs_and_every_command_says_so(tmp_path):
    for command, expected in (("status", 2), ("env", 2), ("down", 0)):
        answer = local(command, cwd=tmp_path)

        assert expected == answer.returncode
        assert "No stack is running in .dropforge" in answer.stdout + answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_one_sentence(tmp_path, source):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = local("up", "--detach", "--source", source, "--port-base", port, cwd=tmp_path)

    assert refused.returncode == 2
    assert f"Port {port} (for console) is in use" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["up", "down", "status", "env"])
def test_every_command_is_documented_with_an_example(command):
    answer = local(command, "--help", cwd=Path.cwd())

    assert answer.returncode == 0
    assert "Example: " in answer.stdout
