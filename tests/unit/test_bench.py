"""`make bench` knows every measurement, and ends one that takes too long together with what it has started."""

import importlib
from pathlib import Path

import pytest
from support.written import between

BENCH = Path(__file__).parents[1] / "bench"
QUARTER_OF_AN_HOUR = 900
SLOW = """
import time
try:
    time.sleep(60)
finally:
    open("{}", "w").write("ended what it had started")
"""


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("bench.all")


def test_every_program_is_run_or_left_out_with_a_reason(bench):
    known = {part.name for part in bench.parts()} | bench.LEFT_OUT.keys() | {"all"}
    assert {path.stem for path in BENCH.glob("*.py")} <= known


def test_all_of_it_takes_at_most_a_quarter_of_an_hour(bench):
    assert sum(part.seconds for part in bench.parts()) <= QUARTER_OF_AN_HOUR


def test_one_that_takes_too_long_ends_what_it_has_started(bench, tmp_path, monkeypatch):
    farewell = tmp_path / "farewell"
    (tmp_path / "slow.py").write_text(SLOW.format(farewell))
    monkeypatch.setattr(bench, "_HERE", tmp_path)
    assert bench.measured(bench.Part("slow", 3), [], patience=1).startswith("it took more than")
    assert farewell.exists()


@pytest.mark.parametrize(("status", "why"), [(0, ""), (3, "exit status 3")])
def test_one_that_fails_is_told_from_one_that_does_not(bench, tmp_path, monkeypatch, status, why):
    (tmp_path / "quick.py").write_text(f"raise SystemExit({status})")
    monkeypatch.setattr(bench, "_HERE", tmp_path)
    assert bench.measured(bench.Part("quick", 30), [], patience=1) == why


def test_what_was_aimed_at_stands_beside_what_the_page_measured(bench, monkeypatch):
    goals = importlib.import_module("bench.goals")
    page = (BENCH.parents[1] / "docs/performance.md").read_text("utf-8")
    assert between(page, "goals").strip().splitlines() == goals.lines(page)


def test_a_figure_is_found_by_its_row_and_column(bench):
    number_in = importlib.import_module("bench.goals").number_in
    tables = "| a | b |\n| - | -: |\n| x | 1 |\n\n| a | c |\n| - | -: |\n| x | 2,500 (1-9) |\n"
    assert number_in(tables, ("x",), "c") == 2_500
    with pytest.raises(LookupError, match="no cell"):
        number_in(tables, ("y",), "c")
