"""Programs get a shape that stays, texts as they are, and nothing that a terminal or a CI runner would obey."""

import json
import re
from pathlib import Path

from hypothesis import given
from support.reports import broken, clean, hostile, many, texts

from dropforge import wire
from dropforge.domain.findings import MOST_KEPT

PAGE = Path(__file__).parents[3] / "docs/findings.md"


def test_a_broken_folder_reads_so():
    read = json.loads(wire.report(broken()))
    assert list(read) == ["verdict", "findings", "counts", "rows", "held_out"]
    assert read["verdict"] == "rejected"
    assert read["findings"][4] == {
        "code": "labels-unknown-document",
        "severity": "error",
        "file": "training_label.tsv",
        "line": 1207,
        "column": 0,
        "message": '"doc55" is no _id in corpus.jsonl',
        "hint": "Add the document to corpus.jsonl, or remove the label.",
    }
    assert read["counts"]["labels-unknown-document"] == 2
    assert read["rows"]["queries.jsonl"] == 12_345


def test_a_clean_folder_reads_so():
    read = json.loads(wire.report(clean()))
    assert (read["verdict"], read["findings"], read["counts"]) == ("accepted", [], {})


def test_the_shape_is_the_one_that_is_documented():
    [documented] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)]
    read = json.loads(wire.report(broken()))
    assert list(documented) == list(read)
    assert list(documented["findings"][0]) == list(read["findings"][0])
    assert documented["rows"].keys() == read["rows"].keys()


def test_counts_are_complete_whatever_is_kept():
    read = json.loads(wire.report(many(3_000)))
    assert len(read["findings"]) == MOST_KEPT
    assert read["counts"]["labels-unknown-document"] == 3_000


@given(texts)
def test_texts_are_as_they_were_and_nothing_is_obeyed(text):
    written = wire.report(hostile(text))
    assert {finding["message"] for finding in json.loads(written)["findings"]} == {text} - {""} or not text
    line = written.decode()
    assert line.isprintable(), "one line, and nothing that a terminal obeys"
    assert not re.search(r"##\w*\[", line)
