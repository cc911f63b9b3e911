"""A report as commands of a GitHub workflow: each finding becomes an annotation of its line.

Source: GitHub documentation, "Workflow commands for GitHub Actions"; the escapes: actions/toolkit, `command.ts`.
"""

import posixpath
from collections.abc import Mapping
from pathlib import PurePath

from dropforge.domain.findings import Finding, Report, chosen
from dropforge.domain.messages import counted, sentence_of
from dropforge.domain.rules import Severity
from dropforge.domain.text import printable
from dropforge.reports.summary import outcome_of

SHOWN = 10  # of a severity in one step; GitHub drops the rest (actions/toolkit, `problem-matchers.md`, "Limitations")

_COMMANDS: Mapping[Severity, str] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}


def annotations(report: Report, place: str) -> str:
    """The report as lines of a workflow's log.

    Args:
        report: The report.
        place: The folder as it was given, so that the paths are those of the repository.
    """
    shown = [finding for severity in Severity for finding in chosen(report.of(severity), SHOWN)]
    more = sum(report.counts.values()) - len(shown)
    lines = [
        *(_command(finding, place) for finding in shown),
        *([f"{counted(more, 'more finding')}: `--format json` lists them"] if more else []),
        f"{report.verdict}: {outcome_of(report)}",
    ]
    return "\n".join(lines)


def _command(finding: Finding, place: str) -> str:
    where = {
        "file": _path(place, finding.file) if finding.file else "",
        "line": str(finding.line or ""),
        "col": str(finding.column or ""),
        "title": finding.code,
    }
    properties = ",".join(f"{name}={_property(value)}" for name, value in where.items() if value)
    return f"::{_COMMANDS[finding.severity]} {properties}::{_data(sentence_of(finding))}"


def _path(place: str, file: str) -> str:
    if place.startswith("gs://"):
        return f"{place.rstrip('/')}/{file}"
    return posixpath.normpath((PurePath(place) / file).as_posix())


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
