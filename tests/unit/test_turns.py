"""Every record has its turn, and none is always the first."""

from collections import Counter

from dropforge.workers.turns import in_turn


def test_every_record_has_its_turn_at_every_tick():
    assert all(sorted(in_turn(range(7), f"watch/{tick}")) == list(range(7)) for tick in range(50))


def test_no_record_is_always_the_first():
    firsts = Counter(in_turn(range(7), f"watch/{tick}")[0] for tick in range(700))
    assert set(firsts) == set(range(7))
    assert max(firsts.values()) < 200


def test_nothing_has_no_turn():
    assert in_turn([], "watch/1") == []
