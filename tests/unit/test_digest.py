"""Once a day people are told how runs ended, if the operator wants it, and only once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.data import dataset, labels
from support.world import ENVIRONMENT, World

from dropforge import digest
from dropforge.domain.events import DaySummedUp
from dropforge.domain.message import Tone
from dropforge.domain.messages import message_of
from dropforge.domain.notifications import Notifications, problems_of_notifications
from dropforge.domain.runs import State
from dropforge.settings import load

BROKEN = dataset() | {"test_label.tsv": labels([("q41", "nowhere", 1)])}


def world_with(**wanted):
    settings = load(ENVIRONMENT)
    return World(replace(settings, operator=replace(settings.operator, notifications=Notifications(**wanted))))


@pytest.fixture
def world():
    """A Dropforge that sums up the day in an hour from now."""
    hour = (World().clock.now() + timedelta(hours=1)).hour
    return world_with(digest=hour)


def a_day(world):
    """One dataset deployed, one rejected, one in flight."""
    world.deploy("good", dataset())
    world.land(world.put("broken", BROKEN))
    world.land(world.put("on-its-way", dataset(queries=82)))
    world.react()


def told(world):
    return world.published(DaySummedUp)


def test_the_day_is_summed_up_once_at_its_hour(world):
    a_day(world)
    world.sweep()
    assert told(world) == []
    world.clock.advance(3_600)
    for _ in range(3):
        world.sweep()
    [day] = told(world)
    assert day.id == f"digest/{day.until:%Y-%m-%d}"
    assert (day.ended, day.in_flight) == ({"deployed": 1, "rejected": 1}, {"submitted": 1})
    assert [each.dataset for each in day.attention] == ["broken"]
    assert [(each.dataset, each.tuned) for each in day.gains] == [("good", 1.0)]


def test_it_is_told_in_a_few_lines(world):
    a_day(world)
    world.clock.advance(3_600)
    world.sweep()
    [message] = [message for message in world.notifier.told if message.kind == "day.summed-up"]
    assert message.headline.endswith(": 1 deployed, 1 rejected")
    assert (message.tone, message.run, message.dataset) == (Tone.BAD, "", "")
    assert ("In flight", "1 submitted") in message.facts
    assert [line.partition("-")[0] for line in message.details] == ["broken"]


def test_a_day_in_which_nothing_happened_is_not_told_of(world):
    world.clock.advance(3_600)
    world.sweep()
    assert told(world) == []


def test_a_run_is_counted_in_the_day_in_which_it_ended(world):
    world.land(world.put("good", dataset()))
    world.react()
    world.clock.advance(2 * 86_400)
    world.sweep()
    world.finish_jobs()
    for _ in range(4):
        world.watch()
    world.clock.advance(86_400)
    world.sweep()
    assert [(day.ended, day.in_flight) for day in told(world)] == [({}, {"submitted": 1}), ({"deployed": 1}, {})]


def test_nobody_is_told_who_does_not_want_it():
    world = world_with()
    a_day(world)
    world.clock.advance(86_400)
    world.sweep()
    assert told(world) == []


def test_the_hour_that_is_past_counts():
    now = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
    assert digest.due(9, now) == datetime(2026, 11, 28, 9, tzinfo=UTC)
    assert digest.due(10, now) == datetime(2026, 11, 27, 10, tzinfo=UTC)


def test_the_history_is_not_read_further_than_a_run_can_last(world, monkeypatch):
    a_day(world)
    monkeypatch.setattr(digest, "_PAGE", 1)
    old = world.ledger.past(most=9).runs
    until = world.clock.now() + digest._LONGEST_RUN + timedelta(days=3)
    asked = []
    past = world.ledger.past
    monkeypatch.setattr(world.ledger, "past", lambda **which: asked.append(which) or past(**which))
    assert len(old) == 2
    assert digest.summed_up(world.ledger, until).ended == {}
    assert len(asked) == 1


def test_no_hour_is_one_sentence():
    [problem] = problems_of_notifications(Notifications(digest=24))
    assert "an hour from 0 to 23" in problem


def test_a_day_that_went_well_is_good_news(world):
    world.deploy("good", dataset())
    day = digest.summed_up(world.ledger, world.clock.now() + timedelta(minutes=1))
    assert message_of(day).tone is Tone.GOOD
    assert State.DEPLOYED in day.ended
