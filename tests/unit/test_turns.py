"""Every record has its turn, none is always the first, and what time did not reach comes first at the next tick."""

from collections import Counter
from datetime import timedelta

import pytest
from support.world import World

from dropforge.workers.turns import Turns

RECORDS = [f"record-{number}" for number in range(7)]


@pytest.fixture
def world() -> World:
    return World()


def taken(world, tick, *, seconds=3600, each=0):
    """The records that a tick takes when it has so much time and each of them takes so long."""
    until = world.clock.now() + timedelta(seconds=seconds)
    order = []
    for record in Turns("worker", tick, until, world.ledger, world.clock).of(reversed(RECORDS), str):
        order.append(record)
        world.clock.advance(each)
    return order


def test_every_record_has_its_turn_at_every_tick(world):
    assert all(sorted(taken(world, f"watch/{tick}")) == RECORDS for tick in range(50))


def test_no_record_is_always_the_first(world):
    firsts = Counter(taken(world, f"watch/{tick}")[0] for tick in range(700))
    assert set(firsts) == set(RECORDS)
    assert max(firsts.values()) < 200


def test_nothing_has_no_turn(world):
    assert list(Turns("worker", "watch/1", world.clock.now(), world.ledger, world.clock).of([], str)) == []


def test_a_tick_that_runs_out_of_time_stops_and_the_next_goes_on_there(world):
    first = taken(world, "watch/1", seconds=3, each=1)
    second = taken(world, "watch/2", seconds=3, each=1)
    assert len(first) == len(second) == 3
    assert len({*first, *second}) == 6
    assert len({*first, *second, *taken(world, "watch/3")[:1]}) == 7
    assert world.ledger.bookmark("worker") == "", "a tick that came to the end leaves no bookmark"


def test_a_bookmark_of_a_record_that_is_gone_stands_for_the_next(world):
    world.ledger.set_bookmark("worker", "record-3x")
    assert taken(world, "watch/1")[0] == "record-4"


def test_a_record_that_ends_the_function_is_the_first_only_once(world):
    world.ledger.set_bookmark("worker", "record-3")
    firsts = set()
    for tick in range(20):
        turns = Turns("worker", f"watch/{tick}", world.clock.now() + timedelta(hours=1), world.ledger, world.clock)
        firsts.add(next(turns.of(RECORDS, str)))  # and then the function is killed
    assert len(firsts) > 3
