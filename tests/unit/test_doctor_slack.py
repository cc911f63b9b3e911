"""What the doctor says of the ways in which people are told, and that it shows none of their secrets."""

import json
import socket
from dataclasses import replace

import pytest
from support.slack import Answers, posted, slack_saying, word
from support.world import ENVIRONMENT, World

from dropforge.adapters.slack.bot import SlackBot
from dropforge.doctor.diagnosis import State
from dropforge.doctor.slack import bot, hello, slack, webhook
from dropforge.domain.notifications import Notifications
from dropforge.settings import Operator, load

TOKEN = "xoxb-not-to-be-told"
WANTED = Notifications(channel="C123", channels={"legal-*": "#legal"})
SETTINGS = replace(load(ENVIRONMENT | {"DROPFORGE_SLACK_TOKEN": TOKEN}), operator=Operator(notifications=WANTED))
KEYS = {"DROPFORGE_WEBHOOK_SECRET": "whsec_" + "a" * 40}


def introduced(scopes="chat:write,channels:read"):
    return 200, {"x-oauth-scopes": scopes}, json.dumps({"ok": True, "user": "dropforge", "team": "Acme \x1b[31m"})


def member(*, is_member=True, is_archived=False):
    return 200, {}, json.dumps({"ok": True, "channel": {"is_member": is_member, "is_archived": is_archived}})


def seen(look, *answers):
    """What a look shows where Slack gives these answers: state and words, by what was looked at."""
    world = World()
    with slack_saying(Answers(*answers)) as url:
        told = SlackBot(TOKEN, f"{url}/api/", WANTED, world.claims, world.clock)
        found = list(look(told))
    assert TOKEN not in str(found)
    assert "\x1b" not in str(found)
    return {each.what: (each.state, each.says) for each in found}


def looked_at(*answers):
    return seen(lambda told: bot(settings=SETTINGS, bot=told), *answers)


def test_a_bot_that_is_where_it_should_be_is_well():
    found = looked_at(introduced(), member())
    assert [state for state, _ in found.values()] == [State.OK] * 3
    assert found["bot"][1].startswith("is dropforge in Acme")
    assert found["channel C123"][1] == "the bot is a member"
    assert "not looked up" in found["channel #legal"][1]


@pytest.mark.parametrize(
    ("answers", "what", "says"),
    [
        ((word("invalid_auth"), member()), "bot", "invalid_auth"),
        ((introduced("channels:read"), member()), "bot", "lacks the scope chat:write"),
        ((introduced(), member(is_member=False)), "channel C123", "/invite it"),
        ((introduced(), member(is_archived=True)), "channel C123", "archived"),
        ((introduced(), word("channel_not_found")), "channel C123", "invite the bot"),
        ((introduced(), word("fatal_error", 500)), "channel C123", "500"),
    ],
)
def test_what_keeps_a_bot_from_telling_is_wrong(answers, what, says):
    state, said = looked_at(*answers)[what]
    assert (state, says in said) == (State.WRONG, True)


def test_a_bot_that_may_only_post_is_well():
    state, said = looked_at(introduced("chat:write"), word("missing_scope"))["channel C123"]
    assert (state, "channels:read" in said) == (State.OK, True)


def test_a_bot_says_hello_in_every_channel():
    answers = Answers(posted(), word("not_in_channel"))
    world = World()
    with slack_saying(answers) as url:
        told = SlackBot(TOKEN, f"{url}/api/", WANTED, world.claims, world.clock)
        found = list(hello(settings=SETTINGS, notifier=told, bot=told))
    assert [(each.what, each.state) for each in found] == [("channel C123", State.OK), ("channel #legal", State.WRONG)]
    assert [asked.json["channel"] for asked in answers.asked] == ["C123", "#legal"]
    assert not list(world.state.list("")), "no thread is opened"


def test_without_a_bot_nothing_is_said_of_one():
    assert list(bot(settings=load(ENVIRONMENT), bot=None)) == []


def test_beside_a_bot_an_incoming_webhook_is_not_used():
    [found] = slack(settings=replace(SETTINGS, slack_url="https://hooks.example/secret"))
    assert (found.state, "not used" in found.says) == (State.SKIPPED, True)
    assert list(slack(settings=SETTINGS)) == []


def test_where_events_are_sent_besides_is_reached_without_an_event():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/secret"
        [found] = webhook(settings=load(ENVIRONMENT | KEYS | {"DROPFORGE_WEBHOOK_URL": address}))
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            assert (found.state, connection.recv(10)) == (State.OK, b"")


def test_a_receiver_that_is_not_there_is_told_without_its_address():
    settings = load(ENVIRONMENT | KEYS | {"DROPFORGE_WEBHOOK_URL": "http://127.0.0.1:9/secret"})
    [found] = webhook(settings=settings)
    assert (found.state, "secret" in str(found)) == (State.WRONG, False)


def test_no_webhook_of_ones_own_is_no_fault():
    assert [found.state for found in webhook(settings=load(ENVIRONMENT))] == [State.SKIPPED]
