"""Whichever check is taken out of the validator, the corpus of faults notices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.examination import told
from support.faults import EVERY
from support.faults.fault import found, planted
from support.mutants import MUTANTS

from dropforge.domain.findings import Findings
from dropforge.domain.rules import RULES

pytestmark = pytest.mark.timeout(300)  # on two slow cores that have other work
TESTS = Path(__file__).parents[2]
PATIENCE = 600  # seconds: a busy machine takes five times as long as an idle one
FEWEST = 30


@pytest.fixture(scope="module")
def tried():
    """What became of each mutant, tried in processes of their own."""
    ran = subprocess.run(
        [sys.executable, "-m", "support.mutation"],
        cwd=TESTS,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # threads of its own would not survive the parting
        capture_output=True,
        check=False,
        timeout=280,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_there_are_enough_mutants_and_no_two_are_the_same():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= FEWEST


@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_noticed(mutant, tried):
    assert mutant.name not in tried["stale"], f"this must stand in {mutant.module} exactly once: {mutant.old!r}"
    assert tried["noticed"][mutant.name], "nothing that is told of the corpus is told otherwise"


@pytest.mark.parametrize("code", RULES)
def test_a_rule_that_is_not_told_is_noticed(code, monkeypatch):
    add = Findings.add

    def add_but_one(self, told_code, *place, **fields):
        if told_code != code:
            add(self, told_code, *place, **fields)

    fault = min((fault for fault in EVERY if code in fault.codes), key=lambda fault: len(fault.codes))
    dataset = planted(fault)
    monkeypatch.setattr(Findings, "add", add_but_one)
    told_otherwise = told(found(fault, dataset.files))
    assert code not in {each.code for each in told_otherwise}
    assert told_otherwise != dataset.expected
