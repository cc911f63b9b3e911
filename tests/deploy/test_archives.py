"""Every archive, started with what its requirements name and nothing else, and given its recorded event."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from support.data import dataset
from support.pubsub import Clients, PubSubServer
from support.runs import validated
from support.servers import Server, eventually, running
from support.staged import Instance, unpacked
from support.storage import StorageServer
from support.vertex import vertex_server

import stage
from dropforge import wire
from dropforge.adapters.google.storage import CloudStorage
from dropforge.domain.facts import Tuned
from dropforge.domain.runs import State, advance
from dropforge.ledger import Ledger

EVENTS = Path(__file__).parents[1] / "events"
FUNCTIONS = stage.functions(stage.ROOT)
PROJECT = "rehearsal"
CONFIG = b"labels:\n  team: search\n"
TOPICS = ("dataset-validated", "dataset-rejected", "tuning-submitted", "job-complete", "notices")
SUBMITTED = {State.SUBMITTED: {"job": f"projects/{PROJECT}/locations/us-central1/pipelineJobs/gone"}}
SUCCEEDED = SUBMITTED | {State.SUCCEEDED: {"tuned": Tuned(model="m", metrics={"base_ndcg_at_10": 0.5})}}


@dataclass(frozen=True)
class Surroundings:
    """The services that functions work with."""

    storage: StorageServer
    pubsub: PubSubServer
    vertex: Server
    slack: Server
    clients: Clients

    def variables(self, function):
        """What points a function to them; each has buckets of its own."""
        return {
            "STORAGE_EMULATOR_HOST": self.storage.url,
            "PUBSUB_EMULATOR_HOST": self.pubsub.host,
            "DROPFORGE_PROJECT": PROJECT,
            "DROPFORGE_DROP_BUCKET": f"drop-{function}",
            "DROPFORGE_STATE_BUCKET": f"state-{function}",
            "DROPFORGE_VERTEX_ENDPOINT": self.vertex.url,
            "DROPFORGE_SLACK_URL": f"{self.slack.url}/services/T00000000/B00000000/local",
            "DROPFORGE_SETTLE_SECONDS": "0",
            "DROPFORGE_PATIENCE_SECONDS": "0.1",
            "DROPFORGE_CONFIG": stage.CONFIG,
        }

    def drop(self, function, name):
        """Drop a dataset; gives the generation of the file that landed last."""
        store = CloudStorage(PROJECT, f"drop-{function}")
        return [store.write(f"datasets/{name}/{file}", data, replacing=None) for file, data in dataset().items()][-1]

    def ledger(self, function):
        return Ledger(CloudStorage(PROJECT, f"state-{function}"))

    def published(self, topic, run):
        """What was published to a topic about a run."""
        subscription = f"projects/{PROJECT}/subscriptions/{topic}"
        answer = self.clients.subscriber.pull(subscription=subscription, max_messages=100, timeout=10)
        messages = [one.message for one in answer.received_messages if one.message.attributes["run"] == run]
        return [wire.read_message(message.data, message.attributes) for message in messages]


@pytest.fixture(scope="module")
def around(tmp_path_factory):
    buckets = [f"--bucket={kind}-{name}" for kind in ("drop", "state") for name in FUNCTIONS]
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        storage = stack.enter_context(running(StorageServer(tmp_path_factory.mktemp("storage"), *buckets)))
        pubsub = stack.enter_context(running(PubSubServer(tmp_path_factory.mktemp("pubsub"))))
        vertex = stack.enter_context(running(vertex_server(tmp_path_factory.mktemp("vertex"), storage.url)))
        slack = stack.enter_context(
            running(Server("dropforge_local.slack.server", "--dir", tmp_path_factory.mktemp("slack")))
        )
        patch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        clients = Clients(pubsub.host)
        stack.callback(clients.close)
        for topic in TOPICS:
            name = f"projects/{PROJECT}/topics/{topic}"
            clients.plain_publisher.create_topic(name=name)
            clients.subscriber.create_subscription(name=f"projects/{PROJECT}/subscriptions/{topic}", topic=name)
        yield Surroundings(storage, pubsub, vertex, slack, clients)


@pytest.fixture
def start(around, tmp_path):
    """Starts a function from its archive."""
    with ExitStack() as stack:

        def started(name, signature="cloudevent"):
            function = unpacked(name, tmp_path, CONFIG)
            return stack.enter_context(running(Instance(function, signature, around.variables(name))))

        yield started


def post(instance, recorded, **body):
    """Deliver a recorded event, as if it had come about just now.

    A minute ahead, even: a tick that comes later than the sweep's patience is worth nothing, and that is short here.
    """
    event = json.loads((EVENTS / f"{recorded}.json").read_text())
    moment = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    answer = httpx.post(
        instance.url, headers=event["headers"] | {"ce-time": moment}, json=event["body"] | body, timeout=60
    )
    assert answer.status_code == 200, answer.text


def record(ledger, recorded, states):
    """The run that a recorded event is about, as far as it had come."""
    message = json.loads((EVENTS / f"{recorded}.json").read_text())["body"]["message"]
    run = validated(message["attributes"]["run"])
    for state, facts in states.items():
        run = advance(run, state, at=run.updated, function="f", event="e", **facts)
    ledger.record(run)
    return run.id


def test_validate_dataset_takes_in_a_dropped_dataset(around, start):
    generation = around.drop("validate_dataset", "topics")
    post(start("validate_dataset"), "object_finalized", bucket="drop-validate_dataset", generation=str(generation))

    [run] = around.ledger("validate_dataset").summaries()
    assert (run.dataset, run.state) == ("topics", State.VALIDATED)
    assert around.published("dataset-validated", run.id)


def test_submit_tuning_submits_a_job(around, start):
    ledger = around.ledger("submit_tuning")
    run = record(ledger, "dataset_validated", {})
    post(start("submit_tuning"), "dataset_validated")

    [event] = around.published("tuning-submitted", run)
    job = httpx.get(f"{around.vertex.url}/v1/{event.job}").json()
    assert ledger.load(run).state is State.SUBMITTED
    assert job["labels"]["team"] == "search"  # which the operator's file in the archive says


def test_watch_status_follows_a_job(around, start):
    """Expect a job that Vertex does not know any more to end its run."""
    ledger = around.ledger("watch_status")
    run = record(ledger, "dataset_validated", SUBMITTED)
    post(start("watch_status"), "pipeline_job_ended")

    [event] = around.published("job-complete", run)
    assert event.outcome == "failed"


def test_deploy_model_asks_for_an_endpoint(around, start):
    ledger = around.ledger("deploy_model")
    run = record(ledger, "job_complete", SUCCEEDED)
    post(start("deploy_model"), "job_complete")

    assert ledger.load(run).state is State.DEPLOYING
    address = f"{around.vertex.url}/v1/projects/{PROJECT}/locations/us-central1/endpoints"
    [endpoint] = eventually(lambda: httpx.get(address).json()["endpoints"])
    assert endpoint["labels"]["team"] == "search"


def test_notify_slack_tells_people(around, start):
    post(start("notify_slack"), "dataset_rejected")

    [message] = httpx.get(f"{around.slack.url}/_local/messages").json()
    assert "faqs" in message["text"]


def test_sweep_takes_in_what_no_event_told_of(around, start):
    around.drop("sweep", "missed")
    post(start("sweep"), "sweep_request")

    [run] = around.ledger("sweep").summaries()
    assert (run.dataset, run.state) == ("missed", State.VALIDATED)
    assert around.published("dataset-validated", run.id)


def test_console_shows_a_run(around, start):
    run = record(around.ledger("console"), "dataset_validated", {})
    console = start("console", "http")

    assert run in httpx.get(console.url).text
    assert run in httpx.get(f"{console.url}/runs/{run}").text
    assert httpx.get(f"{console.url}/style.css").headers["content-type"].startswith("text/css")


def test_each_function_is_started_here():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert all(any(name.startswith(f"{function}_") for name in tested) for function in FUNCTIONS)
