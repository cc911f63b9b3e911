"""The validator tells each fault by code, file and line, and finds nothing in a clean dataset."""

import io
import json
import tracemalloc

import pytest
from support.data import dataset, labels

from dropforge.domain.catalogue import Limits
from dropforge.domain.errors import Missing
from dropforge.domain.findings import MOST_KEPT, Findings, Severity
from dropforge.domain.tuning import Tuning
from dropforge.domain.validator.blocks import LONGEST_LINE
from dropforge.domain.validator.check import check


def streams(files):
    return {name: io.BytesIO(data) for name, data in files.items()}


def found(files, limits=None):
    return check(streams(files), Tuning(), Findings(), *([limits] if limits else []))


def faults(files, limits=None):
    return {
        (finding.code, finding.file, finding.line)
        for finding in found(files, limits).findings
        if finding.severity is not Severity.NOTE
    }


def changed(name, old, new):
    files = dataset()
    assert old in files[name], "the fault must really be planted"
    return files | {name: files[name].replace(old, new, 1)}


def without_line(name, number):
    files = dataset()
    kept = files[name].splitlines(keepends=True)
    return files | {name: b"".join(kept[: number - 1] + kept[number:])}


def test_a_clean_dataset_has_no_finding():
    report = found(dataset())

    assert (report.verdict, report.findings) == ("accepted", ())
    assert report.rows == {"corpus.jsonl": 20, "queries.jsonl": 80, "training_label.tsv": 40, "test_label.tsv": 40}


def with_record(name, record):
    """A record that no label names: a fault in it has no consequence elsewhere."""
    files = dataset()
    return files | {name: files[name] + record + b"\n"}


D3 = b'{"_id": "d3", "title": "t3", "text": "document 3"}'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (with_record("queries.jsonl", b'{"_id": "x", "text": }'), ("json-malformed", "queries.jsonl", 81)),
        (with_record("queries.jsonl", b'["q5"]'), ("json-not-an-object", "queries.jsonl", 81)),
        (with_record("queries.jsonl", b'{"_id": "x", "text": ""}'), ("text-missing", "queries.jsonl", 81)),
        (with_record("queries.jsonl", b'{"_id": "x"}'), ("text-missing", "queries.jsonl", 81)),
        (with_record("queries.jsonl", b'{"_id": "x", "text": 7}'), ("text-missing", "queries.jsonl", 81)),
        (with_record("queries.jsonl", b'{"_id": "q4", "text": "twice"}'), ("id-duplicate", "queries.jsonl", 81)),
        (changed("corpus.jsonl", D3, D3.replace(b'"t3"', b"[]")), ("title-not-text", "corpus.jsonl", 4)),
        (with_record("corpus.jsonl", b'{"_id": "d\\t3", "text": "t"}'), ("id-unusable", "corpus.jsonl", 21)),
        (with_record("corpus.jsonl", b'{"_id": 3, "text": "t"}'), ("id-missing", "corpus.jsonl", 21)),
        (changed("corpus.jsonl", D3 + b"\n", D3 + b"\n\n"), ("bytes-blank-line", "corpus.jsonl", 5)),
        (with_record("corpus.jsonl", b'{"_id": "x", "text": "\xff"}'), ("bytes-not-utf8", "corpus.jsonl", 21)),
        (changed("corpus.jsonl", D3 + b"\n", D3 + b"\r\n"), ("bytes-line-ends", "corpus.jsonl", 4)),
        (with_record("corpus.jsonl", b" " * (LONGEST_LINE + 1)), ("bytes-line-too-long", "corpus.jsonl", 21)),
        (dataset() | {"corpus.jsonl": b"\xef\xbb\xbf" + dataset()["corpus.jsonl"]}, ("bytes-bom", "corpus.jsonl", 1)),
        (dataset() | {"test_label.tsv": b""}, ("bytes-empty", "test_label.tsv", 0)),
        (without_line("test_label.tsv", 1), ("labels-header", "test_label.tsv", 1)),
        (changed("test_label.tsv", b"query-id\t", b"query-id "), ("labels-header", "test_label.tsv", 1)),
        (changed("test_label.tsv", b"q41\td1\t3", b"q41 d1 3"), ("labels-columns", "test_label.tsv", 3)),
        (changed("test_label.tsv", b"q41\td1\t3", b"q41\td1\t3\t4"), ("labels-columns", "test_label.tsv", 3)),
        (changed("test_label.tsv", b"q41\td1\t3", b"q41\td1\t0.5"), ("labels-score", "test_label.tsv", 3)),
        (changed("test_label.tsv", b"q41\td1\t3", b"q41\td1\t-1"), ("labels-score", "test_label.tsv", 3)),
        (changed("test_label.tsv", b"q41\t", b"q410\t"), ("labels-unknown-query", "test_label.tsv", 3)),
        (changed("test_label.tsv", b"\td1\t", b"\td111\t"), ("labels-unknown-document", "test_label.tsv", 3)),
        (changed("test_label.tsv", b"q41\td1\t3", b"q40\td0\t2"), ("labels-duplicate", "test_label.tsv", 3)),
        (changed("test_label.tsv", b"q41\td1\t3", b"q40\td0\t1"), ("labels-conflict", "test_label.tsv", 3)),
        (changed("test_label.tsv", b"q41\t", b"q1\t"), ("test-queries-trained-on", "test_label.tsv", 3)),
    ],
)
def test_each_fault_is_told_where_it_is(files, expected):
    assert faults(files) == {expected}


def test_a_huge_file_is_not_read_to_its_end():
    corpus = b"".join(b'{"_id": "d%d", "text": "%s"}\n' % (number, b"t" * 500) for number in range(5_000))
    stream = io.BytesIO(corpus)
    report = check({"corpus.jsonl": stream}, Tuning(), Findings(), Limits(most_documents=100))
    assert stream.tell() < len(corpus)
    assert "size-rows" in report.counts


def test_a_label_may_leave_out_its_score():
    assert faults(changed("test_label.tsv", b"q41\td1\t3", b"q41\td1")) == set()


def test_a_file_may_end_without_a_line_end():
    files = dataset()
    assert faults(files | {"corpus.jsonl": files["corpus.jsonl"].rstrip()}) == set()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(most_documents=19), ("size-rows", "corpus.jsonl", 0)),
        (Limits(fewest_queries=81), ("size-rows", "queries.jsonl", 0)),
        (Limits(most_labels=79), ("size-labels", "", 0)),
        (Limits(fewest_labelled_queries_in_a_file=41), ("labels-too-few-queries", "training_label.tsv", 0)),
        (Limits(fewest_labelled_queries_in_all=81), ("labels-too-few-queries-in-all", "", 0)),
    ],
)
def test_each_limit_of_the_service_is_held(limits, expected):
    assert expected in faults(dataset(), limits)
    assert faults(dataset(), Limits()) == set()


def test_every_fault_is_counted_though_only_some_are_kept():
    rows = [("q1", "nowhere", 1)] + [(f"x{n}", "d1", 1) for n in range(MOST_KEPT + 500)]
    report = found(dataset() | {"test_label.tsv": labels(rows)})

    assert report.counts["labels-unknown-query"] == MOST_KEPT + 500
    assert report.counts["labels-unknown-document"] == 1
    assert len(report.findings) == MOST_KEPT


def test_text_of_the_dataset_is_quoted_escaped_and_cut():
    hostile = "\u202e[31m<!channel>" + "x" * 500
    report = found(dataset() | {"test_label.tsv": labels([(hostile, "d1", 1)])})

    [finding] = [finding for finding in report.findings if finding.code == "labels-unknown-query"]
    assert finding.message.startswith('"\\u202e[31m<!channel>xxx')
    assert len(finding.message) < 150
    assert finding.message.isprintable()
    assert finding.excerpt.isprintable()


def test_an_unknown_field_is_noted_once_a_file():
    files = dataset()
    corpus = [json.loads(line) | {"doc_id": 1} for line in files["corpus.jsonl"].splitlines()]
    files["corpus.jsonl"] = "".join(json.dumps(record) + "\n" for record in corpus).encode()
    report = found(files)

    assert report.verdict == "accepted"
    assert report.counts == {"record-unknown-field": 1}


def test_a_small_dataset_takes_little_memory():
    """A function has many of them in hand at once, and room for the largest that Vertex takes is 37 MiB."""
    files = dataset()
    sizes = {name: len(data) for name, data in files.items()}

    def checked():
        return check(streams(files), Tuning(), Findings(), sizes=sizes)

    checked()
    tracemalloc.start()
    checked()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize("grown", ["corpus.jsonl", "training_label.tsv"])
def test_a_file_that_grows_while_it_is_read_is_not_judged(grown):
    files = dataset()
    with pytest.raises(Missing, match="has grown"):
        check(streams(files), Tuning(), Findings(), sizes={grown: 12})
