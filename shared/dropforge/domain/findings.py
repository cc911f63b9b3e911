"""What is wrong with a dataset, told so that its owner can mend it: which rule, where, why, and what to do."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from dropforge.domain.text import printable, shortened

Verdict = Literal["accepted", "rejected"]
MOST_KEPT = 1_000
_SHOWN = 80


class Severity(StrEnum):
    """Errors stop the run; warnings and notes do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Attributes:
        code: Stable name of the rule, such as `labels-unknown-document`.
        severity: Whether it stops the run.
        file: Name in the dataset's folder; empty for the folder as a whole.
        line: Physical line, from 1; 0 for the file as a whole.
        column: Character, from 1; 0 where it makes no sense.
        message: What is wrong. Text of the dataset in it is quoted and cut; it is hostile all the same.
        hint: What to do.
    """

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a check found.

    Attributes:
        verdict: `accepted` or `rejected`.
        findings: Errors, then warnings, then notes, each in reading order; at most `MOST_KEPT`.
        counts: How often each code was found, complete whatever was kept.
        rows: Data rows in each file.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    rows: dict[str, int]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that reject the dataset."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that its owner should look at all the same."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)


class Findings:
    """Collects findings with complete counts, in bounded memory: each severity keeps its first `MOST_KEPT`."""

    def __init__(self) -> None:
        self._kept: dict[Severity, list[Finding]] = {severity: [] for severity in Severity}
        self._counts: Counter[str] = Counter()
        self.rows: dict[str, int] = {}

    def error(self, code: str, file: str, line: int, message: str, hint: str, *, column: int = 0) -> None:
        """Note a fault that rejects the dataset."""
        self._note(Finding(code, Severity.ERROR, file, line, column, message, hint))

    def warning(self, code: str, file: str, line: int, message: str, hint: str, *, column: int = 0) -> None:
        """Note a fault that its owner should know of."""
        self._note(Finding(code, Severity.WARNING, file, line, column, message, hint))

    def note(self, code: str, file: str, line: int, message: str, hint: str, *, column: int = 0) -> None:
        """Note something worth saying."""
        self._note(Finding(code, Severity.NOTE, file, line, column, message, hint))

    def _note(self, finding: Finding) -> None:
        self._counts[finding.code] += 1
        kept = self._kept[finding.severity]
        if len(kept) < MOST_KEPT:
            kept.append(finding)

    def report(self) -> Report:
        """Close the collection."""
        verdict: Verdict = "rejected" if self._kept[Severity.ERROR] else "accepted"
        kept = tuple(self._in_order())[:MOST_KEPT]
        return Report(verdict, kept, dict(self._counts), dict(self.rows))

    def _in_order(self) -> Iterator[Finding]:
        for severity in Severity:
            yield from self._kept[severity]


def quoted(value: object) -> str:
    """Show a value of the dataset inside a message: escaped, in quotes, cut."""
    return f'"{printable(shortened(str(value), _SHOWN))}"'


def first(findings: Iterable[Finding], count: int) -> tuple[Finding, ...]:
    """The first `count` findings, errors before warnings before notes."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity))[:count])
