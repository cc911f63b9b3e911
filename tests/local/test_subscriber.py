"""The examples for subscribers do what they say, with Google's clients against the local servers."""

import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import functions_framework
import pytest
from support.faulty import faults
from support.servers import running
from support.storage import StorageServer

from dropforge import wire
from dropforge.adapters.google.listening import Listening
from dropforge.domain.errors import NotPermitted
from dropforge.reports.examples import PROJECT, examples

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
RECORDED = Path(__file__).parents[1] / "events/message_published.json"
TOPIC = "projects/test/topics/job-complete"
COMPLETE = wire.publishable(examples()["job.complete"], PROJECT)
FAILED = wire.publishable(examples()["job.complete.failed"], PROJECT)
LATER = (b'{"new": true}', {"ce-type": "dropforge.job.heartbeat.v1", "ce-id": "later"})


class Message:
    """A message as Google's client hands it over, which remembers how it was answered."""

    def __init__(self, data, attributes):
        self.data, self.attributes = data, attributes
        self.answer = None

    def ack(self):
        self.answer = "ack"

    def nack(self):
        self.answer = "nack"


@pytest.fixture(scope="module")
def program():
    spec = spec_from_file_location("subscriber_example", EXAMPLES / "subscriber.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    with running(StorageServer(tmp_path_factory.mktemp("storage"))) as server, server.client() as client:
        client.create_bucket("orders-of-search")
        yield server, client


class TestTheSubscriber:
    @pytest.fixture
    def path(self, program, tmp_path):
        path = tmp_path / "completions.sqlite"
        with closing(sqlite3.connect(path)) as database:
            database.executescript(program.TABLES)
        return path

    @staticmethod
    def rows(path):
        with closing(sqlite3.connect(path)) as database:
            return database.execute("select run, outcome from completions order by time").fetchall()

    @pytest.fixture
    def start(self, tmp_path, pubsub):
        """Start the program; give its lines. It is killed at the end."""
        started = []

        def start(path):
            command = [sys.executable, EXAMPLES / "subscriber.py", "--project", "test", "--database", path]
            env = os.environ | {"PUBSUB_EMULATOR_HOST": pubsub.host}
            process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
            started.append(process)
            assert process.stdout.readline() == "listening to projects/test/subscriptions/search-team\n"
            return process

        yield start
        for process in started:
            process.kill()
            process.wait()
            process.stdout.close()

    def test_hears_what_is_repeated_once_even_if_it_is_killed(self, start, clients, tmp_path):
        """Given deliveries that are repeated, before and after it is killed, expect each completion noted once."""
        path = tmp_path / "completions.sqlite"
        clients.plain_publisher.create_topic(name=TOPIC)

        def publish(*told):
            messages = [{"data": data, "attributes": attributes} for data, attributes in told]
            clients.plain_publisher.publish(topic=TOPIC, messages=messages)

        def ids(*told):
            return {attributes["ce-id"] for _, attributes in told}

        first = start(path)
        publish(COMPLETE, COMPLETE, LATER)
        lines = {first.stdout.readline() for _ in range(3)}
        [complete], [later] = ids(COMPLETE), ids(LATER)
        assert lines == {f"{complete}: handled\n", f"{complete}: nothing to do\n", f"{later}: nothing to do\n"}
        first.kill()
        first.wait()
        publish(COMPLETE, FAILED)
        second = start(path)
        awaited = {f"{complete}: nothing to do\n", f"{FAILED[1]['ce-id']}: handled\n"}
        while awaited:
            awaited.discard(second.stdout.readline())  # an acknowledgement that died with it is a further delivery
        assert {outcome for _, outcome in self.rows(path)} == {"succeeded", "failed"}
        assert len(self.rows(path)) == 2

    def test_what_could_not_be_done_is_not_noted_and_comes_again(self, program, path, monkeypatch):
        def broken(*_):
            raise OSError("no space left")

        take = program.taking(path)
        with monkeypatch.context() as patch:
            patch.setattr(program, "completed", broken)
            refused = Message(*COMPLETE)
            take(refused)
        taken = Message(*COMPLETE)
        take(taken)
        assert (refused.answer, taken.answer) == ("nack", "ack")
        assert len(self.rows(path)) == 1

    def test_threads_that_get_the_same_at_once_do_it_once(self, program, path):
        messages = [Message(*COMPLETE) for _ in range(8)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(program.taking(path), messages))
        assert {message.answer for message in messages} == {"ack"}
        assert len(self.rows(path)) == 1

    def test_what_cannot_be_read_is_left_to_the_dead_letters(self, program, path):
        message = Message(b"no JSON", COMPLETE[1])
        program.taking(path)(message)
        assert message.answer == "nack"
        assert self.rows(path) == []


@pytest.mark.parametrize("refused", ["CreateSubscription", "StreamingPull"])
def test_whoever_may_not_listen_in_is_told_what_it_takes(pubsub, clients, monkeypatch, refused):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.host)
    clients.plain_publisher.create_topic(name=f"projects/{refused.lower()}/topics/notices")
    with (
        faults(pubsub.url, {refused: ["return-403 x*"]}, everyone=True),
        pytest.raises(NotPermitted, match=r"roles/pubsub\.editor"),
        Listening(refused.lower()).to(["notices"]) as heard,
    ):
        next(heard)
    assert list(clients.subscriber.list_subscriptions(project=f"projects/{refused.lower()}")) == []


@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
def test_what_gcloud_is_told_on_the_page_loses_nothing(pubsub, clients, tmp_path):
    """Given the page's command as it stands there, expect a subscription that never expires and keeps dead letters."""
    page = (EXAMPLES.parent / "events.md").read_text("utf-8")
    [command] = re.findall(r"^  (gcloud pubsub subscriptions create .+?)\n  ```", page, re.DOTALL | re.MULTILINE)
    for topic in ("projects/dropforge/topics/job-complete", "projects/search/topics/search-team-dead"):
        clients.plain_publisher.create_topic(name=topic)
    environment = os.environ | {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"{pubsub.url}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CONFIG": str(tmp_path),
        "CLOUDSDK_CORE_PROJECT": "search",
    }
    command, _, _rights = command.replace("=DROPFORGE", "=dropforge").partition(
        "\n  AGENT="
    )  # which are the cloud's alone
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = clients.subscriber.get_subscription(subscription="projects/search/subscriptions/search-team")
    assert made.topic == "projects/dropforge/topics/job-complete"
    assert "expiration_policy" in made
    assert not made.expiration_policy.ttl
    assert made.dead_letter_policy.dead_letter_topic == "projects/search/topics/search-team-dead"
    kept = clients.subscriber.get_subscription(subscription="projects/search/subscriptions/search-team-dead")
    assert kept.topic == made.dead_letter_policy.dead_letter_topic


class TestTheFunction:
    @pytest.fixture
    def post(self, storage, monkeypatch):
        """Deliver an event to the function; give the answer's status."""
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage[0].url)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test")
        monkeypatch.setenv("ORDERS_BUCKET", "orders-of-search")
        app = functions_framework.create_app("reindex", str(EXAMPLES / "subscriber_function/main.py"), "cloudevent")
        recorded = json.loads(RECORDED.read_text())

        def post(told):
            data, attributes = told
            message = {"data": base64.b64encode(data).decode(), "attributes": dict(attributes)}
            body = recorded["body"] | {"message": recorded["body"]["message"] | message}
            return app.test_client().post("/", headers=recorded["headers"], json=body).status_code

        return post

    @pytest.fixture
    def ordered(self, storage):
        return lambda: [json.loads(blob.download_as_bytes()) for blob in storage[1].list_blobs("orders-of-search")]

    def test_orders_once_whatever_is_delivered(self, post, ordered):
        deployed = wire.publishable(examples()["model.deployed"], PROJECT)
        assert [post(deployed), post(deployed), post(LATER)] == [200, 200, 200]
        [order] = ordered()
        data = json.loads(deployed[0])
        assert order["space_id"] == data["space_id"]
        assert order["embeddings"] == data["embeddings"]

        moved = wire.publishable(examples()["alias.moved"], PROJECT)
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(post, [moved] * 8)) == {200}
        assert len(ordered()) == 2

        not_current = json.dumps(data | {"current": False}).encode()
        assert post((not_current, deployed[1] | {"ce-id": "another"})) == 200
        assert len(ordered()) == 2

    def test_what_fails_is_delivered_again(self, post, monkeypatch):
        monkeypatch.setenv("ORDERS_BUCKET", "not-there")
        import main  # noqa: PLC0415 - as the framework has named it

        main.orders.cache_clear()
        try:
            assert post(wire.publishable(examples()["model.deployed"], PROJECT)) == 500
        finally:
            main.orders.cache_clear()
