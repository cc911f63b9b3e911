"""Faults do not hide each other, wherever a file is cut into blocks and whoever reads them."""

import os
from contextlib import contextmanager

import pytest
from support.examination import TODAY, contradictions, examined, told
from support.faults import EVERY, fields, labels, lines, quality, texts
from support.faults.fault import found, planted, together

from dropforge.adapters import processes as pool
from dropforge.adapters.directory import Directory
from dropforge.adapters.processes import processes
from dropforge.domain.catalogue import Limits
from dropforge.domain.findings import MOST_KEPT
from dropforge.domain.rules import RULES, Severity
from dropforge.domain.validator import blocks
from dropforge.examine import Examiner
from dropforge.settings import Operator

ERRORS = {code for code, rule in RULES.items() if rule.severity is Severity.ERROR}
ALL = [fault for fault in EVERY if not fault.apart]
# Of data, and small. Where there is too much, how much of it was read is a matter of the blocks.
APART = [
    fault
    for fault in (*fields.FAULTS, *labels.FAULTS, *lines.FAULTS, *quality.FAULTS, *texts.FAULTS)
    if fault.apart not in {"", "it is large", "the limits are for all"}
]
ACCEPTED = [fault for fault in ALL if not fault.codes & ERRORS]
SIZES = (1, 300, 2_000, 20_000)  # bytes of a block; with 1, each line is a block of its own


@pytest.fixture(scope="module", params=[ALL, ACCEPTED], ids=["all of them", "those that are accepted"])
def dataset(request):
    return together(request.param)


@pytest.fixture(scope="module")
def whole(dataset):
    """What is told when each file is one block."""
    report = examined(dataset.files)
    assert sum(report.counts.values()) < MOST_KEPT, "a report that leaves some out cannot be compared"
    return report


def places(findings):
    return [(each.code, each.file, each.line) for each in findings]


def test_together_each_is_told_as_it_is_alone(dataset, whole):
    assert places(told(whole)) == places(dataset.expected)
    assert whole.verdict == ("rejected" if {each.code for each in dataset.expected} & ERRORS else "accepted")
    assert contradictions(whole, dataset.files) == []


@pytest.mark.parametrize("size", SIZES)
def test_in_blocks_of_any_size_the_same_is_told(dataset, whole, size, monkeypatch):
    monkeypatch.setattr(blocks, "_BLOCK", size)
    assert max(map(len, dataset.files.values())) > 2 * size, "some fault is far behind the first block"
    assert examined(dataset.files) == whole


def test_where_there_is_room_for_no_more_the_same_is_told(dataset, whole, monkeypatch):
    """With tables that are as full as they get, most keys have to look for another place."""
    monkeypatch.setattr(blocks, "_BLOCK", 5_000)
    limits = Limits(
        most_documents=whole.rows["corpus.jsonl"],
        most_queries=whole.rows["queries.jsonl"],
        most_labels=sum(rows for file, rows in whole.rows.items() if file.endswith(".tsv")),
    )
    assert examined(dataset.files, Operator(limits=limits)) == whole


@pytest.mark.parametrize("fault", APART, ids=lambda fault: fault.name)
def test_a_fault_that_stands_alone_is_told_the_same_when_each_line_is_a_block(fault, monkeypatch):
    files = planted(fault).files
    whole = found(fault, files)
    monkeypatch.setattr(blocks, "_BLOCK", 1)
    assert found(fault, files) == whole


@contextmanager
def several_processes():
    """As on a machine with two cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_SPAN", 30_000)
        patch.setattr(blocks, "_BLOCK", 7_000)
        patch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
        with processes() as inspection:
            yield inspection


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the test runner is
def test_on_several_processes_the_same_is_told(dataset, whole, tmp_path):
    for name, data in dataset.files.items():
        (tmp_path / name).write_bytes(data)
    with several_processes() as inspection:
        report = Examiner(Directory(tmp_path), Operator(), inspection).examine_unchanged("", TODAY)
    assert report == whole
