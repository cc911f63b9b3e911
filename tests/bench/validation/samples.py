"""Datasets in perfect order, as large as they are wanted. The same for the same shape."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dropforge.domain.datasets import CORPUS, DATA, QUERIES, TEST_LABELS, TRAINING_LABELS, TUNING
from validation.folder import HEADER
from validation.prose import accented, chinese, english, escaped

SEED = 20261124
_AT_A_TIME = 10_000  # records
_ACCENTED, _CHINESE = 0.15, 0.05  # shares of the texts
_ESCAPED = 0.1  # share of those that are written with escapes
_TITLED = 0.9  # share of the documents
_WORDS_A_TITLE, _WORDS_A_QUERY = (3, 7), (5, 16)
_FEWEST_WORDS, _MOST_WORDS = 15, 500  # of a document
_HELD_OUT = 10  # one of so many queries is for the test
# The base model for English warns of texts in other scripts, and rightly so.
_CONFIGURATION = "base_model: text-multilingual-embedding-002\ntask_type: RETRIEVAL_QUERY\n"


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a dataset is."""

    documents: int
    queries: int
    labels: int

    def with_queries(self, queries: int) -> "Shape":
        """As many documents and labels, but so many queries."""
        return replace(self, queries=queries)


FULL = Shape(documents=500_000, queries=10_000, labels=499_999)  # the most that Vertex takes
SMALL = Shape(documents=5_000, queries=1_000, labels=10_000)
RAISED_QUERIES = 40_000  # where an operator allows it


def write(folder: Path, shape: Shape, *, seed: int = SEED) -> None:
    """Write a clean dataset into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TUNING).write_text(_CONFIGURATION)
    with (folder / CORPUS).open("w", encoding="utf-8") as file:
        for lines in _documents(np.random.default_rng(seed), shape.documents):
            file.writelines(lines)
    write_questions(folder, shape, seed=seed)


def write_questions(folder: Path, shape: Shape, *, seed: int = SEED) -> None:
    """Write queries and labels for a corpus of this shape."""
    chance = np.random.default_rng(seed + 1)
    texts = english(chance).texts(chance.integers(*_WORDS_A_QUERY, shape.queries))
    with (folder / QUERIES).open("w", encoding="utf-8") as file:
        file.writelines(f'{{"_id": "q{number}", "text": "{text}"}}\n' for number, text in enumerate(texts))
    with (folder / TRAINING_LABELS).open("w") as training, (folder / TEST_LABELS).open("w") as test:
        training.write("\t".join(HEADER) + "\n")
        test.write("\t".join(HEADER) + "\n")
        for query, rows in enumerate(_labels(chance, shape)):
            (training if query % _HELD_OUT else test).writelines(rows)


def write_with_more_queries(folder: Path, sample: Path, shape: Shape) -> None:
    """Write a dataset with the corpus of a sample, of which there is one copy on the disk, and these many queries."""
    folder.mkdir()
    for name in (CORPUS, TUNING):
        os.link(sample / name, folder / name)
    write_questions(folder, shape)


def size_of(folder: Path) -> int:
    """Bytes of a dataset's data files."""
    return sum((folder / name).stat().st_size for name in DATA if (folder / name).exists())


def _documents(chance: np.random.Generator, count: int) -> Iterator[list[str]]:
    writers = (english(chance), accented(chance), chinese(chance))
    for begin in range(0, count, _AT_A_TIME):
        many = min(_AT_A_TIME, count - begin)
        luck = chance.random(many)
        manner = np.where(luck < _CHINESE, 2, np.where(luck < _CHINESE + _ACCENTED, 1, 0))
        lengths = np.clip(chance.lognormal(4.53, 0.6, many), _FEWEST_WORDS, _MOST_WORDS).astype(np.int64)
        texts = [
            writer.texts(lengths[manner == place]) for place, writer in enumerate(writers) if (manner == place).any()
        ]
        titles = [writer.texts(chance.integers(*_WORDS_A_TITLE, many)) for writer in writers]
        luck = chance.random((many, 2))
        yield [
            _document(
                begin + place,
                next(titles[which]).rstrip(".。") if is_titled else "",
                next(texts[which]),
                as_escapes=as_escapes,
            )
            for place, (which, is_titled, as_escapes) in enumerate(
                zip(manner.tolist(), (luck[:, 0] < _TITLED).tolist(), (luck[:, 1] < _ESCAPED).tolist(), strict=True)
            )
        ]


def _document(number: int, title: str, text: str, *, as_escapes: bool) -> str:
    line = (
        f'{{"_id": "d{number}", "title": "{title}", "text": "{text}"}}\n'
        if title
        else f'{{"_id": "d{number}", "text": "{text}"}}\n'
    )
    return line if line.isascii() or not as_escapes else escaped(line)


def _labels(chance: np.random.Generator, shape: Shape) -> Iterator[list[str]]:
    """The labels of each query: no pair twice, and no query without an answer."""
    each, over = divmod(shape.labels, shape.queries)
    for query in range(shape.queries):
        many = each + (query < over)
        documents = chance.choice(shape.documents, many, replace=False, shuffle=False)
        yield [f"q{query}\td{document}\t{1 + place % 3}\n" for place, document in enumerate(documents.tolist())]
