"""The budget: a cap holds whoever else reserves, and nothing is reserved twice."""

from itertools import count

import pytest
from support.lossy import LosesAnswers

from dropforge import wire
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.budget import Budget, runs_in_flight
from dropforge.domain.caps import Caps, Reserved
from dropforge.domain.errors import Contended, Misconfigured, Unreadable
from dropforge.domain.jobs import Machines
from dropforge.domain.plan import Pace, Prices, estimate
from dropforge.domain.runs import State
from dropforge.domain.tuning import Tuning
from dropforge.ledger import Ledger
from dropforge.markers import Intent
from dropforge.settings import ServingMachines

TABLE = Prices(currency="USD", hourly={"n1-standard-16": 1.0, "NVIDIA_TESLA_V100": 2.5})
ROWS = {"training_label.tsv": 1_000}
FOUR_HOURS = estimate(Tuning(batch_size=144), ROWS, Machines(), ServingMachines(), Pace(), TABLE)  # and 11 USD
DAY = 24 * 3600
PLENTY = Caps(day_accelerator_hours=1e6)


class World:
    """A state bucket, its clock, and the runs whose job has not ended."""

    def __init__(self):
        self.clock = ManualClock()
        self.state = MemoryStore(MemoryDisk(self.clock), "state")
        self.flying = set()

    def budget(self, **caps):
        return Budget(self.state, self.clock, Caps(**caps))

    def reserve(self, run, **caps):
        """What a run is told that is begun and then asks for room."""
        self.flying.add(run)
        return self.budget(**caps).reserve(run, FOUR_HOURS, lambda: self.flying)

    def reserved(self, **caps):
        return self.budget(**caps).standing(lambda: self.flying).reserved

    @property
    def book(self):
        return wire.decode(self.state.read("budget.json")[0], dict, "the book")["runs"]


@pytest.fixture
def world():
    return World()


# What counts


def test_hours_and_price_of_a_day_add_up_to_the_cap(world):
    assert [world.reserve(run, day_accelerator_hours=8) for run in "ab"] == [None, None]
    over = world.reserve("c", day_accelerator_hours=8)
    assert (over.cap, over.reserved, over.waits) == ("day_accelerator_hours", 8, True)
    assert world.reserve("c", day_price=30).reserved == 22
    assert set(world.book) == {"a", "b"}
    assert world.reserved(day_price=30) == Reserved(accelerator_hours=8, price=22, jobs=2)


def test_what_was_spent_today_stays_spent_when_the_run_has_ended(world):
    world.reserve("a", day_accelerator_hours=6)
    world.flying.clear()
    assert world.reserve("b", day_accelerator_hours=6).reserved == 4
    assert world.reserved(day_accelerator_hours=6) == Reserved(accelerator_hours=4, price=11, jobs=0)


def test_a_job_that_has_ended_makes_room_for_the_next(world):
    assert world.reserve("a", jobs_in_flight=1) is None
    assert world.reserve("b", jobs_in_flight=1).cap == "jobs_in_flight"
    world.flying.remove("a")
    assert world.reserve("b", jobs_in_flight=1) is None


def test_a_run_that_only_waits_takes_no_room(world):
    world.reserve("a", jobs_in_flight=1)
    for run in ("b", "c", "d"):
        assert world.reserve(run, jobs_in_flight=1).reserved == 1


def test_a_new_day_has_room_again_and_what_ended_yesterday_is_forgotten(world):
    world.reserve("a", day_accelerator_hours=6)
    world.flying.clear()
    assert world.reserve("b", day_accelerator_hours=6).waits
    world.clock.advance(DAY)
    assert world.reserved(day_accelerator_hours=6) == Reserved()
    assert world.reserve("b", day_accelerator_hours=6) is None
    assert set(world.book) == {"b"}


def test_the_day_turns_at_midnight_utc(world):
    world.clock.advance(15 * 3600 - 1)  # 23:59:59
    world.reserve("a", day_accelerator_hours=6)
    world.flying.clear()
    assert world.reserve("b", day_accelerator_hours=6).reserved == 4
    world.clock.advance(1)
    assert world.reserve("b", day_accelerator_hours=6) is None


def test_what_is_still_in_flight_counts_on_the_next_day_too(world):
    world.reserve("a", day_accelerator_hours=6)
    world.clock.advance(DAY)
    assert world.reserve("b", day_accelerator_hours=6).reserved == 4
    assert world.reserve("b", day_accelerator_hours=8) is None
    assert set(world.book) == {"a", "b"}


def test_a_clock_that_is_behind_forgets_nothing_of_the_new_day(world):
    world.clock.advance(DAY)
    world.reserve("a", day_accelerator_hours=6)
    world.flying.clear()
    world.clock.advance(-DAY)
    assert world.reserve("b", day_accelerator_hours=6).reserved == 4
    world.reserve("b", day_accelerator_hours=60)
    assert set(world.book) == {"a", "b"}


def test_a_run_that_is_over_by_itself_is_refused_whatever_is_reserved(world):
    for caps in ({"run_accelerator_hours": 3}, {"day_accelerator_hours": 3}, {"run_price": 10}):
        over = world.reserve("a", **caps)
        assert (over.cap, over.waits) == (next(iter(caps)), False)
    assert list(world.state.list("")) == []


def test_a_price_that_is_not_known_is_asked_for(world):
    unpriced = estimate(Tuning(), ROWS, Machines(), ServingMachines(), Pace(), Prices())
    with pytest.raises(Misconfigured, match="there is no price table"):
        world.budget(day_price=30).reserve("a", unpriced, set)
    assert world.budget(day_accelerator_hours=30).reserve("a", unpriced, set) is None
    assert world.reserve("b", day_price=11) is None  # what was reserved without a price counts nothing


# Once each


def test_a_repeated_reservation_changes_nothing(world):
    world.reserve("a", day_accelerator_hours=6)
    before = world.state.read("budget.json")
    world.clock.advance(DAY)
    for caps in ({"day_accelerator_hours": 6}, {"day_accelerator_hours": 1}, {"jobs_in_flight": 1}):
        assert world.reserve("a", **caps) is None
    assert world.state.read("budget.json") == before


def test_a_crash_between_reservation_and_submission_is_not_counted_twice(world):
    assert world.reserve("a", day_accelerator_hours=6, jobs_in_flight=1) is None
    # Here its process dies; the event is delivered again, perhaps after midnight.
    world.clock.advance(DAY)
    assert world.reserve("a", day_accelerator_hours=6, jobs_in_flight=1) is None
    assert world.reserved(day_accelerator_hours=6) == Reserved(accelerator_hours=4, price=11, jobs=1)


def test_what_the_service_refused_is_given_back(world):
    world.reserve("a", day_accelerator_hours=6)
    for _ in range(2):
        world.budget(day_accelerator_hours=6).release("a")
    assert world.reserved(day_accelerator_hours=6) == Reserved()
    assert world.reserve("b", day_accelerator_hours=6) is None
    world.budget(day_accelerator_hours=6).release("nobody")
    assert set(world.book) == {"b"}


def test_nothing_is_given_back_where_nothing_was_reserved(world):
    world.budget(day_accelerator_hours=6).release("a")
    assert list(world.state.list("")) == []


class Closed:
    def __getattr__(self, name):
        raise AssertionError(f"{name} was asked of the store")


@pytest.mark.parametrize("caps", [Caps(), Caps(run_accelerator_hours=10, run_price=20)])
def test_where_no_cap_is_shared_nothing_is_read_or_written(caps):
    budget = Budget(Closed(), ManualClock(), caps)
    assert budget.reserve("a", FOUR_HOURS, Closed()) is None
    budget.release("a")
    assert budget.standing(Closed()).reserved == Reserved()


def test_what_is_in_flight_is_asked_after_what_is_reserved_was_read(world):
    """A reserved run that is not in flight has ended then; the other way round it may have just begun."""
    asked = []
    read = world.state.read
    world.state.read = lambda name: asked.append("read") or read(name)
    world.budget(jobs_in_flight=1).reserve("a", FOUR_HOURS, lambda: asked.append("in flight") or set())
    assert asked == ["read", "in flight"]


# Others, and lost answers


def test_an_own_lost_answer_is_no_lost_race(world):
    world.state = LosesAnswers(world.state)
    assert world.reserve("a", day_accelerator_hours=4) is None
    assert world.reserved(day_accelerator_hours=4) == Reserved(accelerator_hours=4, price=11, jobs=1)
    world.budget(day_accelerator_hours=4).release("a")
    assert world.reserved(day_accelerator_hours=4) == Reserved()


class Crowded:
    """A store in which another's reservation comes before each of ours."""

    def __init__(self, world):
        self._world, self._numbers = world, count()

    def __getattr__(self, name):
        return getattr(self._world.state, name)

    def write(self, name, data, *, replacing, metadata=None):
        self._world.reserve(f"other-{next(self._numbers)}", day_accelerator_hours=1e6)
        return self._world.state.write(name, data, replacing=replacing, metadata=metadata)


def test_others_who_keep_winning_are_told_of_and_nothing_is_reserved(world):
    budget = Budget(Crowded(world), world.clock, PLENTY)
    with pytest.raises(Contended, match="8 times in a row while run a asked"):
        budget.reserve("a", FOUR_HOURS, set)
    assert "a" not in world.book
    world.reserve("a", day_accelerator_hours=1e6)
    with pytest.raises(Contended, match="8 times in a row while run a gave"):
        budget.release("a")
    assert "a" in world.book


def test_a_lost_race_is_decided_again_by_what_the_winner_left(world):
    """Given room for one, and another who takes it between our look and our write, expect to wait."""
    budget = Budget(Crowded(world), world.clock, Caps(day_accelerator_hours=4))
    assert budget.reserve("a", FOUR_HOURS, lambda: world.flying).reserved == 4
    assert set(world.book) == {"other-0"}


def test_a_book_that_cannot_be_read_is_told_of(world):
    world.state.write("budget.json", b"[", replacing=None)
    with pytest.raises(Unreadable, match=r"budget\.json cannot be read"):
        world.reserve("a", day_accelerator_hours=1)


# What the ledger's markers say


def test_runs_are_in_flight_until_their_job_has_ended():
    world = World()
    ledger = Ledger(world.state)
    states = {state.value: {"told": "1", "state": state.value} for state in State} | {"new": {}}
    for run, noted in states.items():
        ledger.begin(Intent(run, "topics", world.clock.now()))
        world.state.annotate(f"active/{run}", noted)
    assert runs_in_flight(ledger) == {"new", "validated", "submitted", "running", "paused"}
