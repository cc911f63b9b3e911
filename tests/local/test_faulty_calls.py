"""Faults of the calls of Pub/Sub, over both its faces, of Vertex and of Slack."""

import httpx
import pytest
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.cloud import aiplatform_v1
from slack_sdk.webhook import WebhookClient
from support.faulty import faults
from support.pubsub import Pair, bodies
from support.servers import Server, eventually, running
from support.vertex import LOCATION, vertex_server
from support.vertex import Clients as VertexClients

QUICKLY = Retry(initial=0.05, maximum=0.2, timeout=20)


@pytest.fixture
def pair(clients):
    return Pair(clients)


def test_what_was_published_with_a_lost_answer_is_published_again(pubsub, pair):
    with faults(pubsub.url, {"Publish": ["return-reset-connection-after-commit"]}, everyone=True) as asked:
        pair.publisher.publish(topic=pair.topic, messages=[{"data": b"twice"}], retry=QUICKLY)
        assert asked.fired == {"Publish": 1}

    received = pair.pull_until(2)
    assert bodies(received) == ["twice", "twice"]
    assert len({one.message.message_id for one in received}) == 2


def test_a_batching_client_publishes_again_by_itself(pubsub, clients, pair):
    with faults(pubsub.url, {"Publish": ["return-503-after-commit"]}, everyone=True):
        clients.publisher.publish(pair.topic, b"twice").result(20)
    assert bodies(pair.pull_until(2)) == ["twice", "twice"]


@pytest.mark.parametrize(
    ("instruction", "error"),
    [
        ("return-503", exceptions.ServiceUnavailable),
        ("return-429", exceptions.ResourceExhausted),
        ("return-404", exceptions.NotFound),
        ("return-reset-connection", exceptions.ServiceUnavailable),
    ],
)
def test_a_status_is_its_code_in_grpc(pubsub, pair, instruction, error):
    with faults(pubsub.url, {"Publish": [f"{instruction} x2"]}, everyone=True) as asked:
        for _ in range(2):
            with pytest.raises(error):
                pair.publisher.publish(topic=pair.topic, messages=[{"data": b"x"}], retry=None)
        assert asked.fired == {"Publish": 2}
        pair.publish("third")
    assert bodies(pair.pull_until(1)) == ["third"]


def test_a_call_can_be_late_or_made_twice(pubsub, pair):
    with faults(pubsub.url, {"Publish": ["delay-for-0.05s", "duplicate"]}, everyone=True) as asked:
        pair.publish("late")
        pair.publish("twice")
        assert asked.state["completed"]
    assert sorted(bodies(pair.pull_until(3))) == ["late", "twice", "twice"]


def test_a_call_takes_part_by_its_metadata(pubsub, pair):
    with faults(pubsub.url, {"Publish": ["return-404"]}) as asked:
        pair.publish("of somebody else")
        with pytest.raises(exceptions.NotFound):
            pair.publisher.publish(
                topic=pair.topic, messages=[{"data": b"x"}], metadata=[*asked.headers.items()], retry=None
            )
        assert asked.fired == {"Publish": 1}


def test_both_faces_use_up_one_list(pubsub, pair):
    url = f"{pubsub.url}/v1/{pair.subscription}:acknowledge"
    with faults(pubsub.url, {"Acknowledge": ["return-503", "return-503"]}, everyone=True) as asked:
        answer = httpx.post(url, json={"ackIds": ["x"]})
        with pytest.raises(exceptions.ServiceUnavailable):
            pair.subscriber.acknowledge(subscription=pair.subscription, ack_ids=["x"], retry=None)
        assert asked.fired == {"Acknowledge": 2}
    assert (answer.status_code, answer.json()["error"]["status"]) == (503, "UNAVAILABLE")


def test_messages_whose_pull_is_lost_come_again(pubsub, clients):
    pair = Pair(clients, ack_deadline_seconds=10)
    pair.publish("body")
    with faults(pubsub.url, {"Pull": ["return-503-after-commit"]}, everyone=True):
        with pytest.raises(exceptions.ServiceUnavailable):
            pair.subscriber.pull(subscription=pair.subscription, max_messages=1, retry=None)
        assert bodies(pair.pull_until(1, within=20)) == ["body"]


def test_a_stream_that_breaks_is_opened_again(pubsub, clients, pair):
    got = []

    def take(message):
        got.append(message.data)
        message.ack()

    instructions = {"StreamingPull": ["return-503", "return-broken-stream"]}
    with faults(pubsub.url, instructions, everyone=True) as asked:
        stream = clients.subscriber.subscribe(pair.subscription, take)
        pair.publish("first")
        eventually(lambda: got and asked.state["completed"], seconds=20)
        pair.publish("second")
        eventually(lambda: b"second" in got, seconds=20)
        stream.cancel()
        stream.result(10)


@pytest.fixture(scope="module")
def vertex(tmp_path_factory):
    # No storage is there: a job that is created fails later, which is nothing to these tests.
    with running(vertex_server(tmp_path_factory.mktemp("vertex"), "http://127.0.0.1:1")) as server:
        yield VertexClients.of(server.url)


def test_a_job_whose_answer_is_lost_is_there_once(vertex):
    create = "aiplatform.pipelineJobs.create"
    with faults(vertex.url, {create: ["return-503-after-commit"]}, everyone=True) as asked:
        with pytest.raises(exceptions.ServiceUnavailable):
            vertex.submit("lost")
        with pytest.raises(exceptions.Conflict):
            vertex.submit("lost")
        assert asked.fired == {create: 1}
    [job] = vertex.jobs.list_pipeline_jobs(parent=LOCATION)
    assert job.name.endswith("/lost")


def test_a_connection_is_reset_in_the_middle_of_a_creation(vertex):
    create = "aiplatform.endpoints.create"
    lost = {create: ["return-reset-connection-after-commit"]}
    with faults(vertex.url, lost, everyone=True), pytest.raises(httpx.ReadError):
        httpx.post(f"{vertex.url}/v1/{LOCATION}/endpoints", json={"displayName": "lost"})
    # It is there as soon as its operation has ended.
    eventually(lambda: [one.display_name for one in vertex.endpoints.list_endpoints(parent=LOCATION)] == ["lost"])


def test_polling_an_operation_can_fail_below_each_path(vertex):
    operation = vertex.endpoints.create_endpoint(
        parent=LOCATION, endpoint=aiplatform_v1.Endpoint(display_name="polled")
    ).operation.name
    with faults(vertex.url, {"aiplatform.operations.get": ["return-503 x2"]}, everyone=True):
        answers = [httpx.get(f"{vertex.url}/{version}/{operation}").status_code for version in ("v1", "ui", "v1")]
    assert answers == [503, 503, 200]


@pytest.mark.parametrize(
    ("method", "verb", "path"),
    [
        ("pipelineJobs.list", "GET", "pipelineJobs"),
        ("pipelineJobs.get", "GET", "pipelineJobs/1"),
        ("endpoints.list", "GET", "endpoints"),
        ("endpoints.get", "GET", "endpoints/1"),
        ("endpoints.delete", "DELETE", "endpoints/1"),
        ("endpoints.deployModel", "POST", "endpoints/1:deployModel"),
        ("endpoints.undeployModel", "POST", "endpoints/1:undeployModel"),
        ("endpoints.predict", "POST", "endpoints/1:predict"),
        ("operations.get", "GET", "endpoints/1/operations/2"),
    ],
)
def test_a_request_meets_the_faults_of_its_method(vertex, method, verb, path):
    with faults(vertex.url, {f"aiplatform.{method}": ["return-429"]}, everyone=True):
        answer = httpx.request(verb, f"{vertex.url}/v1/{LOCATION}/{path}")
    assert answer.status_code == 429
    assert answer.json()["error"]["status"] == "RESOURCE_EXHAUSTED"


@pytest.fixture(scope="module")
def slack(tmp_path_factory):
    with running(Server("dropforge_local.slack.server", "--dir", tmp_path_factory.mktemp("slack"))) as server:
        yield server.url


@pytest.fixture
def webhook(slack):
    return WebhookClient(f"{slack}/services/T0/B0/local")


def test_a_limited_client_is_told_how_long_to_wait(slack, webhook):
    with faults(slack, {"slack.post": ["return-429-retry-after-3s", "return-503"]}, everyone=True) as asked:
        limited = webhook.send(text="lost")
        assert (limited.status_code, limited.body, limited.headers["retry-after"]) == (429, "rate_limited", "3")
        assert webhook.send(text="lost").body == "service_unavailable"
        assert webhook.send(text="taken").status_code == 200
        assert asked.fired == {"slack.post": 2}
    assert [message["text"] for message in httpx.get(f"{slack}/_local/messages").json()] == ["taken"]


def test_a_message_whose_answer_is_lost_is_there_twice(slack, webhook):
    """Slack's client sends again when its connection breaks."""
    with faults(slack, {"slack.post": ["return-reset-connection-after-commit"]}, everyone=True) as asked:
        assert webhook.send(text="arrived").status_code == 200
        assert asked.fired == {"slack.post": 1}
    assert [message["text"] for message in httpx.get(f"{slack}/_local/messages").json()[-2:]] == ["arrived", "arrived"]


def test_each_server_says_what_it_knows(pubsub):
    answer = httpx.post(f"{pubsub.url}/retry_test", json={"instructions": {"storage.objects.get": ["return-503"]}})

    assert answer.status_code == 400
    assert answer.text.startswith("'storage.objects.get' is no method of this server; these are: Acknowledge, Create")
