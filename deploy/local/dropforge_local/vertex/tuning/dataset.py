"""The files of a tuning dataset, held to the rules of Vertex AI's text-embedding tuning.

Rules: https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-embeddings (file formats and size limits).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dropforge_local.vertex.embedding import titled
from dropforge_local.vertex.tuning.protocol import TaskFailed

# Relevance of documents to queries: query id -> document id -> score (a score of 0 is as if left out).
Labels = dict[str, dict[str, int]]

MIN_RECORDS = 9
MAX_QUERIES = 10_000
MAX_DOCUMENTS = 500_000
MAX_LABELS = 500_000
MIN_QUERIES_OF_A_SPLIT = 3
SPLIT_SHARE = 5  # one query in five is held out where the dataset brings no file of its own
LABEL_COLUMNS = ["query-id", "corpus-id", "score"]


@dataclass(frozen=True)
class Dataset:
    """Texts by id, and three sets of labels over them that share no query unless the files do."""

    documents: dict[str, str]
    queries: dict[str, str]
    train: Labels
    validation: Labels
    test: Labels


@dataclass(frozen=True)
class DatasetFiles:
    """The contents of a dataset's files; a label file that is not given is split from the training labels."""

    corpus: bytes
    queries: bytes
    train: bytes
    validation: bytes | None = None
    test: bytes | None = None


def read_dataset(files: DatasetFiles, *, seed: int) -> Dataset:
    """Check and read a dataset.

    Raises:
        TaskFailed: INVALID_ARGUMENT naming the file, and the line where one is to blame.
    """
    documents = _read_texts("corpus", files.corpus, maximum=MAX_DOCUMENTS)
    queries = _read_texts("queries", files.queries, maximum=MAX_QUERIES)
    given = {"train": files.train, "validation": files.validation, "test": files.test}
    splits = {
        name: _read_labels(name, content, documents=documents, queries=queries)
        for name, content in given.items()
        if content is not None
    }
    _check_sizes(splits)
    for missing in ("test", "validation"):
        if missing not in splits:
            splits["train"], splits[missing] = _hold_out(splits["train"], seed=seed)
    return Dataset(documents, queries, splits["train"], splits["validation"], splits["test"])


def _check_sizes(splits: dict[str, Labels]) -> None:
    for name, labels in splits.items():
        if len(labels) < MIN_QUERIES_OF_A_SPLIT:
            raise _bad(f"{name} labels: {len(labels)} distinct queries, at least {MIN_QUERIES_OF_A_SPLIT} are needed.")
    distinct = len(set().union(*splits.values()))
    if distinct < MIN_RECORDS:
        raise _bad(f"labels: {distinct} distinct queries in all, at least {MIN_RECORDS} are needed.")
    total = sum(len(scores) for labels in splits.values() for scores in labels.values())
    if total >= MAX_LABELS:
        raise _bad(f"labels: {total} in all, fewer than {MAX_LABELS} are allowed.")


def _read_texts(name: str, content: bytes, *, maximum: int) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, line in _lines(name, content):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise _bad(f"{name}, line {number}: not JSON ({error}).") from error
        if not isinstance(record, dict):
            raise _bad(f"{name}, line {number}: a JSON object is needed.")
        identity, text, title = record.get("_id"), record.get("text"), record.get("title")
        if not isinstance(identity, str) or not identity:
            raise _bad(f"{name}, line {number}: `_id` must be a non-empty string.")
        if not isinstance(text, str):
            raise _bad(f"{name}, line {number}: `text` must be a string.")
        if title is not None and not isinstance(title, str):
            raise _bad(f"{name}, line {number}: `title` must be a string.")
        if identity in texts:
            raise _bad(f"{name}, line {number}: `_id` {identity!r} is used twice.")
        texts[identity] = titled(text, title)
    if not MIN_RECORDS <= len(texts) <= maximum:
        raise _bad(f"{name}: {len(texts)} records, {MIN_RECORDS} to {maximum} are allowed.")
    return texts


def _read_labels(name: str, content: bytes, *, documents: dict[str, str], queries: dict[str, str]) -> Labels:
    lines = _lines(f"{name} labels", content)
    _, header = next(lines, (0, ""))
    if header.split("\t") not in (LABEL_COLUMNS, LABEL_COLUMNS[:2]):
        raise _bad(f"{name} labels, line 1: the header must be {'<tab>'.join(LABEL_COLUMNS)}.")
    labels: Labels = {}
    for number, line in lines:
        where = f"{name} labels, line {number}"
        query, document, score = _columns(where, line)
        if query not in queries:
            raise _bad(f"{where}: there is no query {query!r}.")
        if document not in documents:
            raise _bad(f"{where}: there is no document {document!r} in the corpus.")
        if score > 0:
            labels.setdefault(query, {})[document] = score
    return labels


def _columns(where: str, line: str) -> tuple[str, str, int]:
    match line.split("\t"):
        case [query, document] | [query, document, ""]:
            return query, document, 1
        case [query, document, score] if score.isascii() and score.isdigit():
            return query, document, int(score)
        case [_, _, score]:
            raise _bad(f"{where}: the score {score!r} is not a non-negative integer.")
        case columns:
            raise _bad(f"{where}: {len(columns)} tab-separated columns, 3 are needed.")


def _lines(name: str, content: bytes) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, numbered from 1."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(f"{name}: not UTF-8 (byte {error.start}).") from error
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.removesuffix("\r")
        if stripped.strip():
            yield number, stripped


def _hold_out(labels: Labels, *, seed: int) -> tuple[Labels, Labels]:
    """Split the labels by query: what is left to train on, and what is held out."""
    queries = sorted(labels)
    held = max(MIN_QUERIES_OF_A_SPLIT, len(queries) // SPLIT_SHARE)
    if len(queries) < held + MIN_QUERIES_OF_A_SPLIT:
        raise _bad(f"train labels: {len(queries)} distinct queries are too few to hold {held} of them out.")
    order = np.random.default_rng(seed).permutation(len(queries))
    chosen = {queries[index] for index in order[:held]}
    return (
        {query: scores for query, scores in labels.items() if query not in chosen},
        {query: scores for query, scores in labels.items() if query in chosen},
    )


def _bad(message: str) -> TaskFailed:
    return TaskFailed("INVALID_ARGUMENT", message)
