"""`dropforge check`: examines a dataset folder as the function will, before anything is dropped."""

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from dropforge import bootstrap, settings, wire
from dropforge.bootstrap import BUCKETS
from dropforge.cli.advice import sentence
from dropforge.cli.place import require_running
from dropforge.domain.catalogue import suggestion
from dropforge.domain.datasets import CORPUS, DATA, KNOWN, Folder
from dropforge.domain.errors import DropforgeError, Misconfigured, Missing, Refused
from dropforge.domain.files import StoredFile
from dropforge.domain.findings import Report
from dropforge.domain.rules import RULES, Severity
from dropforge.domain.text import printable
from dropforge.examine import Examiner
from dropforge.mend import CERTAIN, mend
from dropforge.ports import Reader
from dropforge.reports import github, terminal
from dropforge.reports.markdown import markdown
from dropforge.reports.summary import harmless

_LONG = 20_000_000  # bytes, from which on one would like to see how far it is
_PIPED_WIDTH = 10_000  # nothing is folded for a program, and no text of a dataset comes to begin a line
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
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings make the exit status 1 too.")] = False,
    fix: Annotated[
        str,
        typer.Option(
            metavar="NEW_FOLDER",
            help="Write a copy with everything mended that can only be mended in one way, and check the copy.",
        ),
    ] = "",
    explain: Annotated[
        str, typer.Option(metavar="CODE", help="Explain the code of a finding instead.", autocompletion=_codes)
    ] = "",
) -> None:
    """Check a dataset folder as the cloud will when it is dropped: each fault by file and line, and what to do.

    Exit status: 0 accepted (there may be warnings), 1 rejected, 2 not checked, as a sentence on standard error says.
    With --fix it is that of the copy: 1 when something is left to be decided by you.
    """
    if as_json:
        form = Format.JSON
    with errors_in_one_sentence():
        if explain:
            output(_explained(explain))
            return
        if not folder:
            raise Refused("name the folder to check, such as `dropforge check topics`")
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


@contextmanager
def errors_in_one_sentence() -> Iterator[None]:
    """Say what keeps a command from its work in one sentence on standard error, and end with exit status 2."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        typer.echo("dropforge: interrupted", err=True)
        raise typer.Exit(130) from interrupt
    except BrokenPipeError:
        raise
    except (DropforgeError, OSError) as error:
        typer.echo(f"dropforge: {sentence(error)}", err=True)
        raise typer.Exit(2) from error


# Reading


def examined(place: str) -> Report:
    """The report on a folder.

    Raises:
        DropforgeError: It could not be examined.
    """
    operator, remote = settings.operator(), place.startswith(BUCKETS)
    with _bar(f"Looking into {place}", None, wanted=remote):
        reader, prefix, folder = opened(place)
    size = sum(file.size for name, file in folder.by_name.items() if name in DATA)
    with (
        bootstrap.inspection(place, size) as inspection,
        _bar(f"Checking {place}", size, wanted=remote or size > _LONG) as progress,
    ):
        examiner = Examiner(reader, operator, inspection, progress)
        return examiner.examine_unchanged(prefix, datetime.now(UTC).date())


def opened(place: str) -> tuple[Reader, str, Folder]:
    """What reads a folder, its prefix, and what it holds.

    Raises:
        DropforgeError: It holds no dataset, or cannot be read; says what to do.
    """
    remote = place.startswith(BUCKETS)
    bucket = place.removeprefix(BUCKETS).partition("/")[0]
    if (remote and not bucket) or (not remote and "://" in place):
        raise Refused(f"{place} cannot be checked: name a folder on this machine, or gs://BUCKET/PATH")
    if remote:
        require_running()
    try:
        reader, prefix = bootstrap.reader(place)
        folder, inner = _looked_into(reader, prefix)
    except Missing as error:
        what = f"bucket {bucket}" if remote else f"folder {place}"
        raise Missing(f"there is no {what}: see that its name is right") from error
    except Misconfigured as error:
        what, step = str(error).partition(". ")[0], "`gcloud auth application-default login` signs you in"
        raise Misconfigured(f"{what}; {step}, and reading takes the role Storage Object Viewer") from error
    if folder.probably_meant or not folder.by_name.keys().isdisjoint(KNOWN):
        return reader, prefix, folder
    if remote:
        inner = [f"{BUCKETS}{bucket}/{path}" for path in inner]
    else:
        inner = [str(found.parent) for depth in ("*", "*/*") for found in Path(place).glob(f"{depth}/{CORPUS}")]
    where = f"; {min(inner)} has one" if inner else ""
    raise Missing(f"{place} holds no file of a dataset: name the folder that {CORPUS} lies in{where}")


def _looked_into(reader: Reader, prefix: str) -> tuple[Folder, list[str]]:
    """What a folder holds, and where a corpus lies deeper."""
    inner: list[str] = []

    def direct() -> Iterator[StoredFile]:
        for file in reader.list(prefix):
            if "/" not in file.name.removeprefix(prefix):
                yield file
            elif PurePosixPath(file.name).name == CORPUS:
                inner.append(file.name.rpartition("/")[0])

    return Folder.anywhere(prefix, direct()), inner


@contextmanager
def _bar(what: str, size: int | None, *, wanted: bool) -> Iterator[Callable[[int], object]]:
    """Show how far it is, on a terminal; takes how many bytes more have been read."""
    console = Console(stderr=True)
    if not wanted or not sys.stderr.isatty() or not console.is_interactive:
        yield int
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        yield partial(bar.advance, bar.add_task(printable(what), total=size))


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
    # With a dash, no name of a file comes to begin a line, where a CI runner might obey it.
    return [f"{copy}, where these are different:", *(f"- {harmless(str(change))}" for change in changes)]


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


def drawn(draw: Callable[[Console], None]) -> str:
    """What is drawn, as wide as the terminal; for a pipe nothing is folded."""
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    with console.capture() as captured:
        draw(console)
    return captured.get().rstrip("\n")


def _explained(code: str) -> str:
    """The rule of a code.

    Raises:
        Missing: There is none.
    """
    if code not in RULES:
        raise Missing(f"there is no code {code}{suggestion(code, RULES) or ': docs/findings.md lists them all'}")
    return drawn(partial(terminal.explain, RULES[code]))


def output(text: str | bytes) -> None:
    """Print to standard output, whatever its encoding is."""
    try:
        typer.echo(text if isinstance(text, bytes) else text.encode(sys.stdout.encoding, "backslashreplace"))
    except BrokenPipeError:  # whoever reads has read enough; without this Python would try once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
