"""Each fault is told where it is, and nothing else is told of a dataset that has no other."""

from collections import Counter

import pytest
from support.examination import contradictions, examined, told
from support.faults import EVERY
from support.faults.fault import Dataset, found, planted

from dropforge.domain.rules import RULES, Severity


def test_a_clean_dataset_has_no_finding():
    report = examined(Dataset().files)

    assert (report.verdict, report.findings, report.counts) == ("accepted", (), {})
    assert report.rows == {
        "corpus.jsonl": 40,
        "queries.jsonl": 120,
        "training_label.tsv": 40,
        "test_label.tsv": 40,
        "validation_label.tsv": 40,
    }


def test_there_is_a_fault_for_every_rule():
    assert frozenset().union(*(fault.codes for fault in EVERY)) == RULES.keys()


def test_no_two_faults_are_called_the_same():
    assert [name for name, count in Counter(fault.name for fault in EVERY).items() if count > 1] == []


@pytest.mark.parametrize("fault", EVERY, ids=lambda fault: fault.name)
def test_a_fault_is_told_where_it_is_and_nothing_else(fault):
    dataset = planted(fault)
    report = found(fault, dataset.files)

    assert told(report) == dataset.expected
    assert report.counts == Counter(each.code for each in dataset.expected)
    is_error = any(RULES[code].severity is Severity.ERROR for code in fault.codes)
    assert report.verdict == ("rejected" if is_error else "accepted")
    assert contradictions(report, dataset.files) == []
