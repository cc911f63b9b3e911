"""The validator: reads a dataset once, line by line, and tells every fault by file and line.

What Vertex documents is checked as documented; what it leaves open (encoding, byte-order marks, line ends, blank
lines, quoting, duplicate ids) is refused, because it is found out there only minutes into a paid job.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec

from dropforge.domain.catalogue import LIMITS, Limits
from dropforge.domain.datasets import CORPUS, QUERIES, TEST_LABELS, TRAINING_LABELS, VALIDATION_LABELS
from dropforge.domain.findings import Findings, Report, quoted
from dropforge.domain.tuning import Tuning

_MOST_UNKNOWN_FIELDS = 20
LONGEST_LINE = 4 * 1024 * 1024  # bytes: 3,072 tokens of text fit a hundred times over
FEWEST_TELLING_QUERIES = 30  # below this many test queries an interval is wider than any likely gain
HEADER = b"query-id\tcorpus-id\tscore"
_FIELDS = frozenset({"_id", "text", "title"})
_BOM = b"\xef\xbb\xbf"


def check(files: Mapping[str, BinaryIO], tuning: Tuning, findings: Findings, limits: Limits = LIMITS) -> Report:
    """Check a dataset.

    Args:
        files: The data files by their name in the folder, open for reading at their start. Each is read once.
        tuning: The resolved configuration.
        findings: May hold findings already, such as those of `tuning.yaml`.
        limits: How large a dataset may be.
    """
    dataset = _Dataset(tuning, findings, limits)
    for name in (CORPUS, QUERIES):
        if name in files:
            dataset.read_records(name, files[name])
    for name in (TRAINING_LABELS, TEST_LABELS, VALIDATION_LABELS):
        if name in files:
            dataset.read_labels(name, files[name])
    dataset.weigh()
    return findings.report()


@dataclass
class _Dataset:
    """What must be remembered while reading: where each id stands, and which pairs are labelled."""

    tuning: Tuning
    findings: Findings
    limits: Limits
    lines_of: dict[str, dict[str, int]] = field(default_factory=lambda: {CORPUS: {}, QUERIES: {}})
    labelled: dict[str, set[str]] = field(default_factory=dict)
    labels: int = 0

    # Records

    def read_records(self, file: str, stream: BinaryIO) -> None:
        seen, unknown_fields, rows = self.lines_of[file], set[str](), 0
        low, high = (
            (self.limits.fewest_documents, self.limits.most_documents)
            if file == CORPUS
            else (self.limits.fewest_queries, self.limits.most_queries)
        )
        for number, line in self._lines(file, stream):
            rows += 1
            if rows > high:  # the rest is not read: memory and time stay bounded whatever is dropped
                break
            record = self._object(file, number, line)
            if record is None:
                continue
            self._text(file, number, record)
            for name in record.keys() - _FIELDS - unknown_fields:
                if len(unknown_fields) == _MOST_UNKNOWN_FIELDS:
                    break
                unknown_fields.add(name)
                self.findings.note(
                    "record-unknown-field", file, number, f"the field {quoted(name)} is not used", "Leave it out."
                )
            identity = self._identity(file, number, record)
            if identity is None:
                continue
            if (first := seen.setdefault(identity, number)) != number:
                self.findings.error(
                    "id-duplicate",
                    file,
                    number,
                    f"_id {quoted(identity)} stands on line {first} already",
                    "Give every record an _id of its own.",
                )
        self.findings.rows[file] = rows
        if not low <= rows <= high:
            many = f"{rows:,} records" if rows <= high else f"more than {high:,} records"
            hint = "Add records." if rows < low else "Remove records."
            self.findings.error("size-rows", file, 0, f"{many}, but Vertex takes {low:,} to {high:,}", hint)

    def _object(self, file: str, number: int, line: bytes) -> dict[str, object] | None:
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            self.findings.error(
                "json-malformed",
                file,
                number,
                f"not JSON: {str(error).removeprefix('JSON is malformed: ')}",
                "Write one JSON object a line; a newline inside a text is \\n.",
            )
            return None
        if not isinstance(record, dict):
            self.findings.error("json-not-an-object", file, number, "not a JSON object", "Write one object a line.")
            return None
        return record

    def _identity(self, file: str, number: int, record: dict[str, object]) -> str | None:
        identity = record.get("_id")
        if not isinstance(identity, str) or not identity:
            what = "is missing" if "_id" not in record else f"is {quoted(identity)}, not a text with something in it"
            self.findings.error("id-missing", file, number, f"_id {what}", 'Give the record an "_id", in quotes.')
            return None
        if any(char in identity for char in "\t\r\n\0"):
            self.findings.error(
                "id-unusable",
                file,
                number,
                f"_id {quoted(identity)} holds a tab or a line end, so no label can name it",
                "Use letters, digits and dashes.",
            )
            return None
        return identity

    def _text(self, file: str, number: int, record: dict[str, object]) -> None:
        text, title = record.get("text"), record.get("title", "")
        if not isinstance(text, str) or not text.strip():
            what = "is missing" if "text" not in record else "is empty" if isinstance(text, str) else "is no text"
            self.findings.error("text-missing", file, number, f"text {what}", "Give the record a text, or remove it.")
        if not isinstance(title, str):
            self.findings.error("title-not-text", file, number, "title is no text", "Put the title in quotes.")

    # Labels

    def read_labels(self, file: str, stream: BinaryIO) -> None:
        seen: dict[tuple[str, str], tuple[int, int]] = {}
        positive = self.labelled.setdefault(file, set())
        rows, headed = 0, False
        for number, line in self._lines(file, stream):
            if not headed:
                headed = True
                if line != HEADER:
                    self._header(file, number, line)
                continue
            rows += 1
            if self.labels + rows > self.limits.most_labels:
                break
            if (row := self._row(file, number, line)) is None:
                continue
            query, document, score = row
            known = self._known(file, number, QUERIES, query) & self._known(file, number, CORPUS, document)
            first = seen.setdefault((query, document), (number, score))
            if first[0] != number:
                self._twice(file, number, first, score)
            elif known and score > 0:
                positive.add(query)
        self.findings.rows[file] = rows
        self.labels += rows
        fewest = self.limits.fewest_labelled_queries_in_a_file
        if headed and len(positive) < fewest:  # an empty file is told as such
            self.findings.error(
                "labels-too-few-queries",
                file,
                0,
                f"queries that have a document: {len(positive)}, but Vertex needs at least {fewest} in each file",
                "Label more queries.",
            )

    def _header(self, file: str, number: int, line: bytes) -> None:
        words = line.replace(b",", b" ").split()
        expected = HEADER.split(b"\t")
        if words == expected:
            near = "its names are not separated by single tabs"
        elif sorted(words) == sorted(expected):
            near = "its names are in another order"
        elif len(line.split(b"\t")) in {2, 3} and line.split(b"\t")[-1].strip().isdigit():
            near = "the file begins with a label"
        else:
            near = f"it is {quoted(line.decode())}"
        self.findings.error(
            "labels-header",
            file,
            number,
            f"the first line must be query-id, corpus-id, score, separated by tabs; {near}",
            "Write this header, with tabs.",
        )

    def _row(self, file: str, number: int, line: bytes) -> tuple[str, str, int] | None:
        cells = line.decode().split("\t")
        if len(cells) not in {2, 3}:
            near = "; it is separated by spaces" if len(cells) == 1 and len(line.split()) in {2, 3} else ""
            self.findings.error(
                "labels-columns",
                file,
                number,
                f"{len(cells)} column{'s' * (len(cells) != 1)}, not 3{near}",
                "Write query-id, corpus-id and score, separated by single tabs.",
            )
            return None
        score = cells[2] if len(cells) == 3 else "1"
        if not (score.isascii() and score.isdigit() and len(score) < 10):
            self.findings.error(
                "labels-score",
                file,
                number,
                f"the score is {quoted(score)}, not a whole number from 0",
                "Use 0 for unrelated, 1 and more for how relevant.",
                column=len(cells[0]) + len(cells[1]) + 3,
            )
            return None
        return cells[0], cells[1], int(score)

    def _known(self, file: str, number: int, where: str, identity: str) -> bool:
        if identity in self.lines_of[where]:
            return True
        what = "query" if where == QUERIES else "document"
        self.findings.error(
            f"labels-unknown-{what}",
            file,
            number,
            f"{quoted(identity)} is no _id in {where}",
            f"Add the {what} to {where}, or remove the label.",
        )
        return False

    def _twice(self, file: str, number: int, first: tuple[int, int], score: int) -> None:
        line, earlier = first
        if earlier == score:
            self.findings.warning(
                "labels-duplicate", file, number, f"the same label stands on line {line}", "Remove one of them."
            )
        else:
            self.findings.error(
                "labels-conflict",
                file,
                number,
                f"score {score}, but line {line} gives the same pair {earlier}",
                "Keep one score for each pair.",
            )

    # The dataset as a whole

    def weigh(self) -> None:
        """Judge what only shows when everything has been read."""
        if self.labels > self.limits.most_labels:
            self.findings.error(
                "size-labels",
                "",
                0,
                f"more than {self.limits.most_labels:,} labels in all files, but Vertex takes no more",
                "Remove labels.",
            )
        every_query = set[str]().union(*self.labelled.values())
        fewest = self.limits.fewest_labelled_queries_in_all
        if len(every_query) < fewest:
            self.findings.error(
                "labels-too-few-queries-in-all",
                "",
                0,
                f"different queries labelled in all files: {len(every_query)}, but Vertex needs {fewest}",
                "Label more queries.",
            )
        test = self.labelled.get(TEST_LABELS, set())
        if not test:
            return
        if trained := test & self.labelled.get(TRAINING_LABELS, set()):
            self.findings.warning(
                "test-queries-trained-on",
                TEST_LABELS,
                0,
                f"{len(trained):,} of {len(test):,} test queries are in {TRAINING_LABELS} too",
                "Keep test queries out of the training labels, or the measured gain means nothing.",
            )
        if len(test) < FEWEST_TELLING_QUERIES:
            self.findings.warning(
                "test-too-few-queries",
                TEST_LABELS,
                0,
                f"test queries: {len(test)}, too few to tell whether tuning helped",
                f"Label {FEWEST_TELLING_QUERIES} or more.",
            )

    # Bytes

    def _lines(self, file: str, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Number and content of each usable line, without its end; what is wrong with the bytes is told here."""
        told_line_ends = False
        number = 0
        while line := stream.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                self._too_long(file, number, stream)
                continue
            if number == 1 and line.startswith(_BOM):
                self.findings.error(
                    "bytes-bom", file, 1, "begins with a byte-order mark", "Save the file as UTF-8 without BOM."
                )
                line = line.removeprefix(_BOM)
            line = line.removesuffix(b"\n")
            if line.endswith(b"\r"):
                line = line.removesuffix(b"\r")
                if not told_line_ends:
                    told_line_ends = True
                    self.findings.error(
                        "bytes-line-ends", file, number, "lines end in CR LF, as on Windows", "Save with LF line ends."
                    )
            if not line.strip():
                self.findings.error("bytes-blank-line", file, number, "a blank line", "Remove it.")
                continue
            try:
                line.decode()
            except UnicodeDecodeError as error:
                self.findings.error(
                    "bytes-not-utf8",
                    file,
                    number,
                    f"not UTF-8: byte 0x{line[error.start]:02x}",
                    "Save the file as UTF-8.",
                    column=len(line[: error.start].decode()) + 1,
                )
                continue
            yield number, line
        if number == 0:
            self.findings.error("bytes-empty", file, 0, "an empty file", "Upload it again.")

    def _too_long(self, file: str, number: int, stream: BinaryIO) -> None:
        length = LONGEST_LINE
        while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            length += len(rest)
        self.findings.error(
            "bytes-line-too-long",
            file,
            number,
            f"a line of {length + len(rest):,} bytes; at most {LONGEST_LINE:,} are read",
            "Write one record a line, and shorten the text.",
        )
