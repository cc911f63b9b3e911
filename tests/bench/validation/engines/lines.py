"""The loop over lines that people write when they want to know which line it is, whatever parses a line.

No parser tells that a name stands twice in an object, and U+0000 is a character like another to them; a text that
differs in case or punctuation only is another text; `int` takes a score that ends in CR.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from validation.folder import CORPUS, HEADER, LABELS, QUERIES, Place

Parse = Callable[
    [bytes], tuple[str, str]
]  # of a line: id and text; raises ValueError or TypeError where it is no record


def named(folder: Path, parse: Parse) -> set[Place]:
    """Check records, then labels against them."""
    ids: dict[str, set[str]] = {CORPUS: set(), QUERIES: set()}
    found = [place for name, known in ids.items() for place in _records(folder / name, parse, known)]
    found += [place for name in LABELS for place in _labels(folder / name, ids[QUERIES], ids[CORPUS])]
    return set(found)


def fields(record: object) -> tuple[str, str]:
    """The id and the text of what a parser without types gave."""
    if not isinstance(record, dict):
        raise TypeError
    identity, text, title = record.get("_id"), record.get("text"), record.get("title", "")
    if not isinstance(identity, str) or not isinstance(text, str) or not isinstance(title, str):
        raise TypeError
    if not identity:
        raise ValueError
    return identity, text


def _records(path: Path, parse: Parse, ids: set[str]) -> Iterator[Place]:
    texts = set[int]()
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                identity, text = parse(line)
            except (ValueError, TypeError):
                yield path.name, number
                continue
            key = hash(text)
            if identity in ids or key in texts or not text.strip():
                yield path.name, number
            ids.add(identity)
            texts.add(key)


def _labels(path: Path, queries: set[str], documents: set[str]) -> Iterator[Place]:
    """Check labels. The same pair with another score is a fault of its own kind, and named just the same."""
    pairs = set[tuple[str, str]]()
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                cells = line.decode().rstrip("\n").split("\t")
                if number == 1:
                    if tuple(cells) != HEADER:
                        yield path.name, number
                    continue
                query, document, score = cells
                in_order = int(score) >= 0
            except ValueError:
                yield path.name, number
                continue
            pair = query, document
            if not in_order or query not in queries or document not in documents or pair in pairs:
                yield path.name, number
            pairs.add(pair)
