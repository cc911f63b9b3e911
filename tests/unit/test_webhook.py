"""What a webhook sends is the event, signed so that others can verify it; and it goes nowhere else."""

import base64
import hmac
import json
import re
import time
from pathlib import Path

import pytest
from support.slack import Answers, slack_saying
from support.world import World

from dropforge.adapters.memory import ManualClock
from dropforge.adapters.webhook import SignedWebhook, headers_of, webhook_id
from dropforge.domain.errors import Misconfigured, Refused, Unavailable
from dropforge.domain.events import DatasetMisnamed

PAGE = Path(__file__).parents[2] / "docs/notifications.md"
KEYS = (b"k" * 32, b"o" * 24)
EVENT = DatasetMisnamed(id="misnamed/a.b/1", time=World().clock.now(), dataset="A.b", suggestion="a-b")


def key(secret: bytes) -> str:
    return "whsec_" + base64.b64encode(secret).decode()


def sent(answers, clock=None, keys=KEYS):
    with slack_saying(answers) as url:
        SignedWebhook(f"{url}/hook?token=secret", keys, "example", clock or ManualClock()).send(
            EVENT, "A folder cannot be used"
        )
    return answers.asked


@pytest.fixture
def verified():
    """The receiver that the page shows, with one key."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    receiver = {}
    exec(code, receiver)
    receiver["KEYS"] = [key(KEYS[0])]
    return receiver


def test_the_event_comes_whole_with_a_headline():
    [asked] = sent(Answers((204, {}, "")))
    assert asked.path == "/hook?token=secret"
    assert asked.headers["Content-Type"].startswith("application/cloudevents+json")
    assert asked.json == {
        "specversion": "1.0",
        "id": "misnamed/a.b/1",
        "type": "dropforge.dataset.misnamed.v1",
        "source": "//dropforge/projects/example",
        "subject": "datasets/A.b",
        "time": EVENT.time.isoformat(),
        "datacontenttype": "application/json",
        "text": "A folder cannot be used",
        "data": {"dataset": "A.b", "suggestion": "a-b"},
    }


def test_it_is_signed_as_the_specification_has_it():
    """The example of the specification's own libraries."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_receiver_on_the_page_takes_what_is_sent(verified):
    clock = ManualClock()
    [asked] = sent(Answers((200, {}, "")), clock)
    verified["time"] = type("Time", (), {"time": staticmethod(lambda: clock.now().timestamp())})
    assert verified["verified"](asked.headers, asked.body)


@pytest.mark.parametrize("secret", KEYS)
def test_while_keys_are_exchanged_either_is_good(verified, secret):
    body, now = b"{}", int(time.time())
    verified["KEYS"] = [key(secret)]
    assert verified["verified"](headers_of("id", now, body, KEYS), body)


@pytest.mark.parametrize(
    ("changed", "body"),
    [
        ({}, b'{"forged": true}'),
        ({"webhook-id": "another"}, b"{}"),
        ({"webhook-timestamp": str(int(time.time()) - 301)}, b"{}"),
        ({"webhook-timestamp": str(int(time.time()) + 100)}, b"{}"),
        ({"webhook-timestamp": "now"}, b"{}"),
        ({"webhook-signature": ""}, b"{}"),
        ({"webhook-signature": "v1,AAAA v1a,AAAA"}, b"{}"),
    ],
)
def test_the_receiver_on_the_page_refuses_what_was_not_sent(verified, changed, body):
    headers = headers_of("id", int(time.time()), b"{}", KEYS)
    assert verified["verified"](headers, b"{}")
    assert not verified["verified"](headers | changed, body)


def test_the_receiver_on_the_page_refuses_what_is_sent_again_later(verified):
    old = headers_of("id", int(time.time()) - 301, b"{}", KEYS)
    assert not verified["verified"](old, b"{}")


def test_no_id_holds_what_divides_the_signed_content():
    assert webhook_id("topics-1/waiting/20261128T041100.123456") == "topics-1%2Fwaiting%2F20261128T041100%2E123456"
    assert re.fullmatch(r"[\w%-]{1,400}", webhook_id("é\n. " * 500))


def test_every_attempt_has_its_own_time_and_the_same_id():
    clock = ManualClock()
    first, *_ = sent(Answers((200, {}, "")), clock)
    clock.advance(600)
    second, *_ = sent(Answers((200, {}, "")), clock)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 600
    expected = hmac.digest(
        KEYS[1], f"{first.headers['webhook-id']}.{first.headers['webhook-timestamp']}.".encode() + first.body, "sha256"
    )
    assert first.headers["webhook-signature"].split()[1] == "v1," + base64.b64encode(expected).decode()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, Unavailable),
        (503, Unavailable),
        (429, Unavailable),
        (408, Unavailable),
        (400, Refused),
        (422, Refused),
        (401, Misconfigured),
        (404, Misconfigured),
        (410, Misconfigured),
    ],
)
def test_an_answer_that_is_no_yes_says_what_becomes_of_the_event(status, error):
    with pytest.raises(error, match=str(status)) as caught:
        sent(Answers((status, {}, "whatever <secret>")))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_is_led_nowhere_else(status):
    with slack_saying(Answers((200, {}, ""))) as elsewhere:
        answers = Answers((status, {"Location": f"{elsewhere}/metadata"}, ""))
        with pytest.raises(Misconfigured, match="not followed") as caught:
            sent(answers)
    assert len(answers.asked) == 1
    assert "metadata" not in str(caught.value)


def test_an_address_that_does_not_answer_is_not_told_to_anybody():
    with pytest.raises(Unavailable, match="did not answer") as caught:
        SignedWebhook("http://127.0.0.1:9/secret", KEYS, "example", ManualClock()).send(EVENT, "x")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_body_is_the_same_at_every_attempt():
    first, *_ = sent(Answers((200, {}, "")))
    again, *_ = sent(Answers((200, {}, "")))
    assert first.body == again.body
    assert json.loads(first.body)["id"] == EVENT.id
