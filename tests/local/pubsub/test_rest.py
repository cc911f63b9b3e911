"""The REST face: as curl sees it, and as `gcloud pubsub` uses it."""

import base64
import json
import os
import shutil
import subprocess

import httpx
import pytest
from support.pubsub import PROJECT, PubSubServer
from support.servers import running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(PubSubServer(tmp_path_factory.mktemp("pubsub"))) as server:
        yield server


@pytest.fixture(scope="module")
def http(server):
    with httpx.Client(base_url=server.url) as client:
        yield client


@pytest.fixture
def names(http, request):
    """A topic and its subscription."""
    word = request.node.name.removeprefix("test_")
    topic, subscription = f"{PROJECT}/topics/{word}", f"{PROJECT}/subscriptions/{word}"
    assert http.put(f"/v1/{topic}", json={}).json() == {"name": topic}
    assert http.put(f"/v1/{subscription}", json={"topic": topic}).json()["topic"] == topic
    return topic, subscription


def publish(http, topic, body):
    message = {"data": base64.b64encode(body).decode(), "attributes": {"kind": "test"}}
    return http.post(f"/v1/{topic}:publish", json={"messages": [message]}).json()["messageIds"]


def test_health_is_told_at_the_root(http):
    assert http.get("/").status_code == 200


def test_a_message_goes_through(http, names):
    topic, subscription = names
    [message_id] = publish(http, topic, b"body")

    [received] = http.post(f"/v1/{subscription}:pull", json={"maxMessages": 5}).json()["receivedMessages"]
    acknowledged = http.post(f"/v1/{subscription}:acknowledge", json={"ackIds": [received["ackId"]]})

    assert received["message"].items() >= {"data": "Ym9keQ==", "messageId": message_id}.items()
    assert (acknowledged.status_code, acknowledged.json()) == (200, {})
    assert http.get("/_local/status").json()[subscription]["backlog"] == 0


def test_status_tells_what_is_owed_and_for_how_long(http, names):
    topic, subscription = names
    publish(http, topic, b"a")
    publish(http, topic, b"b")
    http.post(f"/v1/{subscription}:pull", json={"maxMessages": 1})

    status = http.get("/_local/status").json()[subscription]

    assert 0 <= status.pop("oldest_seconds") < 10
    assert status == {"backlog": 2, "outstanding": 1, "delivered": 1}


def test_errors_are_told_as_google_tells_them(http, names):
    topic, _ = names

    absent = http.get(f"/v1/{PROJECT}/topics/absent")
    taken = http.put(f"/v1/{topic}", json={})
    bad = http.put(f"/v1/{PROJECT}/topics/x", json={})

    assert [answer.status_code for answer in (absent, taken, bad)] == [404, 409, 400]
    assert absent.json()["error"].keys() == {"code", "message", "status"}
    assert taken.json()["error"]["status"] == "ALREADY_EXISTS"


@pytest.mark.parametrize("body", ["{", "[]", '{"maxMessages": "many"}'])
def test_a_body_that_cannot_be_read_is_the_callers_fault(http, body):
    answer = http.post(f"/v1/{PROJECT}/subscriptions/any:pull", content=body)

    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_what_no_method_answers_is_not_found(http):
    assert http.post(f"/v1/{PROJECT}/topics/any:explode", json={}).status_code == 404


def test_a_listing_comes_in_pages(http, names):
    for letter in "abc":
        http.put(f"/v1/{PROJECT}/topics/paged-{letter}", json={})

    first = http.get(f"/v1/{PROJECT}/topics", params={"pageSize": 2}).json()
    rest = http.get(f"/v1/{PROJECT}/topics", params={"pageToken": first["nextPageToken"]}).json()

    assert len(first["topics"]) == 2
    assert {names[0], f"{PROJECT}/topics/paged-c"} <= {topic["name"] for topic in first["topics"] + rest["topics"]}


@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
def test_gcloud_works_as_with_the_service(server, tmp_path):
    environment = os.environ | {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"{server.url}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CONFIG": str(tmp_path),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_PROJECT": "gcloud",
    }

    def pubsub(*arguments):
        done = subprocess.run(
            ["gcloud", "pubsub", *arguments, "--format=json"], env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout or "null")

    pubsub("topics", "create", "news")
    pubsub("subscriptions", "create", "reader", "--topic=news", "--ack-deadline=20", "--retain-acked-messages")
    described = pubsub("subscriptions", "describe", "reader")
    pubsub("topics", "publish", "news", "--message=hello", "--attribute=kind=test")
    [received] = pubsub("subscriptions", "pull", "reader")
    pubsub("subscriptions", "ack", "reader", f"--ack-ids={received['ackId']}")
    pubsub("subscriptions", "seek", "reader", "--time=2020-01-01T00:00:00Z")
    [replayed] = pubsub("subscriptions", "pull", "reader", "--auto-ack")
    pubsub("subscriptions", "update", "reader", "--ack-deadline=30")
    listed = pubsub("subscriptions", "list")
    pubsub("subscriptions", "delete", "reader")
    pubsub("topics", "delete", "news")

    assert described["ackDeadlineSeconds"] == 20
    assert base64.b64decode(received["message"]["data"]) == b"hello"
    assert received["message"] == replayed["message"]
    assert [one["ackDeadlineSeconds"] for one in listed] == [30]
    assert pubsub("topics", "list") == []
