"""A push subscription calls a function as Terraform sets it up, and the function is given what Eventarc would bring.

Pub/Sub posts a form of its own, no CloudEvent: the functions framework makes one of it, and takes the topic from the path.
"""

import json
from urllib.parse import urlsplit

import functions_framework
import pytest
from terraform.deployment import PROJECT, ROOT
from terraform.policies.reading import inner, pushes

from dropforge import delivery, wire
from dropforge.domain.topology import TAKES

RECORDED = json.loads((ROOT / "tests" / "events" / "message_published.json").read_text())
MESSAGE = RECORDED["body"]["message"] | {"attributes": {"schedule": "watch"}}

# The framework asks for the time in a way that Python 3.12 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


@pytest.fixture
def given(monkeypatch):
    """The events that functions are given; they do nothing with them."""
    events = []
    monkeypatch.setattr(delivery, "deliver", lambda event, **_: events.append(event))
    return events


def client(name, monkeypatch):
    """A function as Cloud Run starts one that has no trigger: told that it answers HTTP requests."""
    monkeypatch.setenv("FUNCTION_SIGNATURE_TYPE", "http")
    return functions_framework.create_app(name, str(ROOT / "functions" / name / "main.py")).test_client()


@pytest.mark.parametrize(("function", "topic"), [(name, topic) for name, topics in TAKES.items() for topic in topics])
def test_a_push_brings_what_eventarc_would(function, topic, given, monkeypatch, full):
    (push,) = (each for each in pushes(full) if each.key == f"{function}.{topic}")
    path = urlsplit(inner(push, "push_config")["push_endpoint"]).path
    takes = client(function, monkeypatch)

    source = f"//pubsub.googleapis.com/projects/{PROJECT}/topics/{topic}"
    by_eventarc = takes.post(
        "/", headers=RECORDED["headers"] | {"ce-source": source}, json=RECORDED["body"] | {"message": MESSAGE}
    )
    pushed = {"message": MESSAGE, "subscription": push.values["name"], "deliveryAttempt": 1}
    by_push = takes.post(path, json=pushed)

    assert (by_eventarc.status_code, by_push.status_code) == (200, 200)
    one, other = given
    assert [one[name] for name in ("id", "type", "source")] == [other[name] for name in ("id", "type", "source")]
    assert wire.time_of(one) == wire.time_of(other)
    assert wire._message(one) == wire._message(other)


def test_a_tick_has_data_because_the_framework_takes_no_message_without(given, monkeypatch, full):
    takes = client("sweep", monkeypatch)
    bare = {name: value for name, value in MESSAGE.items() if name != "data"}
    assert takes.post("/", json={"message": bare, "subscription": "s"}).status_code == 400
    assert given == []
    assert all(inner(each, "pubsub_target").get("data") for each in full.all("cloud_scheduler_job"))
