"""BEIR's loader, which people load such folders with.

It checks nothing: what stands twice replaces what stood before, and a line that cannot be read ends it with an error that
names no line of the file.
"""

from pathlib import Path

from beir.datasets.data_loader import GenericDataLoader

from validation.folder import CORPUS, LABELS, QUERIES, Place


def check(folder: Path) -> set[Place]:
    """Load the corpus once, and the labels of each file with their queries."""
    corpus: dict[str, dict[str, str]] = {}
    for name in LABELS:
        loader = GenericDataLoader(
            corpus_file=str(folder / CORPUS), query_file=str(folder / QUERIES), qrels_file=str(folder / name)
        )
        loader.corpus = corpus
        try:
            corpus, _, _ = loader.load_custom()
        except (ValueError, KeyError, IndexError):  # none of which says where
            return {(CORPUS, 0)}
    return set()
