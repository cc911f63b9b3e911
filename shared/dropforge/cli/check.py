"""`dropforge check`: examines a dataset folder as the function will, before anything is dropped."""

import shlex
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dropforge import wire
from dropforge.bootstrap import BUCKETS
from dropforge.cli.folder import examined
from dropforge.cli.paper import drawn, output
from dropforge.cli.place import configure
from dropforge.domain.catalogue import suggestion
from dropforge.domain.errors import Missing, Refused
from dropforge.domain.findings import Report
from dropforge.domain.rules import RULES, Severity
from dropforge.domain.text import harmless
from dropforge.mend import CERTAIN, mend
from dropforge.reports import github, terminal
from dropforge.reports.markdown import markdown

_EXAMPLES = """
Example: `dropforge check topics`

Example: `dropforge check gs://BUCKET/datasets/topics --json`

Example: `dropforge check topics --fix topics-mended`

Example: `dropforge check --explain labels-score`
"""


class Format(StrEnum):
    """For whom a report is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    GITHUB = "github"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=_EXAMPLES)(check)


def _codes(incomplete: str) -> list[tuple[str, str]]:
    return [(code, rule.title) for code, rule in RULES.items() if code.startswith(incomplete)]


def check(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="A folder on this machine, or gs://BUCKET/PATH.", show_default=False)
    ] = "",
    *,
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="For people (text, markdown), for programs (json), for a GitHub workflow (github)."
        ),
    ] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings, too.")] = False,
    fix: Annotated[
        str,
        typer.Option(
            metavar="NEW_FOLDER",
            help="Write a copy in which every fault with only one possible mend is mended, and check the copy.",
        ),
    ] = "",
    explain: Annotated[
        str, typer.Option(metavar="CODE", help="Explain the code of a finding instead.", autocompletion=_codes)
    ] = "",
) -> None:
    """Check a dataset folder as the cloud will when it is dropped: each fault by file and line, and what to do.

    Exit status: 0 accepted (there may be warnings), 1 rejected, 2 not checked (standard error says why).
    With --fix, it is the copy's exit status: 1 when something is left for you to decide.
    """
    if as_json:
        form = Format.JSON
    if explain:
        output(_explained(explain))
        return
    if not folder:
        raise Refused("name the folder to check, such as `dropforge check topics`")
    configure()
    changes = _mended(folder, fix) if fix else []
    place, began = fix or folder, time.monotonic()
    if form is not Format.TEXT:
        typer.echo("".join(f"{line}\n" for line in changes), err=True, nl=False)
    report = examined(place)
    if form is Format.TEXT:
        seconds = time.monotonic() - began
        advice = [*[""] * bool(report.findings), *changes] if fix else _advice(report, folder)
        output(drawn(lambda console: terminal.show(report, console, seconds, advice)))
    else:
        output(_WRITTEN[form](report, place))
    warned = strict and report.verdict == "accepted" and bool(report.count(Severity.WARNING))
    if warned:
        typer.echo("dropforge: exit status 1 for the warnings, as --strict has it", err=True)
    raise typer.Exit(1 if warned or report.verdict == "rejected" else 0)


# Mending


def _mended(folder: str, into: str) -> list[str]:
    """Write a corrected copy, and say in lines what is different in it.

    Raises:
        Refused: There is no dataset, or the copy cannot be written there.
    """
    if folder.startswith(BUCKETS):
        step = f"copy it here first, `gcloud storage cp -r {shlex.quote(folder.rstrip('/'))} .`, and mend that"
        raise Refused(f"--fix mends a folder on this machine: {step}")
    if "://" in into:
        raise Refused(f"--fix writes to a folder on this machine, not to {into}: name a new one")
    changes = mend(Path(folder), Path(into))
    copy = f"{harmless(into)} is a copy of {harmless(folder)}"
    if not changes:
        return [f"{copy}, the same to the byte: nothing in it can be mended without you."]
    # The dash keeps a file's name from beginning a line, where a CI runner might take it for a command.
    return [f"{copy}, with these changes:", *(f"- {harmless(str(change))}" for change in changes)]


def _advice(report: Report, folder: str) -> list[str]:
    """What else can be asked, in lines."""
    if CERTAIN.isdisjoint(report.counts) or folder.startswith(BUCKETS):
        return []
    return [f"A corrected copy:   dropforge check {harmless(shlex.quote(folder))} --fix NEW_FOLDER"]


# Writing


_WRITTEN: Mapping[Format, Callable[[Report, str], str | bytes]] = {
    Format.JSON: lambda report, _: wire.report(report),
    Format.MARKDOWN: lambda report, _: markdown(report),
    Format.GITHUB: github.annotations,
}


def _explained(code: str) -> str:
    """The rule of a code.

    Raises:
        Missing: There is no such rule.
    """
    if code not in RULES:
        raise Missing(f"there is no code {code}{suggestion(code, RULES) or ': docs/findings.md lists them all'}")
    return drawn(partial(terminal.explain, RULES[code]))
