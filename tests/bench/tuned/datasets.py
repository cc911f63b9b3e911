"""Datasets in the four-file format, and what is made of them to see what a tuning needs, and what spoils it.

Everything random is of one seed: the same dataset gives the same variants.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from support.examination import examined

from dropforge.domain.content import labels_of
from dropforge.domain.datasets import CORPUS, QUERIES, REQUIRED, TEST_LABELS, TRAINING_LABELS

SEED = 0
Label = tuple[str, str, int]  # query, document, score


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset.

    Attributes:
        name: Its folder's.
        corpus: The file's bytes, as are `queries`.
        train: The training labels whose score is not 0.
        test: The same of the test labels.
    """

    name: str
    corpus: bytes
    queries: bytes
    train: Sequence[Label]
    test: Sequence[Label]

    @property
    def files(self) -> Mapping[str, bytes]:
        """Content by file name."""
        return {
            CORPUS: self.corpus,
            QUERIES: self.queries,
            TRAINING_LABELS: _tsv(self.train),
            TEST_LABELS: _tsv(self.test),
        }

    @property
    def documents(self) -> int:
        """How many there are."""
        return sum(1 for line in self.corpus.splitlines() if line.strip())

    @property
    def seen(self) -> float:
        """The share of test labels whose document has a training label, too."""
        trained = {document for _, document, _ in self.train}
        return sum(document in trained for _, document, _ in self.test) / len(self.test)


def read(folder: Path) -> Dataset:
    """Read a folder.

    Raises:
        SystemExit: It lacks a file, or the validator refuses it; says what is wrong, and where.
    """
    if missing := [name for name in REQUIRED if not (folder / name).is_file()]:
        raise SystemExit(f"{folder} has no {', '.join(missing)}: it takes all of {', '.join(REQUIRED)}")
    content = {name: (folder / name).read_bytes() for name in REQUIRED}
    report = examined(content)
    if report.verdict == "rejected":
        worst = report.findings[0]
        raise SystemExit(
            f"{folder} is refused: {worst.file}:{worst.line}: {worst.message}; `dropforge check` has the rest"
        )
    return Dataset(
        name=folder.name,
        corpus=content[CORPUS],
        queries=content[QUERIES],
        train=_judged(content[TRAINING_LABELS]),
        test=_judged(content[TEST_LABELS]),
    )


def with_share_of_labels(dataset: Dataset, share: float) -> Dataset:
    """As if so many of the training queries had been labelled only; what has less is a part of what has more."""
    queries = _shuffled({query for query, _, _ in dataset.train})
    kept = set(queries[: round(len(queries) * share)])
    return replace(dataset, train=[label for label in dataset.train if label[0] in kept])


def by_document(dataset: Dataset) -> Dataset | None:
    """Trained on half of the documents, tested with queries that ask for the other half.

    None where queries have several documents: hardly any has all of its own in one half.
    """
    if len({query for query, _, _ in dataset.test}) < len(dataset.test):
        return None
    documents = _shuffled({document for _, document, _ in (*dataset.train, *dataset.test)})
    trained = set(documents[: len(documents) // 2])
    return replace(
        dataset,
        train=[label for label in dataset.train if label[1] in trained],
        test=[label for label in dataset.test if label[1] not in trained],
    )


def poisoned(dataset: Dataset) -> Dataset:
    """Every document of the training labels stands for another one, always the same; the test labels are right."""
    documents = _shuffled({document for _, document, _ in dataset.train})
    other = dict(zip(documents, [*documents[1:], documents[0]], strict=True))
    return replace(dataset, train=[(query, other[document], score) for query, document, score in dataset.train])


def shuffled(dataset: Dataset) -> Dataset:
    """Each training label has the document of any other one; the test labels are right."""
    documents = [document for _, document, _ in dataset.train]
    Random(SEED).shuffle(documents)
    drawn = {(query, document): score for (query, _, score), document in zip(dataset.train, documents, strict=True)}
    return replace(dataset, train=[(query, document, score) for (query, document), score in drawn.items()])


def _shuffled(identities: Iterable[str]) -> list[str]:
    ordered = sorted(identities)
    Random(SEED).shuffle(ordered)
    return ordered


def _judged(content: bytes) -> list[Label]:
    return [label for label in labels_of(content.splitlines()) if label[2]]


def _tsv(labels: Iterable[Label]) -> bytes:
    rows = ["query-id\tcorpus-id\tscore", *(f"{query}\t{document}\t{score}" for query, document, score in labels)]
    return "".join(f"{row}\n" for row in rows).encode()
