"""`dropforge drop`: checks a folder, uploads it, and follows what becomes of it."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import DownloadColumn, TransferSpeedColumn

from dropforge import bootstrap, settings, wire
from dropforge.bootstrap import BUCKETS, Ports
from dropforge.cli.folder import examined, opened
from dropforge.cli.paper import AsJson, bar, drawn, output
from dropforge.cli.place import connect
from dropforge.cli.statuses import INTERRUPTED, TIMED_OUT
from dropforge.cli.watch import Timeout, close, end_of, need_to_wait, see_through, silent, taken_in, teller
from dropforge.domain.datasets import MANIFEST, NAME, ROOT, TEST_LABELS, Folder, name_like
from dropforge.domain.errors import Misconfigured, Missing, NotPermitted, Refused, Unavailable
from dropforge.domain.files import StoredFile
from dropforge.domain.findings import Findings, Report, quoted
from dropforge.domain.messages import counted
from dropforge.domain.text import as_words, harmless
from dropforge.drop import Deliverer, Delivery, files_of
from dropforge.examine import Examiner
from dropforge.follow import Follower
from dropforge.reports import terminal
from dropforge.reports.summary import outcome_of

if TYPE_CHECKING:
    from dropforge.adapters.directory import Directory

_INDENT = " " * 10
_GO_ON = "what is uploaded stays: call this again to go on"
_EXAMPLES = """
Example: `dropforge drop topics`

Example: `dropforge drop ./exports/2026-11 --name topics --wait --timeout 7200`

Example: `dropforge drop topics --json`
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What a drop came to.

    Attributes:
        dataset: The dataset's name.
        place: Where it lies.
        uploaded: Names of the files that were uploaded.
        kept: Names of the files that were not uploaded, because the bucket had the same bytes.
        removed: Names of the files that were removed from the bucket.
        left_out: Names of the files in the folder that are not part of a dataset.
        bytes: How many were uploaded.
        seconds: How long that took.
        run: The run that it led to; None where nobody waited for it.
        state: In which state that is.
        is_old: Whether an earlier drop of the same bytes began it: nothing new was started.
    """

    dataset: str
    place: str
    uploaded: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...]
    left_out: tuple[str, ...]
    bytes: int
    seconds: float
    run: str | None = None
    state: str | None = None
    is_old: bool | None = None


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog=_EXAMPLES)(drop)


def drop(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A dataset folder on this machine.")],
    *,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The dataset's name; by default the folder's.")
    ] = "",
    checks: Annotated[
        bool, typer.Option("--check/--no-check", help="Check it first, as `dropforge check` does.")
    ] = True,
    replaces: Annotated[
        bool, typer.Option("--replace", help="Remove the dataset's files in the bucket that FOLDER does not have.")
    ] = False,
    waits: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Drop a dataset folder: check it, upload what the bucket does not have yet, and have it taken in at once.

    After an interruption, call it again: it goes on where it stopped. The manifest comes last; until then nothing starts.
    Ctrl-C while it waits stops following, not the run. In JSON, a folder that would be rejected gets the report of `check`.

    Exit status: 0 dropped, and with --wait deployed, or kept as the dataset's policy says (`manual`, `never`); 1 not
    dropped because it would be rejected or the bucket has files that FOLDER does not have, or, with --wait, ended
    otherwise; 2 not dropped, or not followed (standard error says why); 3 with --wait: timed out.
    """
    need_to_wait(timeout, waits=waits)
    dataset = _name_of(folder, name)
    made = connect()
    source = bootstrap.directory(folder)
    here = list(_listed(folder, source))  # before the check: what is uploaded is what was checked
    _check(folder, checks=checks, as_json=as_json)
    files = [source.summed(file) for file in files_of(here)]
    with _advised(made):
        delivery = Delivery.between(files, made.drop, dataset)
        if delivery.surplus and not replaces:
            typer.echo(f"dropforge: {_surplus(delivery, made)}", err=True)
            raise typer.Exit(1)
        dropped, landed = _delivered(delivery, here, source, made)
    if not as_json:
        _show(dropped)
    status = 0
    if waits:
        dropped, status = _followed(dropped, landed, made, timeout, as_json=as_json)
    elif not as_json:
        typer.echo(f"\n`dropforge watch {dataset}` follows what becomes of it.")
    if as_json:
        typer.echo(wire.as_text(dropped))
    raise typer.Exit(status)


# Before


def _name_of(folder: str, name: str) -> str:
    """The dataset's name.

    Raises:
        Refused: It cannot be one, or the folder is not on this machine.
    """
    if "://" in folder:
        step = f", `gcloud storage cp -r {shlex.quote(folder.rstrip('/'))} .`," if folder.startswith(BUCKETS) else ""
        raise Refused(f"{folder} is not on this machine: copy it here first{step} and drop that")
    path = Path(folder)
    wanted = name or (path.name if path.name not in {"", ".."} else path.resolve().name)
    if NAME.fullmatch(wanted):
        return wanted
    near = name_like(wanted)
    step = f"`--name {near}` would do" if near else "give it one with --name"
    raise Refused(
        f"{quoted(wanted)} cannot be a dataset's name, which has a-z, 0-9 and dashes, begins with a letter, and has at "
        f"most 40 characters: {step}"
    )


def _listed(folder: str, source: "Directory") -> Iterator[StoredFile]:
    """The files of a folder.

    Raises:
        Missing: There is no such folder, or no file of a dataset in it; says what to do.
        Unavailable: What would be a file of the dataset cannot be read.
    """
    opened(folder)
    yield from source.list("")


def _check(folder: str, *, checks: bool, as_json: bool) -> None:
    """See that the folder would be accepted, or at least taken in."""
    if not checks:
        _require_whole(folder)
        return
    began = time.monotonic()
    report = examined(folder)
    if report.verdict == "rejected":
        output(wire.report(report) if as_json else _shown(report, time.monotonic() - began))
        typer.echo("dropforge: nothing was uploaded; --no-check drops it all the same", err=True)
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"accepted: {outcome_of(report, time.monotonic() - began)}")
        if report.findings:
            typer.echo(f"{_INDENT}`dropforge check {harmless(shlex.quote(folder))}` shows them")


def _shown(report: Report, seconds: float) -> str:
    return drawn(lambda console: terminal.show(report, console, seconds))


def _require_whole(folder: str) -> None:
    """See that the folder lacks nothing that would be waited for.

    Raises:
        Missing: A required file is not there, or empty.
    """
    reader, _, found = opened(folder)
    tuning = Examiner(reader, settings.operator()).configuration(found, datetime.now(UTC).date(), Findings())
    for name in found.missing(split_test_labels=tuning.test_labels == "split"):
        meant = found.probably_meant.get(name)
        near = f" (was {quoted(meant)} meant to be it?)" if meant else ""
        more = ", or write `test_labels: split` into tuning.yaml" if name == TEST_LABELS else ""
        raise Missing(f"{name} is not in {folder}{near}: nothing starts without it. Put it there{more}")
    for file in files_of(found.files):
        if file.size == 0:
            raise Missing(f"{file.name} is empty, and counts as one that has not arrived: fill it, or remove it")


def _surplus(delivery: Delivery, made: Ports) -> str:
    names = ", ".join(delivery.surplus)
    place = f"gs://{made.drop.bucket}/{ROOT}{delivery.dataset}/"
    return (
        f"{place} has {names}, which the folder does not have and which would be part of the dataset: nothing was uploaded. "
        "Put it into the folder as well, or give --replace to have it removed there"
    )


# Uploading


@contextmanager
def _advised(made: Ports) -> Iterator[None]:
    """Say what to do about what the bucket answers."""
    bucket = made.drop.bucket
    try:
        yield
    except KeyboardInterrupt as interrupt:
        typer.echo(f"dropforge: interrupted; {_GO_ON}", err=True)
        raise typer.Exit(INTERRUPTED) from interrupt
    except NotPermitted as error:
        raise NotPermitted(
            f"{error}. Dropping takes the role Storage Object User on gs://{bucket}: ask its owner"
        ) from error
    except Misconfigured as error:
        raise Misconfigured(f"{error}. `gcloud auth application-default login` signs you in") from error
    except Missing as error:
        raise Missing(f"there is no bucket {bucket}: check DROPFORGE_DROP_BUCKET, which names it") from error
    except Unavailable as error:
        raise type(error)(f"{error}; {_GO_ON}") from error


def _delivered(delivery: Delivery, here: list[StoredFile], source: "Directory", made: Ports) -> tuple[Dropped, Folder]:
    began = time.monotonic()
    deliverer = Deliverer(delivery, source, made.drop)
    sent = deliverer.sent
    size = sum(file.size for file in sent)
    columns = DownloadColumn(), TransferSpeedColumn()
    with bar(f"Uploading {delivery.dataset}", size, *columns, wanted=size > 0) as deliverer.progress:
        landed = deliverer.deliver()
    uploaded = tuple(file.name for file in sent)
    known = {file.name for file in delivery.files} | {MANIFEST}
    dropped = Dropped(
        dataset=delivery.dataset,
        place=f"gs://{made.drop.bucket}/{landed.prefix}",
        uploaded=uploaded,
        kept=tuple(file.name for file in delivery.kept if file.name not in uploaded),
        removed=delivery.surplus,
        left_out=tuple(file.name for file in here if file.name not in known),
        bytes=size,
        seconds=round(time.monotonic() - began, 3),
    )
    return dropped, landed


def _show(dropped: Dropped) -> None:
    new = "nothing was uploaded, all its files are there" if not dropped.uploaded else ""
    sent = f"{counted(len(dropped.uploaded), 'file')}, {_size(dropped.bytes)} in {dropped.seconds:.{1 if dropped.seconds >= 1 else 2}f} s"
    typer.echo(f"dropped:  {dropped.place}\n{_INDENT}{new or sent}")
    for what, names in (
        ("kept", dropped.kept if dropped.uploaded else ()),
        ("removed", dropped.removed),
        ("left out", dropped.left_out),
    ):
        if names:
            why = {"kept": " (the same bytes are there)", "left out": " (not part of a dataset)"}.get(what, "")
            typer.echo(f"{what + ':':<{len(_INDENT)}}{harmless(', '.join(names))}{why}")


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1_000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1_000
    return f"{size:,.1f} GB"


# Following


def _followed(
    dropped: Dropped, landed: Folder, made: Ports, timeout: float | None, *, as_json: bool
) -> tuple[Dropped, int]:
    """Follow what comes of a drop; gives what it came to, and the exit status."""
    follower = Follower(made.ledger, made.clock, end_of(made, timeout))
    run = taken_in(landed, made, follower)
    if run is None:
        return dropped, TIMED_OUT
    is_old = run.dropped_at < min(landed.by_name[name].updated for name in (*dropped.uploaded, MANIFEST))
    if not as_json:
        since = f"{as_words(run.state)} since {run.history[-1].at:%Y-%m-%d %H:%M} UTC"
        news = f"the same bytes as before: nothing new was started, it is {since}"
        typer.echo(f"run:      {run.id}" + f"\n{_INDENT}{news}" * is_old)
    tell = silent if as_json else teller(made)
    known = len(run.history) if is_old else 0
    run, status = see_through(run, made, follower, tell, known=known)
    if status != TIMED_OUT and not as_json:
        close(run)
    return replace(dropped, run=run.id, state=run.state, is_old=is_old), status
