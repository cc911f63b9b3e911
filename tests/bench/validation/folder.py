"""What a dataset's files are called, for engines that share nothing else with Dropforge: imports cost CPU as well."""

from collections.abc import Iterator
from pathlib import Path

CORPUS, QUERIES = "corpus.jsonl", "queries.jsonl"
RECORDS = (CORPUS, QUERIES)
LABELS = ("training_label.tsv", "test_label.tsv")
HEADER = ("query-id", "corpus-id", "score")

Place = tuple[
    str, int
]  # file, and line from 1; 0 where the file as a whole was refused, and read in another way or not


def places(path: Path, lines: object) -> Iterator[Place]:
    """The lines of a file, given as numbers of whatever kind, as places."""
    for line in lines:  # type: ignore[attr-defined]
        yield path.name, int(line)
