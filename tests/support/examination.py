"""A folder held in memory, examined as the function and the command line do it, and what it is told."""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import NamedTuple

from support.obvious import fold

from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.domain.datasets import KNOWN, Folder
from dropforge.domain.findings import Finding, Report
from dropforge.domain.rules import RULES, Severity
from dropforge.domain.text import TAB, printable
from dropforge.domain.validator.check import in_turn
from dropforge.examine import Examiner
from dropforge.ports import NEW
from dropforge.settings import Operator

TODAY = date(2026, 11, 23)
_PREFIX = "datasets/topics/"


class Told(NamedTuple):
    """One finding, as far as it can be compared: what is wrong, and where."""

    code: str
    file: str
    line: int
    column: int


def examined(
    files: Mapping[str, bytes],
    operator: Operator | None = None,
    *,
    encoded: Collection[str] = (),
    today: date = TODAY,
    inspection=in_turn,
) -> Report:
    """Examine a folder; `encoded` are the files that are stored with a Content-Encoding."""
    store = MemoryStore(MemoryDisk(ManualClock()), "drop")
    for name, data in files.items():
        store.write(f"{_PREFIX}{name}", data, replacing=NEW)
    listing = [
        replace(file, encoding="gzip" if file.name.removeprefix(_PREFIX) in encoded else "")
        for file in store.list(_PREFIX)
    ]
    return Examiner(store, operator or Operator(), inspection).examine(Folder.anywhere(_PREFIX, listing), today)


def told(report: Report) -> list[Told]:
    """Every finding, in an order of its own."""
    return sorted(Told(found.code, found.file, found.line, found.column) for found in report.findings)


def contradictions(report: Report, files: Mapping[str, bytes]) -> list[str]:
    """What a report says of itself, or of the files, that is not so; nothing, for one that nothing was left out of."""
    is_error = any(RULES[code].severity is Severity.ERROR for code in report.counts)
    order = [_in_order(found) for found in report.findings]
    faults = {
        "its verdict": (report.verdict == "rejected") != is_error,
        "its counts": report.counts != Counter(found.code for found in report.findings),
        "its order": order != sorted(order),
        "its severities": any(found.severity is not RULES[found.code].severity for found in report.findings),
        "its letters": not all(
            text.isprintable() for found in report.findings for text in (found.message, found.hint, found.excerpt)
        ),
    }
    lines = {name: _lines(data) for name, data in files.items()}
    wrong = [found for found in report.findings if found.column and not _points_right(found, lines[found.file])]
    stray = [
        found for found in report.findings if found.code in _SAME and not _names_its_like(found, lines[found.file])
    ]
    return [
        *(what for what, is_wrong in faults.items() if is_wrong),
        *(f"the caret of {found}" for found in wrong),
        *(f"the line that is named by {found}" for found in stray),
    ]


def _in_order(found: Finding) -> tuple[int, int, int, int]:
    file = KNOWN.index(found.file) if found.file in KNOWN else len(KNOWN)
    return list(Severity).index(found.severity), file, found.line, found.column


def _lines(data: bytes) -> list[bytes]:
    return data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n")


def _points_right(found: Finding, lines: Sequence[bytes]) -> bool:
    """Whether the caret stands below the character, in the excerpt, that is in the column, in the file."""
    char = lines[found.line - 1].decode("utf-8", "backslashreplace")[found.column - 1 : found.column]
    return found.excerpt[found.caret - 1 : found.caret] == printable(char.replace("\t", TAB))[:1]


def _pair(line: str) -> object:
    return [cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell for cell in line.split("\t")[:2]]


def _field(name: str, line: str) -> object:
    try:
        return json.loads(line)[name]
    except ValueError:
        return None  # it is broken, and has an id all the same


# What a line must have in common with the one that is named in a finding of this code.
_SAME: Mapping[str, Callable[[str], object]] = {
    "id-duplicate": partial(_field, "_id"),
    "text-duplicate": lambda line: fold(str(_field("text", line))),
    "labels-duplicate": _pair,
    "labels-conflict": _pair,
}
_LONG = 200  # bytes of a line, from which on texts need not be the same to be told alike


def _names_its_like(found: Finding, lines: Sequence[bytes]) -> bool:
    """Whether the line that the message names comes before, and has what this one has."""
    earlier = int(re.findall(r"line (\d+)", found.message)[-1])
    if not 0 < earlier < found.line:
        return False
    one, other = lines[earlier - 1], lines[found.line - 1]
    if found.code == "text-duplicate" and max(len(one), len(other)) >= _LONG:
        return True
    these = [_SAME[found.code](line.decode("utf-8", "replace")) for line in (one, other)]
    return None in these or these[0] == these[1]
