"""Dropforge itself, as the function and the command line use it: one block after the other, in this process."""

from datetime import date
from pathlib import Path

from dropforge.adapters.directory import Directory
from dropforge.domain.rules import Severity
from dropforge.domain.validator.check import in_turn
from dropforge.examine import Examiner
from dropforge.settings import operator
from validation.folder import Place

_TODAY = date(2026, 11, 24)  # whenever it is measured: the base model of the samples retires one day


def check(folder: Path) -> set[Place]:
    """Examine a folder of this machine."""
    return named(Examiner(Directory(folder), operator(), in_turn), "")


def named(examiner: Examiner, prefix: str) -> set[Place]:
    """What an examination of the folder of this prefix tells of: lines, and files as far as they have errors."""
    report = examiner.examine_unchanged(prefix, _TODAY)
    return {
        (finding.file, finding.line)
        for finding in report.findings
        if finding.line or finding.severity is Severity.ERROR
    }
