"""Plants known faults into a clean dataset: what kind, in which file, on which line.

Each stands on a line of its own that no label names, so that none causes another. A duplicate repeats an earlier line
and is the later one's fault.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dropforge.domain.datasets import CORPUS, QUERIES, TEST_LABELS, TRAINING_LABELS
from validation.prose import english
from validation.samples import SEED

_EACH = {CORPUS: 6, QUERIES: 2, TRAINING_LABELS: 6, TEST_LABELS: 2}  # of every kind
_WORDS = 40  # of a planted text
_UNTOUCHED = 0.1  # share of a file at its beginning, which duplicates repeat
_CRLF_LINES = 5  # that follow each other: one fault, on the first of them
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault.

    Attributes:
        kind: What it is.
        file: Name in the folder.
        line: Physical line, from 1.
        others: Further lines that belong to it: naming them is no false alarm.
    """

    kind: str
    file: str
    line: int
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What a planted line is made of.

    Attributes:
        number: Different for each.
        text: A text of its own, escaped as in JSON.
        earlier: The line that a duplicate repeats, without its end.
        place: Where that line stands among the clean ones, from 0.
    """

    number: int
    text: str
    earlier: bytes
    place: int

    def record(self, **fields: object) -> str:
        """A record in order, but for these fields; None leaves one out."""
        record = {"_id": f"x{self.number}", "text": self.text} | fields
        return json.dumps({name: value for name, value in record.items() if value is not None}, ensure_ascii=False)

    def repeated(self, **fields: object) -> str:
        """The earlier record, but for these fields."""
        return json.dumps(json.loads(self.earlier) | fields, ensure_ascii=False)

    @property
    def earlier_text(self) -> str:
        """The text of the earlier record."""
        return str(json.loads(self.earlier)["text"])

    @property
    def label(self) -> list[str]:
        """The earlier label's cells."""
        return self.earlier.decode().split("\t")


Form = Callable[[Draft], str | bytes]
_OF_RECORDS: Mapping[str, Form] = {
    "malformed JSON": lambda draft: (
        f'{{"_id": "x{draft.number}", "text": "He said "no" and left"}}',
        draft.record()[:-20],
        draft.record().replace('"', "'"),
        draft.record().replace("}", ",}"),
    )[draft.number % 4],
    "not an object": lambda draft: json.dumps([f"x{draft.number}", draft.text]),
    "NaN": lambda draft: draft.record(weight=float("nan")),
    "half a surrogate pair": lambda draft: draft.record(text="@").replace("@", f"{draft.text} \\ud83d"),
    "a name twice": lambda draft: draft.record().replace('"text"', '"text": "Another text", "text"'),
    "no _id": lambda draft: draft.record(_id=None),
    "_id is a number": lambda draft: draft.record(_id=draft.number),
    "_id is empty": lambda draft: draft.record(_id=""),
    "_id twice": lambda draft: draft.record(_id=json.loads(draft.earlier)["_id"]),
    "no text": lambda draft: draft.record(text=None),
    "text is empty": lambda draft: draft.record(text=("", " ", "\n")[draft.number % 3]),
    "text is not a string": lambda draft: draft.record(text=(7, ["a"], False, {"a": "b"})[draft.number % 4]),
    "text is null": lambda draft: draft.record(text="@").replace('"@"', "null"),
    "title is not a string": lambda draft: draft.record(title=draft.number),
    "U+0000 in a text": lambda draft: draft.record(text=f"{draft.text}\0 and more"),
    "raw control character": lambda draft: draft.record(text="@").replace("@", f"{draft.text}\x07 and more"),
    "invalid UTF-8": lambda draft: draft.record(text="@").encode().replace(b"@", draft.text.encode() + b" caf\xe9"),
    "blank line": lambda _: "",
    "text twice": lambda draft: draft.record(text=draft.earlier_text),
    "text twice, in other case": lambda draft: draft.record(text=draft.earlier_text.upper()),
    "text twice, with other punctuation": lambda draft: draft.record(text=f" {draft.earlier_text[:-1]} !"),
}
_SCORES = ("0.5", "-1", "high", "", "nan", "2.0")
_OF_LABELS: Mapping[str, Form] = {
    "query that is not there": lambda draft: f"nobody{draft.number}\t{draft.label[1]}\t1",
    "document that is not there": lambda draft: f"{draft.label[0]}\tnothing{draft.number}\t1",
    "one column": lambda draft: draft.label[0],
    "four columns": lambda draft: f"{draft.label[0]}\t{draft.label[1]}\t1\t{draft.number}",
    "spaces instead of tabs": lambda draft: " ".join(draft.label),
    "no query": lambda draft: f"\t{draft.label[1]}\t1",
    "no document": lambda draft: f"{draft.label[0]}\t\t1",
    "score is not a whole number": lambda draft: "\t".join([*draft.label[:2], _SCORES[draft.number % len(_SCORES)]]),
    "label twice": lambda draft: draft.earlier,
    "label twice, with another score": lambda draft: "\t".join([*draft.label[:2], str(int(draft.label[2]) + 4)]),
    "invalid UTF-8": lambda draft: draft.earlier.replace(b"\t", b"\xe9\t", 1),
    "raw control character": lambda draft: draft.earlier.replace(b"\t", b"\x1b\t", 1),
    "blank line": lambda _: "",
}
_REPEATING = {"_id twice", "label twice", "label twice, with another score"}  # and all that begin with "text twice"
_FORMS = {CORPUS: _OF_RECORDS, QUERIES: _OF_RECORDS, TRAINING_LABELS: _OF_LABELS, TEST_LABELS: _OF_LABELS}


def plant(folder: Path) -> list[Fault]:
    """Plant faults into the clean dataset of a folder; gives all that there are."""
    return [fault for file in _FORMS for fault in _plant_in(folder / file)]


def _plant_in(path: Path) -> Iterator[Fault]:
    file, luck = path.name, random.Random(f"{SEED} {path.name}")
    clean = path.read_bytes().splitlines()
    kinds = [kind for kind in _FORMS[file] for _ in range(_EACH[file])]
    luck.shuffle(kinds)
    first = int(len(clean) * _UNTOUCHED)
    places = sorted(luck.sample(range(first, len(clean) - _CRLF_LINES), len(kinds)))
    drafts = _drafts(len(kinds), clean[:first], luck)
    planted = dict(zip(places, zip(kinds, drafts, strict=True), strict=True))
    lines, numbers = list[bytes](), list[int]()  # the final lines; where each clean one stands among them, from 1
    if file == QUERIES:  # a byte-order mark spoils its line for many: let it be one that no label names
        lines.append(_MARK + next(_drafts(1, clean[:first], luck)).record(_id="first").encode())
    elif file == TEST_LABELS:
        clean[0] = _MARK + clean[0]
    if lines or clean[0].startswith(_MARK):
        yield Fault("byte-order mark", file, 1)
    for place, line in enumerate(clean):
        if place in planted:
            kind, draft = planted[place]
            form = _FORMS[file][kind](draft)
            lines.append(form if isinstance(form, bytes) else form.encode())
            repeats = kind in _REPEATING or kind.startswith("text twice")
            yield Fault(kind, file, len(lines), (numbers[draft.place],) if repeats else ())
        lines.append(line)
        numbers.append(len(lines))
    if file in {CORPUS, TEST_LABELS}:
        lines[-_CRLF_LINES:] = [line + b"\r" for line in lines[-_CRLF_LINES:]]
        begin = len(lines) - _CRLF_LINES + 1
        yield Fault("CR LF", file, begin, tuple(range(begin + 1, len(lines) + 1)))
    path.write_bytes(b"\n".join([*lines, b""]))


def _drafts(count: int, earlier: Sequence[bytes], luck: random.Random) -> Iterator[Draft]:
    """As many drafts, each with another earlier line; the first may be a header, and is left alone."""
    chance = np.random.default_rng(luck.randrange(1 << 32))
    places = luck.sample(range(1, len(earlier)), count)
    texts = english(chance).texts(np.full(count, _WORDS))
    for place, text in zip(places, texts, strict=True):
        yield Draft(luck.randrange(1 << 40), text, earlier[place], place)
