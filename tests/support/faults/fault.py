"""A fault, how it gets into a clean dataset, and what must be told of it: that, and nothing else."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from support.examination import TODAY, Told, examined

from dropforge.domain.findings import Report
from dropforge.settings import Operator

CORPUS, QUERIES = "corpus.jsonl", "queries.jsonl"
TRAINING, TEST, VALIDATION = "training_label.tsv", "test_label.tsv", "validation_label.tsv"
RECORDS, LABELS = (CORPUS, QUERIES), (TRAINING, TEST, VALIDATION)
HEADER = "query-id\tcorpus-id\tscore"
LETTER = dict(zip(LABELS, "qtv", strict=True))  # of the queries that each label file names
SIZE = 40  # of the dataset that one fault is planted in
NUMBER = 7  # where in it

# These are told once a file, at the first line that has the fault or for the file as a whole.
ONCE_A_FILE = frozenset(
    {
        "bytes-line-ends",
        "labels-only-zero",
        "test-queries-trained-on",
        "test-texts-trained-on",
        "validation-queries-trained-on",
        "label-skew",
    }
)

Files = dict[str, bytes]
Line = str | tuple[str, ...]


@dataclass(frozen=True)
class Edit:
    """Lines put into a file.

    Attributes:
        file: Its name.
        lines: The lines without their ends, in each `#` for the number of the place and `@` for the next one; one
            that is at fault is a tuple, with the codes of what is wrong. The character `¦` marks where that is told to
            be (in turn, for several codes), and is left out; so is a byte that is no UTF-8 written: as a surrogate.
        instead: Whether they come in place of what stands there, or behind it.
        ahead: At how many places further on.
    """

    file: str
    lines: tuple[Line, ...]
    instead: bool = False
    ahead: int = 0


def _as_it_is(files: Files) -> Files:
    return files


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        name: What it is, in words.
        edits: The lines that it puts into files.
        change: What it does to the files besides.
        told: What is told besides of what the edits say.
        operator: What the operator configured.
        encoded: Files that are stored with a Content-Encoding.
        today: The day of the examination.
        apart: Why it cannot stand in one folder with others; empty for one that can.
        size: How large the dataset is that it is planted in.
    """

    name: str
    edits: tuple[Edit, ...] = ()
    change: Callable[[Files], Files] = _as_it_is
    told: tuple[Told, ...] = ()
    operator: Operator = field(default_factory=Operator)
    encoded: frozenset[str] = frozenset()
    today: date = TODAY
    apart: str = ""
    size: int = SIZE

    @property
    def codes(self) -> frozenset[str]:
        """The codes of all that is told of it."""
        of_lines = (line[1:] for edit in self.edits for line in edit.lines if not isinstance(line, str))
        return frozenset(code for codes in of_lines for code in codes) | {each.code for each in self.told}


class Dataset:
    """A dataset under construction: clean, then with faults at numbered places.

    Place N holds document N, and a query of training, test and validation each with its label.
    """

    def __init__(self, size: int = SIZE) -> None:
        self._places: dict[str, list[list[Line]]] = {
            CORPUS: [[f'{{"_id": "d{n}", "title": "Title {n}", "text": "{said_of(n)}"}}'] for n in range(size)],
            QUERIES: [[f'{{"_id": "{k}{n}", "text": "{asked_of(n, k)}"}}' for k in "qtv"] for n in range(size)],
        }
        self._places |= {file: [[f"{LETTER[file]}{n}\td{n}\t1"] for n in range(size)] for file in LABELS}
        self._change: list[Callable[[Files], Files]] = []
        self._told: list[Told] = []

    def plant(self, fault: Fault, number: int) -> "Dataset":
        """Put a fault at a place."""
        for edit in fault.edits:
            lines = [_numbered(line, number) for line in edit.lines]
            place = self._places[edit.file][number + edit.ahead]
            place[:] = lines + place[1:] if edit.instead else place + lines
        self._change.append(fault.change)
        self._told += fault.told
        return self

    @property
    def files(self) -> Files:
        """The files as they lie in the folder."""
        files = {
            file: "".join(f"{_written(line)}\n" for line in self._lines(file)).encode("utf-8", "surrogateescape")
            for file in self._places
        }
        for change in self._change:
            files = change(files)
        return files

    @property
    def expected(self) -> list[Told]:
        """Everything that must be told."""
        all_of_it = sorted(self._told + [told for file in self._places for told in self._told_of(file)])
        first = {(told.code, told.file): told for told in reversed(all_of_it)}
        return [told for told in all_of_it if told.code not in ONCE_A_FILE or told is first[told.code, told.file]]

    def _lines(self, file: str) -> list[Line]:
        return [HEADER] * (file in LABELS) + [line for place in self._places[file] for line in place]

    def _told_of(self, file: str) -> Iterable[Told]:
        for number, line in enumerate(self._lines(file), 1):
            if isinstance(line, str):
                continue
            text, *codes = line
            columns = _marks(text) + [0] * len(codes)
            yield from (Told(code, file, number, column) for code, column in zip(codes, columns, strict=False))


def document_at(file: str, line: int) -> int:
    """The column in which a label of the clean dataset names its document."""
    return Dataset().files[file].splitlines()[line - 1].index(b"\t") + 2


def found(fault: Fault, files: Files) -> Report:
    """What is found when these files are examined as the fault asks for."""
    return examined(files, fault.operator, encoded=fault.encoded, today=fault.today)


def planted(fault: Fault) -> Dataset:
    """A dataset with one fault."""
    return Dataset(fault.size).plant(fault, min(NUMBER, fault.size - 1))


def together(faults: Sequence[Fault]) -> Dataset:
    """A dataset with many faults; each has two places of its own."""
    dataset = Dataset(2 * len(faults) + 1)
    for place, fault in enumerate(faults):
        dataset.plant(fault, 2 * place)
    return dataset


def said_of(number: int) -> str:
    """The text of a clean dataset's document."""
    return f"Document {number} says what can be said of {_WORDS[number % len(_WORDS)]} and of number {number}"


def asked_of(number: int, letter: str) -> str:
    """The text of a clean dataset's query."""
    return f"What is {letter} number {number} about, if not {_WORDS[number * 3 % len(_WORDS)]}?"


_WORDS = ("anchors", "bridges", "candles", "drums", "engines", "ferries", "glaciers", "harbours", "islands", "juniper")


def _numbered(line: Line, number: int) -> Line:
    if isinstance(line, str):
        return line.replace("#", str(number)).replace("@", str(number + 1))
    return (str(_numbered(line[0], number)), *line[1:])


def _written(line: Line) -> str:
    return (line if isinstance(line, str) else line[0]).replace("¦", "")


def _marks(text: str) -> list[int]:
    """The columns that are marked, each as if the marks before it were not there."""
    return [place - before + 1 for before, place in enumerate(i for i, char in enumerate(text) if char == "¦")]
