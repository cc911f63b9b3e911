"""What Slack gets is within its limits, and no text of a dataset can ping, link or break it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.slack import Answers, slack_saying

from dropforge.adapters.memory import ManualClock
from dropforge.adapters.slack.blocks import blocks_of
from dropforge.adapters.slack.notifier import SlackNotifier
from dropforge.domain.errors import Misconfigured, Unavailable
from dropforge.domain.message import Message, Tone

texts = st.text(max_size=5_000)


def texts_of(message):
    return [block["text"]["text"] for block in blocks_of(message)]


@given(
    st.builds(
        Message,
        id=st.just("e"),
        headline=texts,
        tone=st.sampled_from(Tone),
        facts=st.lists(st.tuples(texts, texts), max_size=4).map(tuple),
        details=st.lists(texts, max_size=5).map(tuple),
        next_step=texts,
        bars=st.lists(st.tuples(st.just("base"), st.floats(-1, 1e6)), max_size=3).map(tuple),
    )
)
def test_any_message_fits(message):
    blocks = blocks_of(message)

    sections = [block["text"]["text"] for block in blocks]
    assert 1 <= len(blocks) <= 50
    assert all(1 <= len(text) <= 3_000 for text in sections)
    assert sum(len(text) for text in sections) < 10_000


def test_text_from_outside_cannot_ping_or_link():
    hostile = "<!channel> <https://evil.example|click> & more"
    message = Message(id="e", headline=hostile, tone=Tone.BAD, facts=(("x", hostile),), details=(hostile,))

    for text in texts_of(message):
        assert "<" not in text
        assert "&lt;!channel&gt;" in text


@pytest.mark.parametrize("length", range(2_890, 2_903))
def test_a_text_is_not_cut_within_an_escape(length):
    message = Message(id="e", headline="h", tone=Tone.BAD, details=("x" * length + "<" * 9,))
    [_, details] = texts_of(message)
    assert details.rstrip("…").removeprefix("• ").replace("&lt;", "").strip("x") == ""


def test_our_own_links_are_links():
    message = Message(id="e", headline="h", tone=Tone.GOOD, links=(("Run", "http://console.example/runs/r"),))
    assert texts_of(message)[-1] == "<http://console.example/runs/r|Run>"


def test_figures_are_compared_at_a_glance():
    message = Message(id="e", headline="h", tone=Tone.GOOD, bars=(("base", 0.675), ("tuned", 0.918)))
    assert texts_of(message)[1].splitlines() == [
        "```",
        "base  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇       0.675",
        "tuned ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇   0.918",
        "```",
    ]


@pytest.mark.parametrize(("figures", "bars"), [((0.0, -0.5), [0, 0]), ((5.0, 10.0), [10, 20]), ((0.5,), [10])])
def test_a_bar_is_as_long_as_its_figure(figures, bars):
    message = Message(id="e", headline="h", tone=Tone.GOOD, bars=tuple(("x", figure) for figure in figures))
    assert [line.count("▇") for line in texts_of(message)[1].splitlines()[1:-1]] == bars


# The incoming webhook

HELLO = Message(id="e", headline="h", tone=Tone.GOOD)


def test_without_an_address_nothing_is_sent():
    SlackNotifier("", ManualClock()).tell(HELLO)


def test_an_address_that_does_not_answer_is_not_told_to_anybody():
    with pytest.raises(Unavailable, match="Slack did not answer") as caught:
        SlackNotifier("http://127.0.0.1:9/services/T/B/secret", ManualClock()).tell(HELLO)
    assert "secret" not in str(caught.value)


def told(answers: Answers, clock):
    with slack_saying(answers) as url:
        SlackNotifier(f"{url}/services/T/B/x", clock).tell(HELLO)


def test_a_short_pause_that_slack_asks_for_is_waited_for():
    clock, answers = ManualClock(), Answers((429, {"Retry-After": "3"}, "rate_limited"), (200, {}, "ok"))
    before = clock.now()
    told(answers, clock)
    assert (len(answers.asked), (clock.now() - before).total_seconds()) == (2, 3)


@pytest.mark.parametrize("asked", ["30", "6", "soon", "-1", "", "1e9", "٣"])
def test_a_long_pause_or_none_is_left_to_the_delivery(asked):
    clock, answers = ManualClock(), Answers((429, {"Retry-After": asked.encode().decode("latin-1")}, "rate_limited"))
    before = clock.now()
    with pytest.raises(Unavailable, match="429"):
        told(answers, clock)
    assert (len(answers.asked), clock.now()) == (1, before)


def test_a_slack_that_asks_for_a_pause_twice_is_left_to_the_delivery():
    answers = Answers(*[(429, {"Retry-After": "1"}, "rate_limited")] * 2)
    with pytest.raises(Unavailable, match="429"):
        told(answers, ManualClock())
    assert len(answers.asked) == 2


def test_a_webhook_that_is_gone_waits_for_a_new_one():
    with pytest.raises(Misconfigured, match="make a new one"):
        told(Answers((404, {}, "no_service")), ManualClock())
