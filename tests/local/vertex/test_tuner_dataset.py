"""The files of a dataset as the tuner reads them."""

from dataclasses import replace

import pytest
from support.vertex import json_lines, tsv

from dropforge_local.vertex.tuning.dataset import DatasetFiles, read_dataset
from dropforge_local.vertex.tuning.protocol import TaskFailed

RECORDS = [{"_id": f"{number}", "text": f"text {number}"} for number in range(12)]
GOOD = DatasetFiles(
    corpus=json_lines(RECORDS),
    queries=json_lines(RECORDS),
    train=tsv([f"{number}\t{number}\t2" for number in range(9)]),
    validation=tsv([f"{number}\t{number}\t1" for number in range(9, 12)]),
    test=tsv([f"{number}\t{number}\t1" for number in range(3)]),
)


def test_a_dataset_is_its_texts_and_labels():
    dataset = read_dataset(GOOD, seed=1)
    assert dataset.documents["3"] == "text 3"
    assert dataset.train["3"] == {"3": 2}
    assert set(dataset.validation) == {"9", "10", "11"}


def test_splits_that_are_not_given_are_held_out_by_query():
    dataset = read_dataset(replace(GOOD, validation=None, test=None), seed=1)
    splits = [set(dataset.train), set(dataset.validation), set(dataset.test)]
    assert [len(split) for split in splits] == [3, 3, 3]
    assert len(set().union(*splits)) == 9


def test_a_split_is_the_same_for_the_same_seed():
    files = replace(GOOD, validation=None)
    assert read_dataset(files, seed=1) == read_dataset(files, seed=1)
    assert any(
        read_dataset(files, seed=1).validation != read_dataset(files, seed=seed).validation for seed in range(2, 9)
    )


def test_scores_may_be_left_out_and_zero_is_no_label():
    rows = [f"{number}\t{number}" for number in range(9)]
    train = tsv([*rows, "0\t1\t0"]).replace(b"query-id\tcorpus-id\tscore", b"query-id\tcorpus-id\tscore")
    assert read_dataset(replace(GOOD, train=train), seed=1).train["0"] == {"0": 1}


def test_line_ends_of_windows_and_a_byte_order_mark_are_read():
    train = b"\xef\xbb\xbf" + GOOD.train.replace(b"\n", b"\r\n")
    assert read_dataset(replace(GOOD, train=train), seed=1) == read_dataset(GOOD, seed=1)


def test_titles_are_part_of_the_text():
    corpus = json_lines([record | {"title": "Title", "more": 1} for record in RECORDS])
    assert read_dataset(replace(GOOD, corpus=corpus), seed=1).documents["0"] == "Title text 0"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("corpus", b"{", "corpus, line 1: not JSON"),
        ("corpus", b"[]", "corpus, line 1: a JSON object"),
        ("corpus", b'{"_id": 1, "text": ""}', "`_id` must be"),
        ("corpus", b'{"_id": "1"}', "`text` must be"),
        ("corpus", b'{"_id": "1", "text": "", "title": 3}', "`title` must be"),
        ("corpus", json_lines([*RECORDS, RECORDS[0]]), "corpus, line 13: `_id` '0' is used twice"),
        ("queries", json_lines(RECORDS[:8]), "queries: 8 records"),
        ("queries", b"\xff", "queries: not UTF-8"),
        ("train", b"a\tb\tc\n", "train labels, line 1: the header"),
        ("train", b"", "train labels, line 1: the header"),
        ("train", tsv(["0 0 1"]), "train labels, line 2: 1 tab-separated columns"),
        ("train", tsv(["x\t0\t1"]), "train labels, line 2: there is no query 'x'"),
        ("train", tsv(["0\tx\t1"]), "train labels, line 2: there is no document 'x'"),
        ("test", tsv(["0\t0\t-1"]), "test labels, line 2: the score '-1'"),
        ("test", tsv(["0\t0\t1.5"]), "test labels, line 2: the score '1.5'"),
        ("test", tsv(["0\t0\t1", "1\t0\t1"]), "test labels: 2 distinct queries"),
    ],
)
def test_what_is_wrong_is_named(name, content, message):
    with pytest.raises(TaskFailed, match=message):
        read_dataset(replace(GOOD, **{name: content}), seed=1)


def test_too_few_queries_in_all_are_refused():
    few = tsv([f"{number}\t{number}\t1" for number in range(4)])
    with pytest.raises(TaskFailed, match="labels: 4 distinct queries in all"):
        read_dataset(replace(GOOD, train=few, validation=few, test=few), seed=1)
