"""Bugs that systems of this kind have had, planted in the real code: the tests catch every one, and say which test did."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from faults.mutants import MUTANTS, VARIABLE

ROOT = Path(__file__).parents[2]
EVERYWHERE = ("tests/unit/test_flow.py", "tests/faults/test_single_faults.py", "tests/faults/test_simulated.py")
PATIENCE = 300  # seconds: a busy machine takes five times as long as an idle one


def caught_by(mutant, tests):
    """The first test that fails over a mutant; empty when all pass."""
    command = [
        *(sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "--capture=no"),
        *("-p", "faults.mutated", "-p", "no:cacheprovider", "-p", "no:xdist"),
        *tests,
    ]
    environment = os.environ | {VARIABLE: mutant.name, "PYTHONPATH": str(ROOT / "tests")}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=PATIENCE, text=True
    )
    assert ran.returncode in {0, 1}, ran.stdout + ran.stderr
    found = re.search(r"^caught by (.*)$", ran.stdout, re.MULTILINE)
    return found[1] if found else ""


def test_there_are_enough_mutants_and_no_two_are_the_same():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 12


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_replaces_stands_in_the_code_once(mutant):
    assert [each for each in mutant.replacements if each.is_stale] == []


@pytest.mark.timeout(2 * PATIENCE)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant, record_property):
    test = caught_by(mutant, mutant.tests) or caught_by(mutant, EVERYWHERE)
    assert test, f"no test fails over: {mutant.name}"
    record_property("caught by", test)
