"""The local Slack, through Slack's own client."""

import json
import re
import urllib.error
import urllib.request
from dataclasses import replace
from urllib.parse import quote

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient
from support.faulty import faults
from support.servers import Server, running

from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.adapters.slack.bot import SlackBot
from dropforge.claims import Claims
from dropforge.domain.message import Message, Tone
from dropforge.domain.notifications import Notifications
from dropforge_local.slack.mrkdwn import to_html
from dropforge_local.slack.payload import Refused, read

TOKEN = "xoxb-local"
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


# A bot


@pytest.fixture
def bot(url):
    return WebClient(TOKEN, base_url=f"{url}/api/")


def refused(method, **arguments):
    with pytest.raises(SlackApiError) as error:
        method(**arguments)
    return error.value.response


def test_a_bots_message_is_listed_where_it_stands(url, bot):
    answer = bot.chat_postMessage(channel="#ml", text="tuned", blocks=[SECTION])

    last = messages(url)[-1]
    assert (last["channel"], last["ts"], last["thread"], last["text"]) == ("#ml", answer["ts"], "", "tuned")
    assert re.fullmatch(r"\d{10}\.\d{6}", answer["ts"])


def test_a_channel_is_the_same_by_its_id(url, bot):
    named = bot.chat_postMessage(channel="#ml", text="one")["channel"]
    assert bot.chat_postMessage(channel=named, text="two")["channel"] == named
    assert messages(url)[-1]["channel"] == "#ml"
    assert bot.conversations_info(channel=named)["channel"]["is_member"]


def test_an_answer_stands_in_its_thread(url, bot):
    first = bot.chat_postMessage(channel="#ml", text="first")
    bot.chat_postMessage(channel=first["channel"], text="second", thread_ts=first["ts"])
    assert messages(url)[-1]["thread"] == first["ts"]


def test_a_thread_that_is_not_there_or_elsewhere_cannot_be_answered_in(bot):
    elsewhere = bot.chat_postMessage(channel="#other", text="first")["ts"]
    for thread in (elsewhere, "1.000001", "nonsense"):
        answer = refused(bot.chat_postMessage, channel="#ml", text="second", thread_ts=thread)
        assert (answer.status_code, answer["error"]) == (200, "thread_not_found")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"channel": "#No Such", "text": "x"}, "channel_not_found"),
        ({"channel": "", "text": "x"}, "channel_not_found"),
        ({"channel": "#ml", "blocks": [{"type": "dividers"}], "text": "x"}, "invalid_blocks"),
    ],
)
def test_what_slack_refuses_a_bot_is_refused_in_its_words_and_not_kept(url, bot, arguments, word):
    before = len(messages(url))
    assert refused(bot.chat_postMessage, **arguments)["error"] == word
    assert before == len(messages(url))


@pytest.mark.parametrize(("token", "word"), [("xoxp-other", "invalid_auth"), (None, "not_authed")])
def test_a_token_that_is_no_bots_is_refused(url, token, word):
    client = WebClient(token, base_url=f"{url}/api/")
    assert refused(client.auth_test)["error"] == word
    assert refused(client.chat_postMessage, channel="#ml", text="x")["error"] == word


def test_a_bot_is_told_what_it_may_do(bot):
    answer = bot.auth_test()
    assert (answer["user"], "chat:write" in answer.headers["x-oauth-scopes"]) == ("dropforge", True)


def test_a_bot_is_turned_away_as_slack_does(url, bot):
    with faults(url, {"slack.post": ["return-429-retry-after-7s", "return-503"]}, everyone=True):
        limited = refused(bot.chat_postMessage, channel="#ml", text="x")
        away = refused(bot.chat_postMessage, channel="#ml", text="x")
    assert (limited.status_code, limited["error"], limited.headers["Retry-After"]) == (429, "ratelimited", "7")
    assert (away.status_code, away["error"]) == (503, "service_unavailable")


def test_threads_of_a_run_and_dropforges_own_bot_fit_together(url):
    clock = ManualClock()
    claims = Claims(MemoryStore(MemoryDisk(clock), "state"), clock)
    notifier = SlackBot(TOKEN, f"{url}/api/", Notifications(channels={"legal-*": "#legal"}), claims, clock)
    first = Message(id="1", headline="legal-de: accepted", tone=Tone.NEUTRAL, dataset="legal-de", run="r")
    notifier.tell(first)
    notifier.tell(replace(first, headline="legal-de: deployed", kind="model.deployed", bars=(("base", 0.5),)))
    *_, opened, answered = messages(url)
    assert (opened["channel"], answered["channel"], answered["thread"]) == ("#legal", "#legal", opened["ts"])
    assert answered["payload"]["reply_broadcast"]


# The page


def shown(url, channel):
    page, _ = get(f"{url}/?channel={quote(channel)}")
    return page.partition("<main>")[2]


def test_the_page_shows_one_channel_and_leads_to_the_others(url, bot):
    bot.chat_postMessage(channel="#here", text="in here")
    bot.chat_postMessage(channel="#there", text="over there")
    page, _ = get(f"{url}/?channel=%23here")
    assert '<a href="?channel=%23here" aria-current=page>#here</a>' in page
    assert '<a href="?channel=%23there">#there</a>' in page
    assert ("in here" in shown(url, "#here"), "over there" in shown(url, "#here")) == (True, False)
    assert "over there" in get(url)[0], "the newest message is seen without a choice"
    assert "over there" in shown(url, "#nowhere <b>")


def test_the_page_shows_answers_below_what_they_answer(url, bot):
    first = bot.chat_postMessage(channel="#threads", text="first")
    bot.chat_postMessage(channel="#threads", text="unrelated")
    for text, broadcast in (("quiet", False), ("loud", True)):
        bot.chat_postMessage(channel="#threads", text=text, thread_ts=first["ts"], reply_broadcast=broadcast)
    page = shown(url, "#threads")
    assert re.findall(r'<div class="text">(\w+)</div>', page) == ["first", "quiet", "loud", "unrelated", "loud"]
    assert page.count("2 replies") == 1
    assert (page.count("also sent to the channel"), page.count("replied to a thread")) == (1, 1)


# Its markup


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
