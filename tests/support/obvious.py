"""A validator that is slow and obvious: what the rules say, line by line, with nothing but dicts and sets.

It knows nothing of the one that it is compared with. What it leaves out: `text-script` (which letters are foreign is a
matter of taste), texts of 256 characters and more that are nearly the same, lines and texts that are too long.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

CORPUS, QUERIES = "corpus.jsonl", "queries.jsonl"
TRAINING, TEST, VALIDATION = "training_label.tsv", "test_label.tsv", "validation_label.tsv"
HEADER = "query-id\tcorpus-id\tscore"
NOTES = {"queries-unlabelled", "documents-unlabelled", "record-unknown-field"}
WARNINGS = {
    "text-control-character",
    "labels-duplicate",
    "labels-only-zero",
    "test-queries-trained-on",
    "test-texts-trained-on",
    "validation-queries-trained-on",
    "test-too-few-queries",
    "text-duplicate",
    "query-is-document",
    "label-skew",
}

Place = tuple[str, str, int]


class _FaultError(Exception):
    """What a line is at fault for, as its code."""


@dataclass
class _Labels:
    """What one label file says of queries and documents that are there."""

    pairs: dict[tuple[str, str], int] = field(default_factory=dict)  # the first score of each
    asked: dict[str, int] = field(default_factory=dict)  # the first line of each query
    answered: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)


@dataclass
class Obvious:
    """Checks a dataset that has documents, queries, training and test labels."""

    files: Mapping[str, bytes]
    fewest_records: int = 9
    fewest_labelled_in_a_file: int = 3
    fewest_labelled_in_all: int = 9
    places: set[Place] = field(default_factory=set)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)  # by file and id: what is left when folded
    labels: dict[str, _Labels] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def check(self) -> set[Place]:
        """Every fault: its code, file and line; 0 for the file as a whole."""
        for file in (CORPUS, QUERIES):
            self._records(file)
        for file in (TRAINING, TEST, VALIDATION):
            if file in self.files:
                self._labels(file)
        self._judge()
        return self.places

    def _tell(self, code: str, file: str, line: int = 0) -> None:
        self.places.add((code, file, line))

    # Lines

    def _lines(self, file: str) -> Iterator[tuple[int, bytes, str | None]]:
        """Number, bytes, and text, where it is one, of each line that is not blank."""
        data = self.files[file]
        if data.startswith("\ufeff".encode()):
            self._tell("bytes-bom", file, 1)
            data = data[3:]
        *ended, last = data.split(b"\n")
        with_crlf = [number for number, line in enumerate(ended, 1) if line.endswith(b"\r")]
        if with_crlf:
            self._tell("bytes-line-ends", file, with_crlf[0])
        lines = [line.removesuffix(b"\r") for line in ended] + ([last] if last else [])
        for number, whole in enumerate(lines, 1):
            if all(byte in b" \t\r\x0b\x0c" for byte in whole):
                self._tell("bytes-blank-line", file, number)
            else:
                yield number, whole, self._text(file, number, whole)

    def _text(self, file: str, number: int, line: bytes) -> str | None:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            self._tell("bytes-not-utf8", file, number)
            return None
        if any(ord(char) < 32 and char != "\t" for char in text):
            self._tell("bytes-control-character", file, number)
            return None
        return text

    # Records

    def _records(self, file: str) -> None:
        rows = 0
        texts = self.texts[file] = {}
        said: set[str] = set()
        unused: set[str] = set()
        for number, line, text in self._lines(file):
            rows += 1
            identity, body = "", ""
            try:
                record = None if text is None else _object_in(text)
            except _FaultError as fault:
                record = None
                self._tell(str(fault), file, number)
            if record is None:
                identity = _identity_in(text or line.decode("utf-8", "replace"))
            else:
                for name in sorted(record.keys() - {"_id", "text", "title"} - unused):
                    if len(unused) < 20:
                        unused.add(name)
                        self._tell("record-unknown-field", file, number)
                identity, body = self._identity(file, number, record), self._body(file, number, record)
            if not identity:
                continue
            if identity in texts:
                self._tell("id-duplicate", file, number)
                continue
            texts[identity] = fold(body)
            if texts[identity] in said:
                self._tell("text-duplicate", file, number)
            said |= {texts[identity]} - {""}
        self.rows[file] = rows
        if rows < self.fewest_records:
            self._tell("size-rows", file)

    def _identity(self, file: str, number: int, record: dict[str, object]) -> str:
        identity = record.get("_id")
        if not isinstance(identity, str) or identity == "":
            self._tell("id-missing", file, number)
            return ""
        if any(ord(char) < 32 or ord(char) == 127 for char in identity):
            self._tell("id-unusable", file, number)
        elif len(identity) > 512:
            self._tell("id-too-long", file, number)
        return identity

    def _body(self, file: str, number: int, record: dict[str, object]) -> str:
        text, title = record.get("text"), record.get("title", "")
        if not isinstance(text, str) or text.isspace() or text == "":
            self._tell("text-missing", file, number)
            text = ""
        if not isinstance(title, str):
            self._tell("title-not-text", file, number)
            title = ""
        for value in (text, title):
            if "\0" in value:
                self._tell("text-nul", file, number)
            elif any(ord(char) < 32 and char not in "\t\n\r" for char in value):
                self._tell("text-control-character", file, number)
        return text

    # Labels

    def _labels(self, file: str) -> None:
        found = self.labels[file] = _Labels()
        self.rows[file] = 0
        is_header = True
        for number, _, line in self._lines(file):
            was_header, is_header = is_header, False
            if was_header and line != HEADER:
                if line is not None:
                    self._tell("labels-header", file, number)
                if line is None or not re.fullmatch(r"[^\t]*\t[^\t]*\t[0-9]{1,9}", line):
                    continue
            if was_header and line == HEADER:
                continue
            self.rows[file] += 1
            if line is not None:
                self._label(file, number, line.split("\t"), found)
        if len(found.answered) < self.fewest_labelled_in_a_file:
            self._tell("labels-too-few-queries", file)
        zero = [line for query, line in found.asked.items() if query not in found.answered]
        if zero:
            self._tell("labels-only-zero", file, min(zero))

    def _label(self, file: str, number: int, cells: list[str], found: _Labels) -> None:
        if len(cells) not in {2, 3}:
            self._tell("labels-columns", file, number)
        elif "" in cells[:2]:
            self._tell("labels-empty-id", file, number)
        else:
            query, document = (re.sub(r'\A"(.*)"\Z', r"\1", cell, flags=re.DOTALL) for cell in cells[:2])
            if [query, document] != cells[:2]:
                self._tell("labels-quoted", file, number)
            written = [*cells, "1"][2]
            is_score = re.fullmatch("[0-9]{1,9}", written)
            if not is_score:
                self._tell("labels-score", file, number)
            self._pair(file, number, query, document, int(written) if is_score else 1, found)

    def _pair(self, file: str, number: int, query: str, document: str, score: int, found: _Labels) -> None:
        earlier = found.pairs.get((query, document))
        if earlier is not None:
            self._tell("labels-duplicate" if earlier == score else "labels-conflict", file, number)
        found.pairs.setdefault((query, document), score)
        asked, answer = self.texts[QUERIES].get(query), self.texts[CORPUS].get(document)
        if asked is None:
            self._tell("labels-unknown-query", file, number)
        if answer is None:
            self._tell("labels-unknown-document", file, number)
        if asked is None or answer is None:
            return
        found.asked.setdefault(query, number)
        if earlier is None and score:
            found.answered[query] += 1
            found.answers[document] += 1
            if asked == answer != "":
                self._tell("query-is-document", file, number)

    # The whole

    def _judge(self) -> None:
        answered = {query for labels in self.labels.values() for query in labels.answered}
        answers = {document for labels in self.labels.values() for document in labels.answers}
        if len(answered) < self.fewest_labelled_in_all:
            self._tell("labels-too-few-queries-in-all", "")
        for counts in (self.labels[TRAINING].answered, self.labels[TRAINING].answers):
            if counts.total() >= 20 and max(counts.values()) * 2 > counts.total():
                self._tell("label-skew", TRAINING)
        self._leaks()
        if {code for code, _, _ in self.places} <= WARNINGS | NOTES:
            if self.texts[QUERIES].keys() - answered:
                self._tell("queries-unlabelled", QUERIES)
            if self.texts[CORPUS].keys() - answers:
                self._tell("documents-unlabelled", CORPUS)

    def _tell_first(self, code: str, file: str, queries: AbstractSet[str]) -> None:
        """At the first line that is about one of the queries, if there are any."""
        if queries:
            self._tell(code, file, min(self.labels[file].asked[query] for query in queries))

    def _leaks(self) -> None:
        training, test = self.labels[TRAINING].answered.keys(), self.labels[TEST].answered.keys()
        if VALIDATION in self.labels:
            self._tell_first(
                "validation-queries-trained-on", VALIDATION, self.labels[VALIDATION].answered.keys() & training
            )
        self._tell_first("test-queries-trained-on", TEST, test & training)
        texts = self.texts[QUERIES]
        trained_on = {texts[query] for query in training} - {""}
        self._tell_first(
            "test-texts-trained-on", TEST, {query for query in test - training if texts[query] in trained_on}
        )
        if 0 < len(test) < 30:
            self._tell("test-too-few-queries", TEST)


def fold(text: str) -> str:
    """What is left of a text when its case, form, spaces and punctuation do not count, nor any other sign of ASCII."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(
        char for char in plain if char.isalnum() or not (char.isascii() or unicodedata.category(char)[0] in "PZ")
    )


def _object_in(line: str) -> dict[str, object]:
    """The object that a line holds.

    Raises:
        _FaultError: It holds none, or one that readers would take for different ones.
    """
    try:
        record = json.loads(line, object_pairs_hook=_object_of, parse_constant=_refuse, parse_int=len, parse_float=len)
    except RecursionError:
        raise _FaultError("json-too-deep") from None
    except json.JSONDecodeError:
        raise _FaultError("json-malformed") from None
    if not isinstance(record, dict):
        raise _FaultError("json-not-an-object")
    if any("\ud800" <= char <= "\udfff" for text in _texts_in(record) for char in text):
        raise _FaultError("json-malformed")
    if _levels(record) > 100:
        raise _FaultError("json-too-deep")
    return record


def _object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _FaultError("json-duplicate-key")
    return dict(pairs)


def _refuse(word: str) -> float:
    raise _FaultError("json-malformed")


def _inner(value: object) -> list[object]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _levels(value: object) -> int:
    return 1 + max(map(_levels, _inner(value)), default=0) if isinstance(value, dict | list) else 0


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if isinstance(value, dict):
        yield from value
    for inner in _inner(value):
        yield from _texts_in(inner)


def _identity_in(line: str) -> str:
    """The first thing in a broken line, within one bracket, that looks like its id."""
    depth, place = 0, 0
    while place < len(line):
        if line[place] in "{[":
            depth += 1
        elif line[place] in "}]":
            depth -= 1
        elif line[place] == '"':
            end = _end_of_text(line, place)
            text, rest = line[place:end], line[end:].lstrip()
            if depth == 1 and text == '"_id"' and rest.startswith(":") and rest[1:].lstrip().startswith('"'):
                value = rest[1:].lstrip()
                try:
                    return str(json.loads(value[: _end_of_text(value, 0)]))
                except ValueError:
                    return ""
            place = end - 1
        place += 1
    return ""


def _end_of_text(line: str, begin: int) -> int:
    end = begin + 1
    while end < len(line) and line[end] != '"':
        end += 2 if line[end] == "\\" else 1
    return min(end + 1, len(line))
