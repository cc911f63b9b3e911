"""Judges a dataset when everything has been read: enough to train on, enough to measure with, nothing leaked."""

from typing import Any

import numpy as np

from dropforge.domain.datasets import CORPUS, QUERIES, TEST_LABELS, TRAINING_LABELS, VALIDATION_LABELS
from dropforge.domain.gate import FEWEST_TELLING_QUERIES
from dropforge.domain.validator.dataset import Dataset, Flags, Pile, RecordShelf
from dropforge.domain.validator.keys import Numbers

_FEWEST_SKEWED = 20  # labels; among fewer, half of them is no sign of anything


def judge(dataset: Dataset) -> None:
    """Add to the dataset's findings what only shows when all its files have been taken in."""
    if dataset.labels > dataset.limits.most_labels:
        what = f"more than {dataset.limits.most_labels:,} labels in all files, but Vertex takes no more"
        dataset.findings.add("size-labels", "", 0, what)
    training = dataset.piles.get(TRAINING_LABELS)
    if training and CORPUS in dataset.shelves:
        _tell_skew(dataset, "document", training.by_document)
    if QUERIES in dataset.shelves:  # else nobody knows which queries there are
        _tell_queries(dataset, training)
    if not dataset.findings.rejected:  # with labels that cannot be used these numbers would say little
        _tell_unlabelled(dataset)


def _tell_queries(dataset: Dataset, training: Pile | None) -> None:
    _tell_too_few(dataset)
    for file, pile in dataset.piles.items():
        _tell_only_zero(dataset, file, pile)
    if training:
        _tell_skew(dataset, "query", training.by_query)
    if training and (validation := dataset.piles.get(VALIDATION_LABELS)):
        both = training.answered & validation.answered
        if count := np.count_nonzero(both):
            of = np.count_nonzero(validation.answered)
            what = f"{count:,} of {of:,} validation queries are in {TRAINING_LABELS} too{_here(count)}"
            dataset.findings.add("validation-queries-trained-on", VALIDATION_LABELS, validation.first(both), what)
    if test := dataset.piles.get(TEST_LABELS):
        _tell_test(dataset, test, training)


def _tell_too_few(dataset: Dataset) -> None:
    limits, findings = dataset.limits, dataset.findings
    for file, pile in dataset.piles.items():
        answered = np.count_nonzero(pile.answered)
        if answered < limits.fewest_labelled_queries_in_a_file:
            fewest = limits.fewest_labelled_queries_in_a_file
            what = f"queries that have a document: {answered}, but Vertex needs at least {fewest} in each file"
            findings.add("labels-too-few-queries", file, 0, what)
    if dataset.piles and dataset.labels <= limits.most_labels:
        answered = np.count_nonzero(np.logical_or.reduce([pile.answered for pile in dataset.piles.values()]))
        if answered < limits.fewest_labelled_queries_in_all:
            fewest = limits.fewest_labelled_queries_in_all
            what = f"different queries labelled in all files: {answered}, but Vertex needs {fewest}"
            findings.add("labels-too-few-queries-in-all", "", 0, what)


def _tell_only_zero(dataset: Dataset, file: str, pile: Pile) -> None:
    zero = (pile.asked_at > 0) & ~pile.answered
    if count := np.count_nonzero(zero):
        first = pile.first(zero)
        many = (
            f"{count:,} queries have scores of 0 only, the first here"
            if count > 1
            else "this query has scores of 0 only"
        )
        dataset.findings.add("labels-only-zero", file, first, many)


def _tell_skew(dataset: Dataset, what: str, counts: Numbers) -> None:
    labels, most = int(counts.sum()), int(counts.max())
    if labels >= _FEWEST_SKEWED and most * 2 > labels:
        dataset.findings.add("label-skew", TRAINING_LABELS, 0, f"one {what} holds {most:,} of {labels:,} labels")


def _tell_test(dataset: Dataset, test: Pile, training: Pile | None) -> None:
    findings, answered = dataset.findings, np.count_nonzero(test.answered)
    findings.held_out = int(answered)
    if training:
        both = test.answered & training.answered
        findings.held_out -= int(np.count_nonzero(both))
        if count := np.count_nonzero(both):
            what = f"{count:,} of {answered:,} test queries are in {TRAINING_LABELS} too{_here(count)}"
            findings.add("test-queries-trained-on", TEST_LABELS, test.first(both), what)
        alike = _same_text(dataset.shelves[QUERIES], test, training) & ~both
        if count := np.count_nonzero(alike):
            what = f"the texts of {count:,} of {answered:,} test queries are in {TRAINING_LABELS} too, as other queries"
            findings.add("test-texts-trained-on", TEST_LABELS, test.first(alike), what + _here(count))
    if 0 < answered < FEWEST_TELLING_QUERIES:
        findings.add(
            "test-too-few-queries", TEST_LABELS, 0, f"test queries: {answered}, too few to tell whether tuning helped"
        )


def _here(count: np.integer[Any]) -> str:
    return ", the first here" if count > 1 else ""


def _same_text(queries: RecordShelf, test: Pile, training: Pile) -> Flags:
    """Which test queries have the text of a training query."""
    texts = queries.same_text[: len(test.answered)]
    trained_on = np.zeros(len(texts) + 1, np.bool_)
    trained_on[texts[training.answered]] = True
    return test.answered & (texts > 0) & trained_on[texts]


def _tell_unlabelled(dataset: Dataset) -> None:
    piles = list(dataset.piles.values())
    if not piles:
        return
    queries = np.logical_or.reduce([pile.answered for pile in piles])[1:]
    documents = np.logical_or.reduce([pile.by_document > 0 for pile in piles])[1:]
    for code, file, labelled in (
        ("queries-unlabelled", QUERIES, queries),
        ("documents-unlabelled", CORPUS, documents),
    ):
        if file in dataset.shelves and (count := np.count_nonzero(~labelled)):
            what = f"{count:,} of {len(labelled):,} have no label"
            dataset.findings.add(code, file, 0, what)
