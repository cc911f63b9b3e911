"""A loop over lines with every guard that its author knows of: how far a loop can be taken, and what that costs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import orjson

from validation.folder import CORPUS, HEADER, LABELS, QUERIES, Place

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SCORE = re.compile(r"[0-9]{1,9}")
_LOWER = bytes(range(256)).lower()
_PUNCTUATION = bytes(byte for byte in range(128) if not chr(byte).isalnum())


def check(folder: Path) -> set[Place]:
    """Name every line in which a guard finds something."""
    ids: dict[str, set[int]] = {CORPUS: set(), QUERIES: set()}
    found = [place for name, known in ids.items() for place in _records(folder / name, known)]
    found += [place for name in LABELS for place in _labels(folder / name, ids[QUERIES], ids[CORPUS])]
    return set(found)


def _records(path: Path, ids: set[int]) -> Iterator[Place]:
    texts = set[int]()
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                identity, text = _fields(line)
            except (ValueError, TypeError):
                yield path.name, number
                continue
            key, text_key = hash(identity), hash(_folded(text))
            if key in ids or text_key in texts or not text.strip() or line.endswith(b"\r\n"):
                yield path.name, number
            ids.add(key)
            texts.add(text_key)


def _fields(line: bytes) -> tuple[str, str]:
    record = orjson.loads(line)
    if not isinstance(record, dict):
        raise TypeError
    if line.count(b'":') != len(record):  # perhaps a name stands twice, which only a hook of the slow parser can tell
        json.loads(line, object_pairs_hook=_pairs)
    identity, text, title = record.get("_id"), record.get("text"), record.get("title", "")
    if not isinstance(identity, str) or not isinstance(text, str) or not isinstance(title, str):
        raise TypeError
    if not 0 < len(identity) <= 512 or not identity.isprintable():
        raise ValueError
    if _may_escape_controls(line) and (_CONTROL.search(title) or _CONTROL.search(text)):
        raise ValueError
    return identity, text


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError
    return record


def _may_escape_controls(line: bytes) -> bool:
    return b"\\u00" in line or b"\\b" in line or b"\\f" in line


def _folded(text: str) -> bytes:
    """The text without case, spaces and punctuation."""
    if text.isascii():
        return text.encode().translate(_LOWER, _PUNCTUATION)
    return normalize("NFKC", text).casefold().encode().translate(None, _PUNCTUATION)


def _labels(path: Path, queries: set[int], documents: set[int]) -> Iterator[Place]:
    pairs = set[int]()
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                cells = line.decode().removesuffix("\n").split("\t")
            except UnicodeDecodeError:
                yield path.name, number
                continue
            if number == 1 or len(cells) != 3:
                if tuple(cells) != HEADER:
                    yield path.name, number
                continue
            query, document = hash(cells[0]), hash(cells[1])
            pair = hash((query, document))
            known = query in queries and document in documents
            if not known or pair in pairs or not _SCORE.fullmatch(cells[2]):
                yield path.name, number
            pairs.add(pair)
