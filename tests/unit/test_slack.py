"""What Slack gets is within its limits, and no text of a dataset can ping, link or break it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropforge.adapters.slack import SlackNotifier, blocks_of
from dropforge.domain.messages import Message, Tone

texts = st.text(max_size=5_000)


@given(
    st.builds(
        Message,
        id=st.just("e"),
        headline=texts,
        tone=st.sampled_from(Tone),
        facts=st.lists(st.tuples(texts, texts), max_size=4).map(tuple),
        details=st.lists(texts, max_size=5).map(tuple),
        next_step=texts,
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

    for block in blocks_of(message):
        assert "<" not in block["text"]["text"]
        assert "&lt;!channel&gt;" in block["text"]["text"]


@pytest.mark.parametrize("length", range(2_890, 2_903))
def test_a_text_is_not_cut_within_an_escape(length):
    message = Message(id="e", headline="h", tone=Tone.BAD, details=("x" * length + "<" * 9,))
    [_, details] = (block["text"]["text"] for block in blocks_of(message))
    assert details.rstrip("…").removeprefix("• ").replace("&lt;", "").strip("x") == ""


def test_our_own_links_are_links():
    message = Message(id="e", headline="h", tone=Tone.GOOD, links=(("Run", "http://console.example/runs/r"),))
    assert blocks_of(message)[-1]["text"]["text"] == "<http://console.example/runs/r|Run>"


def test_without_an_address_nothing_is_sent():
    SlackNotifier("").tell(Message(id="e", headline="h", tone=Tone.GOOD))


def test_an_address_that_does_not_answer_is_not_told_to_anybody():
    with pytest.raises(Exception, match="Slack did not answer") as caught:
        SlackNotifier("http://127.0.0.1:9/services/T/B/secret").tell(Message(id="e", headline="h", tone=Tone.GOOD))
    assert "secret" not in str(caught.value)
