"""The operations of a run are budgeted: `docs/performance.md` says how many each function makes, and no more are made."""

import importlib
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.data import dataset
from support.operations import FUNCTIONS, PUBSUB, STORAGE, VERTEX, Watched, by, calls_of_a_run

from dropforge.domain import events
from dropforge.domain.errors import Exhausted
from dropforge.domain.runs import STUCK_AFTER, State

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/performance.md").read_text("utf-8")
TABLES = PAGE.partition("<!-- begin: operations -->")[2].partition("<!-- end: operations -->")[0]
SERVICES = (STORAGE, PUBSUB, VERTEX)


@pytest.fixture(scope="module")
def calls():
    return [call for call in calls_of_a_run() if not call.is_of_the_tick]


def budget(function):
    """What the page says a function may ask of each service."""
    [row] = re.findall(rf"^\| `?{function}`? +\|(.+)\|$", TABLES, re.MULTILINE)
    cells = [cell.strip() for cell in row.split("|")][-len(SERVICES) :]
    return {service: int(cell.replace("-", "0")) for service, cell in zip(SERVICES, cells, strict=True)}


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_a_function_makes_as_many_calls_of_each_service_as_it_is_budgeted(calls, function):
    """Where one more is worth it: write the page anew (its program says how), and say why in the change."""
    made = by([call for call in calls if call.function == function], "service")
    assert {service: made[service,] for service in SERVICES} == budget(function)


def test_the_tables_are_what_the_program_writes(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests/bench")
    assert importlib.import_module("bench.operations").lines() == TABLES.strip().splitlines()


def test_the_page_for_operators_says_the_same_number(calls):
    prose = " ".join((ROOT / "docs/operations.md").read_text("utf-8").split())
    [told] = re.findall(r"at most (\d+) operations besides the upload", prose)
    assert int(told) == budget("all")[STORAGE] == by(calls, "service")[STORAGE,]


def test_one_call_more_would_be_found(calls):
    more = [*calls, calls[0]]
    assert by(more, "service")[STORAGE,] == budget("all")[STORAGE] + 1


class TestRunsThatWait:
    """Thousands may wait for room, for hours."""

    @staticmethod
    def waiting(many):
        """So many runs that wait, and have been told of: why, and that they are stuck."""

        def submit(_):
            raise Exhausted("60 submissions a minute")

        watched = Watched()
        world = watched.world
        world.tuner.port.submit = submit
        for number in range(many):
            world.land(world.put(f"topics-{number}", dataset(documents=20 + number)))
        world.react()
        for _ in range(2):
            world.clock.advance(STUCK_AFTER[State.VALIDATED].total_seconds() + 601)
            world.sweep()
        watched.calls.clear()
        return watched

    @staticmethod
    def swept(watched):
        watched.world.clock.advance(601)
        watched.world.sweep()
        return by(watched.calls, "service", "what")

    def test_are_told_of_once_and_cost_a_sweep_nothing_then(self):
        one, three = self.waiting(1), self.waiting(3)
        for kind in (events.RunWaiting, events.RunStuck):
            assert [len(each.world.published(kind)) for each in (one, three)] == [1, 3]
        assert self.swept(three) == self.swept(one)

    def test_are_told_of_again_for_another_reason(self):
        """If the new one is met while a sweep tells of the old one, expect that this hides nothing."""
        watched = self.waiting(1)
        world = watched.world
        run = world.only_run()
        later = replace(run.waiting, reason="day_price", since=world.clock.now())
        world.ledger.note_waiting(run, later.since)
        world.ledger.note_waits_told(run)  # by the sweep, which had read the run before
        world.ledger.change(run.id, lambda now: replace(now, waiting=later))
        self.swept(watched)
        assert [event.reason for event in world.published(events.RunWaiting)] == ["quota", "day_price"]

    def test_are_told_of_again_in_another_state(self):
        watched = self.waiting(1)
        world = watched.world
        del world.tuner.port.submit
        world.watch()
        world.clock.advance((STUCK_AFTER[State.SUBMITTED] + timedelta(hours=1)).total_seconds())
        world.sweep()
        assert [event.state for event in world.published(events.RunStuck)] == [State.VALIDATED, State.SUBMITTED]
