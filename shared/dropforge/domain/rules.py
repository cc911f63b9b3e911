"""The rules that a dataset is checked against: what each is called, why it is there, and how to mend what breaks it.

They are written down in `rules.toml`; `docs/findings.md` and `dropforge check --explain` are made from it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files


class Severity(StrEnum):
    """Errors stop the run; warnings and notes do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: Its stable name.
        chapter: What it is about.
        severity: Whether breaking it stops the run.
        title: What is wrong, in a few words.
        why: What comes of it.
        mend: What to do; the hint of its findings, where they have none of their own.
        wrong: An example that breaks it; empty where none can be shown in text.
        right: The same, mended.
    """

    code: str
    chapter: str
    severity: Severity
    title: str
    why: str
    mend: str
    wrong: str = ""
    right: str = ""


def _read() -> Mapping[str, Rule]:
    written = tomllib.loads((files("dropforge.domain") / "rules.toml").read_text("utf-8"))
    return {
        code: Rule(code=code, **(entry | {"severity": Severity(entry["severity"])})) for code, entry in written.items()
    }


RULES = _read()
