"""Charts: geometry that holds, whatever the figures are."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropforge.console.charts import curve, panels, scale, stays
from dropforge.domain.maps import Dot, Map, Query
from dropforge.domain.runs import State, Step

MOMENT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
finite = st.floats(-1e6, 1e6, allow_nan=False)


def history(*states_and_seconds):
    return [
        Step(state=state, at=MOMENT + timedelta(seconds=seconds), function="f", event="e")
        for state, seconds in states_and_seconds
    ]


class TestStays:
    def test_bars_are_as_long_as_their_share_of_the_time(self):
        found = stays(history((State.VALIDATING, 0), (State.VALIDATED, 10), (State.REJECTED, 40)), MOMENT)
        assert [(stay.start, stay.width) for stay in found[:2]] == [(0, 25), (25, 75)]
        assert [stay.lasted for stay in found] == [timedelta(seconds=10), timedelta(seconds=30), None]

    def test_a_run_in_flight_goes_on_until_now(self):
        steps = history((State.VALIDATING, 0), (State.VALIDATED, 10))
        found = stays(steps, MOMENT + timedelta(seconds=20))
        assert found[-1].lasted == timedelta(seconds=10)
        assert (found[-1].start, found[-1].width) == (50, 50)

    def test_what_took_no_time_is_seen_inside_of_the_frame(self):
        found = stays(history((State.VALIDATING, 0), (State.REJECTED, 0)), MOMENT)
        assert all(stay.width > 0 and stay.start >= 0 and stay.start + stay.width <= 100 for stay in found)

    def test_a_clock_behind_the_last_step_draws_nothing_backwards(self):
        [stay] = stays(history((State.VALIDATING, 0)), MOMENT - timedelta(hours=1))
        assert stay.lasted == timedelta()


class TestScale:
    @pytest.mark.parametrize(
        ("values", "ticks"),
        [
            ([0, 1], ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
            ([-0.1, 0.25], ("\N{MINUS SIGN}0.1", "0.0", "0.1", "0.2", "0.3")),
            ([0, 1_000], ("0", "200", "400", "600", "800", "1,000")),
            ([0.801, 0.8043], ("0.801", "0.802", "0.803", "0.804", "0.805")),
        ],
    )
    def test_it_ends_on_round_figures(self, values, ticks):
        axis = scale(values)
        assert tuple(axis.label(tick) for tick in axis.ticks) == ticks

    @given(st.lists(finite, max_size=8))
    def test_every_value_has_its_place_on_it(self, values):
        axis = scale(values)
        places = [axis.at(value) for value in sorted(values)]
        assert places == sorted(places)
        assert all(0 <= place <= 100 for place in places)
        assert axis.low < axis.high
        assert 2 <= len(axis.ticks) <= 8
        slack = 1e-6 * max(1, abs(axis.low), abs(axis.high))
        assert all(axis.low - slack <= value <= axis.high + slack for value in values)


def test_a_curve_ends_where_its_training_ends_and_knows_its_best():
    drawn = curve("Loss", [(50, 2.0), (100, 0.5), (150, 0.75)], 200, lower_is_better=True)
    assert drawn.points[0] == (25, 100)
    assert (drawn.first, drawn.last, drawn.best) == (2.0, 0.75, 0.5)
    assert curve("nDCG@10", [(1, 0.25), (2, 0.5)], 2).best == 0.5


def test_a_curve_of_one_point_is_inside_of_its_frame():
    drawn = curve("Loss", [(1, 0.0)], 1)
    assert all(0 <= value <= 100 for value in drawn.points[0])


def test_a_map_has_up_above_and_counts_what_is_found():
    drawn = Map(
        queries=(
            Query(text="a", base=(0, 1), tuned=(0, -1), document=0, before=1, after=1),
            Query(text="b", base=(1, 0), tuned=(-1, 0), document=0, before=None, after=10),
        ),
        documents=(Dot(text="d", base=(0, 0), tuned=(0.5, 0)),),
        explained={"base": (0.5, 0.25), "tuned": (0.25, 0.125)},
    )
    before, after = panels(drawn)
    assert (before.first, before.found, before.explained) == (1, 1, 0.75)
    assert (after.first, after.found, after.explained) == (1, 2, 0.375)
    assert (before.queries[0].x, before.queries[0].y) == (50, 3)
    assert before.queries[0].to == (before.documents[0].x, before.documents[0].y)
    assert (after.queries[1].x, after.queries[1].rank) == (3, 10)
