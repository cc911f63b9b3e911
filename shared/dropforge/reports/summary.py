"""What every form of a report says: where a finding is, how many there are of each code, what it comes to."""

from collections.abc import Mapping, Sequence

from dropforge.domain.findings import Finding, Report
from dropforge.domain.messages import counted, in_words
from dropforge.domain.rules import RULES, Severity

_ORDER: Mapping[Severity, int] = {severity: place for place, severity in enumerate(Severity)}


def by_code(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings of each code, the code of the first finding first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    return groups


def codes_of(report: Report) -> tuple[tuple[str, Severity, int], ...]:
    """Code, severity and how many: errors, warnings, notes; of each the most frequent first."""
    rows = ((code, RULES[code].severity, count) for code, count in report.counts.items())
    return tuple(sorted(rows, key=lambda row: (_ORDER[row[1]], -row[2], row[0])))


def place_of(finding: Finding) -> str:
    """`file:line:column`, as far as known; empty for the folder as a whole."""
    return ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part)


def outcome_of(report: Report, seconds: float | None = None) -> str:
    """What it comes to: `3 errors, 1 warning in 4 files, 540,000 records and 499,999 labels, 1.3 s`."""
    records = sum(rows for file, rows in report.rows.items() if file.endswith(".jsonl"))
    labels = sum(rows for file, rows in report.rows.items() if file.endswith(".tsv"))
    read = f" in {counted(len(report.rows), 'file')}, {counted(records, 'record')} and {counted(labels, 'label')}"
    took = "" if seconds is None else f", {seconds:,.1f} s" if seconds >= 1 else f", {seconds:.2f} s"
    return (in_words(report.counts) or "no findings") + (read if report.rows else "") + took
