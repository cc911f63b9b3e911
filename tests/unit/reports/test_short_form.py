"""What Slack is told of a rejected dataset: the first faults, how many more, and nothing of a dataset's that pings or links."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from support.reports import HOSTILE, broken, hostile, many, texts

from dropforge.adapters.slack.blocks import blocks_of
from dropforge.domain.events import DatasetRejected
from dropforge.domain.messages import message_of
from dropforge.domain.runs import State

MOMENT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def told(report):
    """The text of each block."""
    event = DatasetRejected(
        id="e",
        time=MOMENT,
        dataset="topics",
        run="topics-1",
        version="0a",
        attempt=1,
        state=State.REJECTED,
        started=MOMENT,
        links={"console": "http://console.example/runs/topics-1"},
        rows=report.rows,
        findings=report.counts,
        errors=report.findings,
    )
    return [block["text"]["text"] for block in blocks_of(message_of(event))]


def test_a_broken_folder_is_told_in_a_few_lines():
    headline, details, step, link = told(broken())
    assert headline == ":x: *topics: dataset rejected, nothing was submitted*"
    first, *_, last = details.splitlines()
    assert first.startswith("• corpus.jsonl:4: not JSON: a comma or the end is missing. Write one JSON object")
    assert last == "• and 2 errors, 1 warning, 1 note more"
    assert len(details.splitlines()) == 6
    assert "dropforge show topics-1" in step
    assert link == "<http://console.example/runs/topics-1|Run>"


def test_a_thousand_faults_of_one_kind_leave_room_for_another():
    assert "corpus.jsonl:1: No _id" in told(many(3_000))[1]


def require_plain(report):
    *ours, link = told(report)
    assert link == "<http://console.example/runs/topics-1|Run>"
    for text in ours:
        assert not set("<>") & set(text)
        assert not re.search("&(?!amp;|lt;|gt;|[a-z]*…$)", text), "but for where it was cut"
        assert all(char == "\n" or char.isprintable() for char in text)
    assert len(ours[1].splitlines()) <= 4
    assert all(line.startswith("• ") for line in ours[1].splitlines()), "no text begins a line of its own"


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_made_of_hostile_text(text):
    require_plain(hostile(f"a{text}b {text}"))


@given(texts)
def test_nothing_is_made_of_any_text(text):
    require_plain(hostile(text))
