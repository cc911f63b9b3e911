"""A pytest plugin: `pytest -p faults.mutated` runs the tests over the mutant that the environment names."""

import os
import sys
from collections import defaultdict

from faults.mutants import MUTANTS, VARIABLE
from support.planted import Planted

[_mutant] = [mutant for mutant in MUTANTS if mutant.name == os.environ[VARIABLE]]
_replacements = defaultdict[str, dict[str, str]](dict)
for _each in _mutant.replacements:
    _replacements[_each.module][_each.old] = _each.new
sys.meta_path[:0] = [Planted(module, pairs) for module, pairs in _replacements.items()]


def pytest_runtest_logreport(report):
    """Say which test has caught the mutant, for whoever started this."""
    if report.failed:
        print(f"\ncaught by {report.nodeid}")  # noqa: T201 - read by test_mutants
