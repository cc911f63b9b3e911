"""The doctor over a running stack: all well, then broken in several ways at once, then mended by what it says."""

import json
import subprocess
import time

import httpx
import psutil
import pytest
from google.cloud import pubsub_v1, storage
from support.servers import eventually
from support.stack import COMMAND, PATIENCE

from dropforge.doctor.diagnosis import RESTART

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

QUICK = 10  # seconds


def examined(stack, *arguments, **variables):
    """The exit status, what was found by what was looked at, and how many seconds it took."""
    began = time.monotonic()
    done = subprocess.run(
        [COMMAND, "doctor", "--json", *arguments],
        cwd=stack.home,
        env=stack.env | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, {each["what"]: each for each in json.loads(done.stdout)}, time.monotonic() - began


def of(found, state):
    return {what for what, each in found.items() if each["state"] == state}


def test_a_healthy_stack_is_well(stack):
    eventually(lambda: "sweep" in stack.ledger.ticks(), seconds=PATIENCE)
    status, found, seconds = examined(stack)
    assert (status, of(found, "wrong"), of(found, "unknown")) == (0, set(), set())
    assert of(found, "skipped") == {
        "credentials", "APIs", "identities", "new objects", "validate_dataset", "rights", "quotas", "webhook", "receiver",
    }  # fmt: skip
    assert {"gs://dropforge-state", "writing records", "topics", "subscriptions", "sweep", "jobs", "bot"} < of(
        found, "ok"
    )
    assert seconds < QUICK
    state = storage.Client(project="dropforge-local").bucket("dropforge-state")
    assert list(state.list_blobs(prefix="doctor/")) == []


def test_a_hello_reaches_slack_and_the_token_is_not_told(stack):
    status, found, _ = examined(stack, "--say-hello")
    assert (status, found["channel #dropforge"]["says"]) == (0, "said hello")
    assert any("Hello from Dropforge" in message["text"] for message in stack.slack())
    assert stack.variables["DROPFORGE_SLACK_TOKEN"] not in json.dumps(found)


def test_what_is_broken_is_named_with_its_mend(stack):
    """A topic, a subscription and a bucket are gone, Vertex AI is dead, and nobody listens where Slack is to be."""
    topics, subscriptions = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
    topics.delete_topic(topic="projects/dropforge-local/topics/notices")
    subscriptions.delete_subscription(subscription="projects/dropforge-local/subscriptions/deploy_model.job-complete")
    subscriptions.delete_subscription(subscription="projects/dropforge-local/subscriptions/dead-submit_tuning")
    storage.Client(project="dropforge-local").bucket("dropforge-drop").delete()
    supervisor, *children = stack.processes()
    supervisor.suspend()  # it would start again what is killed
    [vertex] = [each for each in children if "dropforge_local.vertex.server" in " ".join(each.cmdline())]
    vertex.kill()
    psutil.wait_procs([vertex], timeout=1)

    secret = "xoxb-deep-secret"
    status, found, seconds = examined(
        stack, **named(stack), DROPFORGE_SLACK_API="http://127.0.0.1:9/api/", DROPFORGE_SLACK_TOKEN=secret
    )
    supervisor.resume()
    wrong = {each["what"]: each["do"] for each in found.values() if each["state"] == "wrong"}
    assert wrong == {
        "topic notices": RESTART,
        "notify_slack on notices": RESTART,
        "deploy_model on job-complete": RESTART,
        "subscription dead-submit_tuning": RESTART,
        "gs://dropforge-drop": RESTART,
        "jobs": "dropforge local status",
        "endpoints": "dropforge local status",
        "bot": "dropforge local status",
    }
    assert (status, of(found, "unknown")) == (1, set())
    assert {"gs://dropforge-state", "writing records"} < of(found, "ok")
    assert secret not in json.dumps(found)
    assert seconds < QUICK


def named(stack):
    """The stack's variables, as a terminal would have them after `eval "$(dropforge local env)"`."""
    return {name: value for name, value in stack.variables.items() if not name.startswith("DROPFORGE_SLACK_")}


def test_what_it_says_mends(stack):
    stack.down()
    stack.up()
    eventually(lambda: httpx.get(stack.url).status_code < 500, seconds=PATIENCE)
    status, found, _ = examined(stack)
    assert (status, of(found, "wrong")) == (0, set())
