"""A served model is tried with known pairs, and only nonsense is called wrong."""

import math

import pytest
from support.data import dataset, labels

from dropforge.domain.probe import PAIRS, assess, pairs_of

QUERIES = [[1.0, 0.1], [0.1, 1.0]]


def lines(data):
    return data.splitlines(keepends=True)


def test_the_best_labels_are_taken_each_id_once():
    rows = [("q1", "d1", 1), ("q1", "d2", 9), ("q2", "d2", 8), ("q3", "d3", 0), ("q4", "d4", 2)]
    assert pairs_of(lines(labels(rows))) == {"q1": "d2", "q4": "d4"}


def test_a_label_without_a_score_counts_as_relevant():
    assert pairs_of([b"query-id\tcorpus-id\tscore\n", b"q1\td1\n"]) == {"q1": "d1"}


def test_no_more_pairs_than_a_request_takes():
    assert len(pairs_of(lines(dataset()["training_label.tsv"]))) == PAIRS


def test_right_answers_are_right():
    answer = assess(QUERIES, [[2.0, 0.0], [0.0, 3.0], [-1.0, -1.0]])
    assert (answer.dimensions, answer.wrong) == (2, "")


@pytest.mark.parametrize(
    ("queries", "documents", "told"),
    [
        (QUERIES, [[0.0, 1.0], [1.0, 0.0]], "ranks first for only 0 of 2"),
        (QUERIES, [[1.0, 0.0], [1.0, 0.0, 0.0]], "different lengths"),
        ([[], []], [[], []], "different lengths"),
        (QUERIES, [[math.nan, 0.0], [0.0, 1.0]], "no finite number"),
        (QUERIES, [[math.inf, 0.0], [0.0, 1.0]], "no finite number"),
        (QUERIES, [[0.0, 0.0], [0.0, 1.0]], "a vector is zero"),
    ],
)
def test_nonsense_is_told(queries, documents, told):
    assert told in assess(queries, documents).wrong


def test_tiny_vectors_are_no_nonsense():
    assert assess([[1e-200, 0.0]], [[1e-200, 0.0], [0.0, 1e-200]]).wrong == ""
