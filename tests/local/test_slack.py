"""The local Slack, through Slack's own client."""

import json
import re
import urllib.error
import urllib.request

import pytest
from slack_sdk.webhook import WebhookClient
from support.servers import Server, running

from dropforge_local.slack.mrkdwn import to_html
from dropforge_local.slack.payload import Refused, read

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "tuned"}}


def slack(folder):
    return Server("dropforge_local.slack.server", "--dir", folder)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with running(slack(tmp_path_factory.mktemp("slack"))) as server:
        yield server.url


@pytest.fixture
def webhook(url):
    return WebhookClient(f"{url}/services/T00000000/B00000000/local")


def get(url):
    with urllib.request.urlopen(url) as response:
        return response.read().decode(), response.headers


def post(url, body, content_type="application/json"):
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def messages(url):
    return json.loads(get(f"{url}/_local/messages")[0])


def test_a_message_is_answered_ok_and_listed_last(url, webhook):
    webhook.send(text="first")
    answer = webhook.send(text="fallback", blocks=[SECTION])

    assert (answer.status_code, answer.body) == (200, "ok")
    *_, before, last = messages(url)
    assert (before["text"], last["text"]) == ("first", "fallback")
    assert last["payload"]["blocks"] == [SECTION]
    assert before["id"] < last["id"]
    assert before["time"] <= last["time"]


def test_blocks_without_text_are_listed_with_their_own_text(url, webhook):
    webhook.send(blocks=[{"type": "header", "text": {"type": "plain_text", "text": "Run failed"}}, SECTION])

    assert messages(url)[-1]["text"] == "Run failed\ntuned"


def test_a_form_with_a_payload_field_is_taken_too(url):
    body = b"payload=%7B%22text%22%3A%22from+a+form%22%7D"

    answer = post(f"{url}/services/T1/B1/x", body, "application/x-www-form-urlencoded")

    assert answer == (200, "ok")
    assert messages(url)[-1]["text"] == "from a form"


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("T1/B1/x", b"{", (400, "invalid_payload")),
        ("T1/B1/x", b"[]", (400, "invalid_payload")),
        ("T1/B1/x", b'{"text": 5}', (400, "invalid_payload")),
        ("T1/B1/x", b"{}", (400, "no_text")),
        ("T1/B1/x", b'{"text": ""}', (400, "no_text")),
        ("T1/B1/x", b'{"blocks": [{"type": "dividers"}]}', (400, "invalid_blocks")),
        ("X1/B1/x", b'{"text": "hi"}', (404, "no_team")),
        ("T1/X1/x", b'{"text": "hi"}', (404, "no_service")),
    ],
)
def test_what_slack_refuses_is_refused_in_its_words_and_not_kept(url, path, body, expected):
    before = len(messages(url))

    assert expected == post(f"{url}/services/{path}", body)
    assert before == len(messages(url))


def section(**parts):
    return {"blocks": [{"type": "section", **parts}]}


def mrkdwn(length):
    return {"type": "mrkdwn", "text": "x" * length}


def header(length, kind="plain_text"):
    return {"blocks": [{"type": "header", "text": {"type": kind, "text": "x" * length}}]}


@pytest.mark.parametrize(
    "message",
    [
        {"blocks": [{"type": "divider"}] * 50},
        section(text=mrkdwn(3_000)),
        section(fields=[mrkdwn(1_000)] * 10),
        section(fields=[mrkdwn(2_000)]),
        header(150),
        {"blocks": [{"type": "context", "elements": [mrkdwn(1)] * 10}]},
        {"blocks": [{"type": "section", "text": mrkdwn(3_000)}] * 4},
    ],
)
def test_a_message_at_the_limits_is_taken(message):
    assert message == read(json.dumps(message).encode())


@pytest.mark.parametrize(
    ("message", "reason", "place"),
    [
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks", "blocks: 51 items"),
        ({"blocks": {"type": "divider"}}, "invalid_blocks", "blocks: not a list"),
        ({"blocks": ["divider"]}, "invalid_blocks", "blocks/0: not an object"),
        (section(), "invalid_blocks", "blocks/0: needs text or fields"),
        (section(text=mrkdwn(3_001)), "invalid_blocks", "blocks/0/text/text: 3001 characters"),
        (section(text=mrkdwn(0)), "invalid_blocks", "blocks/0/text/text: 0 characters"),
        (section(text="tuned"), "invalid_blocks", "blocks/0/text: not a text object"),
        (section(text={"type": "html", "text": "x"}), "invalid_blocks", "type 'html'"),
        (section(fields=[mrkdwn(1)] * 11), "invalid_blocks", "blocks/0/fields: 11 items"),
        (section(fields=[mrkdwn(1), mrkdwn(2_001)]), "invalid_blocks", "blocks/0/fields/1/text"),
        (header(151), "invalid_blocks", "blocks/0/text/text: 151 characters"),
        (header(1, kind="mrkdwn"), "invalid_blocks", "type 'mrkdwn'"),
        ({"blocks": [{"type": "context", "elements": [mrkdwn(1)] * 11}]}, "invalid_blocks", "11 items"),
        ({"blocks": [{"type": "image", "image_url": "https://x/y.png"}]}, "invalid_blocks", "alt_text"),
        ({"blocks": [{"type": "section", "text": mrkdwn(2_700)}] * 5}, "msg_blocks_too_long", "13500 characters"),
        ({"attachments": [{}] * 101}, "too_many_attachments", "101"),
    ],
)
def test_a_message_beyond_a_limit_is_refused_and_the_log_names_the_place(message, reason, place):
    with pytest.raises(Refused, match=re.escape(place)) as refused:
        read(json.dumps(message).encode())

    assert (400, reason) == (refused.value.status, refused.value.reason)


def test_a_message_that_was_answered_survives_a_kill(tmp_path):
    with running(slack(tmp_path)) as server:
        WebhookClient(f"{server.url}/services/T0/B0/local").send(text="deployed")
        server.restart()

        assert [message["text"] for message in messages(server.url)] == ["deployed"]


def test_the_page_escapes_everything_and_allows_no_script(url, webhook):
    evil = '<script>alert("x")</script>'
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": evil}},
        {"type": "section", "text": {"type": "mrkdwn", "text": evil}, "fields": [{"type": "mrkdwn", "text": evil}]},
        {"type": "context", "elements": [{"type": "image", "image_url": "https://x/y.png", "alt_text": evil}]},
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": evil}}]},
    ]
    webhook.send_dict({"blocks": blocks, "username": evil})

    page, headers = get(url)

    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*bold* and _italic_", "<b>bold</b> and <i>italic</i>"),
        ("~gone~", "<s>gone</s>"),
        ("`a*b*c`", "<code>a*b*c</code>"),
        ("```\nx < y\n```", "<pre>x &lt; y</pre>"),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
        ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;"),
        ("<https://x.test/?a=1&amp;b=2|the run>", '<a href="https://x.test/?a=1&amp;b=2" rel="noreferrer">the run</a>'),
        ("*<https://x.test>*", '<b><a href="https://x.test" rel="noreferrer">https://x.test</a></b>'),
        ("<javascript:alert(1)|click>", "&lt;javascript:alert(1)|click&gt;"),
        (
            '<https://x.test/"onclick="x|y>',
            '<a href="https://x.test/&quot;onclick=&quot;x" rel="noreferrer">y</a>',
        ),
        ("<!channel> <#C1|general>", '<span class="mention">@channel</span> <span class="mention">#general</span>'),
        (":tada: :unheard_of:", "🎉 :unheard_of:"),
    ],
)
def test_markup_is_rendered_as_html_that_can_do_no_harm(text, expected):
    assert expected == to_html(text)
