"""A bot tells of each run in a thread of its own, where the operator wants it, whatever befalls it on the way."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from support.slack import Answers, posted, slack_saying, word

from dropforge.adapters.clock import SystemClock
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.adapters.slack.bot import SlackBot
from dropforge.claims import Claims
from dropforge.domain.errors import Exhausted, Misconfigured, Refused, Unavailable
from dropforge.domain.message import Message, Tone
from dropforge.domain.notifications import Notifications

TOKEN = "xoxb-not-to-be-told"
FIRST = Message(id="r/validated", headline="topics: dataset accepted", tone=Tone.NEUTRAL, dataset="topics", run="r")
SECOND = replace(FIRST, id="r/deployed", headline="topics: model deployed", kind="model.deployed")
ALONE = replace(FIRST, id="folder", headline="A dropped folder cannot be used where it is", run="")


class Surroundings:
    """A bot's claims and clock, and a Slack that gives these answers."""

    def __init__(self, clock=None):
        self.clock = clock or ManualClock()
        self.state = MemoryStore(MemoryDisk(self.clock), "state")
        self.claims = Claims(self.state, self.clock)

    def tell(self, answers, *messages, wanted=None):
        """The bodies of what was asked of Slack."""
        with slack_saying(answers) as url:
            bot = SlackBot(TOKEN, f"{url}/api/", wanted or Notifications(), self.claims, self.clock)
            for message in messages:
                bot.tell(message)
        return [asked.json for asked in answers.asked]


@pytest.fixture
def around():
    return Surroundings()


def test_the_first_message_of_a_run_opens_a_thread_and_the_others_answer_in_it(around):
    answers = Answers(posted("C7", "12.000034"), posted())
    first, second = around.tell(answers, FIRST, SECOND)

    assert (first["channel"], "thread_ts" in first) == ("#dropforge", False)
    assert (second["channel"], second["thread_ts"], second["reply_broadcast"]) == ("C7", "12.000034", True)
    assert {asked.path for asked in answers.asked} == {"/api/chat.postMessage"}
    assert {asked.headers["Authorization"] for asked in answers.asked} == {f"Bearer {TOKEN}"}


def test_what_the_operator_does_not_want_broadcast_stays_in_the_thread(around):
    _, second = around.tell(Answers(posted()), FIRST, SECOND, wanted=Notifications(broadcast=("job.*",)))
    assert second["reply_broadcast"] is False


def test_what_is_about_no_run_stands_alone(around):
    assert [("thread_ts" in each) for each in around.tell(Answers(posted()), ALONE, ALONE)] == [False, False]


def test_a_run_goes_on_where_it_was_opened_and_others_where_the_operator_wants_them(around):
    around.tell(Answers(posted("C7")), FIRST)
    moved = Notifications(channels={"topics": "#elsewhere"})
    told = around.tell(Answers(posted()), SECOND, replace(FIRST, run="r2"), ALONE, wanted=moved)
    assert [each["channel"] for each in told] == ["C7", "#elsewhere", "#elsewhere"]


def test_no_text_of_a_dataset_pings_or_links_in_a_thread(around):
    hostile = replace(SECOND, details=("<!channel> ```", "<https://evil.example|x>"))
    _, told = around.tell(Answers(posted()), FIRST, hostile)
    for block in told["blocks"]:
        assert (set("<>") & set(block["text"]["text"]), block["text"]["verbatim"]) == (set(), True)
    assert (told["unfurl_links"], told["unfurl_media"]) == (False, False)


def test_messages_at_the_same_time_open_one_thread():
    around = Surroundings(SystemClock())
    answers = Answers(posted("C7", "12.000034"))
    with slack_saying(answers) as url, ThreadPoolExecutor(8) as pool:
        bots = [
            SlackBot(TOKEN, f"{url}/api/", Notifications(), Claims(around.state, around.clock), around.clock)
            for _ in range(8)
        ]
        list(pool.map(lambda bot: bot.tell(FIRST), bots))
    assert sorted(asked.json.get("thread_ts", "") for asked in answers.asked) == ["", *["12.000034"] * 7]


def test_who_comes_while_a_thread_is_opened_waits_for_it(around):
    around.claims.take("thread/r", lasting=timedelta(minutes=2))
    sleep = around.clock.sleep

    def opened_meanwhile(seconds):
        sleep(seconds)
        if seconds:
            around.claims.finish("thread/r", note="C7/12.000034")

    around.clock.sleep = opened_meanwhile
    [told] = around.tell(Answers(posted()), SECOND)
    assert told["thread_ts"] == "12.000034"


def test_who_has_waited_long_enough_comes_again(around):
    around.claims.take("thread/r", lasting=timedelta(minutes=2))
    before = around.clock.now()
    with pytest.raises(Unavailable, match="being opened"):
        around.tell(Answers(posted()), SECOND)
    assert around.clock.now() - before < timedelta(seconds=5)


def test_a_thread_whose_opener_died_is_opened_by_the_next(around):
    around.claims.take("thread/r", lasting=timedelta(minutes=2))
    around.clock.advance(121)
    [told] = around.tell(Answers(posted()), SECOND)
    assert "thread_ts" not in told


def test_a_first_message_that_was_not_taken_opens_no_thread(around):
    with pytest.raises(Unavailable):
        around.tell(Answers(word("internal_error", 500)), FIRST)
    first, second = around.tell(Answers(posted("C7", "2.000002")), FIRST, SECOND)
    assert ("thread_ts" in first, second["thread_ts"]) == (False, "2.000002")


@pytest.mark.parametrize("error", [Unavailable("storage did not answer"), Exhausted("too many writes")])
def test_a_first_message_that_stands_is_told_though_its_place_cannot_be_kept(around, error):
    def down(*_, **__):
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(around.claims, "finish", down)
        assert len(around.tell(Answers(posted()), FIRST)) == 1
    around.clock.advance(121)
    [told] = around.tell(Answers(posted()), SECOND)
    assert "thread_ts" not in told


@pytest.mark.parametrize(
    "gone", ["thread_not_found", "is_archived", "channel_not_found", "restricted_action_thread_locked"]
)
def test_where_the_thread_is_gone_the_message_stands_alone(around, gone):
    around.tell(Answers(posted("C7")), FIRST)
    answered, alone = around.tell(Answers(word(gone), posted()), SECOND)
    assert (answered["channel"], alone["channel"], "thread_ts" in alone) == ("C7", "#dropforge", False)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (word("channel_not_found"), Misconfigured, "for #dropforge: invite the bot there"),
        (word("not_in_channel"), Misconfigured, "invite"),
        (word("is_archived"), Misconfigured, "another channel"),
        (word("invalid_auth"), Misconfigured, "set DROPFORGE_SLACK_TOKEN"),
        (word("token_revoked"), Misconfigured, "DROPFORGE_SLACK_TOKEN"),
        (word("missing_scope"), Misconfigured, "chat:write"),
        (word("restricted_action_read_only_channel"), Misconfigured, "keep the bot from posting"),
        (word("fatal_error"), Unavailable, "fatal_error"),
        (word("ratelimited", 429, Retry_After="30"), Unavailable, "asking to wait 30 s"),
        (word("", 503), Unavailable, "503"),
        ((502, {}, "<html>bad gateway</html>"), Unavailable, "502"),
        ((200, {}, "<html>sign in</html>"), Unavailable, "200"),
        (word("msg_too_long"), Refused, "msg_too_long"),
        (word("something_new"), Refused, "something_new"),
        (word("something\x1b[31m_new" * 30), Unavailable, r"something\x1b"),
    ],
)
def test_what_slack_says_is_told_with_what_to_do(around, answer, error, says):
    with pytest.raises(error) as caught:
        around.tell(Answers(answer), FIRST)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 250
    assert TOKEN not in str(caught.value)


def test_a_slack_that_is_not_there_is_told_without_the_token(around, capfd):
    bot = SlackBot(TOKEN, "http://127.0.0.1:9/api/", Notifications(), around.claims, around.clock)
    with pytest.raises(Unavailable, match="Slack did not answer") as caught:
        bot.tell(FIRST)
    assert TOKEN not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_short_pause_that_slack_asks_for_is_waited_for(around):
    before = around.clock.now()
    told = around.tell(Answers(word("ratelimited", 429, Retry_After="2"), posted()), FIRST)
    assert (len(told), (around.clock.now() - before).total_seconds()) == (2, 2)


def test_a_bot_says_who_it_is_and_where(around):
    test = (200, {"x-oauth-scopes": "chat:write, channels:read"}, '{"ok": true, "team": "Acme", "user": "dropforge"}')
    info = (200, {}, '{"ok": true, "channel": {"is_member": true, "is_archived": false}}')
    with slack_saying(Answers(test, info)) as url:
        bot = SlackBot(TOKEN, f"{url}/api/", Notifications(), around.claims, around.clock)
        found = bot.introduce()
        assert (found.name, found.workspace, found.scopes) == ("dropforge", "Acme", {"chat:write", "channels:read"})
        assert bot.is_in("C7")
