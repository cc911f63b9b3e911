"""What is wrong with a dataset, told so that its owner can mend it: which rule, where, why, and what to do."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dropforge.domain.datasets import KNOWN
from dropforge.domain.rules import RULES, Severity
from dropforge.domain.text import TAB, printable, shortened

Acceptance = Literal["accepted", "rejected"]
MOST_KEPT = 1_000
_SHOWN = 80
_EXCERPT = 100  # characters of a line
_BEFORE = 40  # of them, before the column


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
        excerpt: The part of the line in question, printable; empty where there is none.
        caret: Which character of the excerpt stands at the column, from 1; 0 for none.
    """

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    hint: str
    excerpt: str = ""
    caret: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a check found.

    Attributes:
        verdict: `accepted` or `rejected`.
        findings: Errors, then warnings, then notes, each by file and line; at most `MOST_KEPT`.
        counts: How often each code was found, complete whatever was kept.
        rows: Data rows in each file.
        held_out: Test queries with a relevant document that are not trained on: those by which a model can be measured.
    """

    verdict: Acceptance
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    rows: dict[str, int]
    held_out: int = 0

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    def count(self, severity: Severity) -> int:
        """How many of one severity there are, kept or not."""
        return sum(count for code, count in self.counts.items() if RULES[code].severity is severity)


class Findings:
    """Collects findings in bounded memory, with complete counts.

    Of each code the first `MOST_KEPT` are held; which of them a report keeps is decided when all are known, so that
    a million faults of one kind never hide one of another.
    """

    def __init__(self) -> None:
        self._held: defaultdict[str, list[Finding]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self.rows: dict[str, int] = {}
        self.held_out = 0

    def add(
        self,
        code: str,
        file: str,
        line: int = 0,
        message: str = "",
        *,
        hint: str = "",
        column: int = 0,
        source: bytes | str = "",
    ) -> None:
        """Note a finding.

        Args:
            code: The rule's; its severity is the finding's.
            file: Name in the folder; empty for the folder as a whole.
            line: From 1; 0 for the file as a whole.
            message: What is wrong here; the rule's title where it says all there is to say.
            hint: What to do here, where it is not what the rule says.
            column: From 1; 0 where it makes no sense.
            source: The line, for the excerpt.
        """
        self._counts[code] += 1
        held = self._held[code]
        if len(held) < MOST_KEPT:
            rule = RULES[code]
            excerpt, caret = excerpt_of(source, column)
            held.append(
                Finding(
                    code=code,
                    severity=rule.severity,
                    file=file,
                    line=line,
                    column=column,
                    message=message or rule.title,
                    hint=hint or rule.mend,
                    excerpt=excerpt,
                    caret=caret,
                )
            )

    def room(self, code: str) -> int:
        """How many more findings of a code are held; beyond them, only `add_unseen` is worth calling."""
        return MOST_KEPT - len(self._held[code])

    def add_unseen(self, code: str, count: int) -> None:
        """Count findings that nobody will read."""
        if count:
            self._counts[code] += count

    def merge(self, other: "Findings", *, lines_before: int) -> None:
        """Take in the findings of a part of a file that begins after so many lines."""
        for code, count in other._counts.items():  # noqa: SLF001 - one of its own kind
            kept = other._held[code][: self.room(code)]  # noqa: SLF001 - as above
            self._held[code] += [replace(finding, line=finding.line + lines_before) for finding in kept]
            self._counts[code] += count

    @property
    def rejected(self) -> bool:
        """Whether an error is among them."""
        return any(RULES[code].severity is Severity.ERROR for code in self._counts)

    def report(self) -> Report:
        """Close the collection."""
        kept: list[Finding] = []
        for severity in Severity:
            held = [held for code, held in self._held.items() if RULES[code].severity is severity]
            kept += sorted(_fair(held, MOST_KEPT - len(kept)), key=_place)
        verdict: Acceptance = "rejected" if self.rejected else "accepted"
        return Report(verdict, tuple(kept), dict(self._counts), dict(self.rows), self.held_out)


def _fair(held: Sequence[Sequence[Finding]], room: int) -> list[Finding]:
    """As many as there is room for, the same number of each code as far as it has them."""
    kept: list[Finding] = []
    for place, findings in enumerate(sorted(held, key=len)):
        share = (room - len(kept)) // (len(held) - place)
        kept += findings[:share]
    return kept


_ORDER: Mapping[str, int] = {name: place for place, name in enumerate(KNOWN)}


def _place(finding: Finding) -> tuple[int, str, int, int, str]:
    return _ORDER.get(finding.file, len(KNOWN)), finding.file, finding.line, finding.column, finding.code


def excerpt_of(source: bytes | str, column: int) -> tuple[str, int]:
    """The printable part of a line around a column, and which of its characters, from 1, stands at that column."""
    if not source:
        return "", 0
    line = source if isinstance(source, str) else source.decode("utf-8", "backslashreplace")
    begin = max(column - 1 - _BEFORE, 0) if column else 0
    before, after = line[begin : max(column - 1, 0)], line[max(column - 1, begin) : begin + _EXCERPT]
    head = ("…" if begin else "") + printable(before.replace("\t", TAB))
    tail = printable(after.replace("\t", TAB)) + ("…" if begin + _EXCERPT < len(line) else "")
    return head + tail, len(head) + 1 if column else 0


def quoted(value: object) -> str:
    """Show a value of the dataset inside a message: escaped, in quotes, cut."""
    return f'"{printable(shortened(str(value), _SHOWN))}"'


def chosen(findings: Sequence[Finding], most: int) -> tuple[Finding, ...]:
    """At most so many, in their order: errors before warnings before notes, the codes of a severity in turns.

    A thousand findings of one code leave room for the first of another.
    """
    order = list(Severity)
    earlier: Counter[str] = Counter()
    turns: list[tuple[int, int, int]] = []
    for place, finding in enumerate(findings):
        turns.append((order.index(finding.severity), earlier[finding.code], place))
        earlier[finding.code] += 1
    return tuple(findings[place] for place in sorted(place for *_, place in sorted(turns)[:most]))
