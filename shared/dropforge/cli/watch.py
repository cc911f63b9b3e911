"""`dropforge watch`: follows a run, or all that are in flight, each step as it is reached."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dropforge import wire
from dropforge.bootstrap import Ports
from dropforge.cli.paper import AsJson, console
from dropforge.cli.place import Stopped, connect
from dropforge.cli.runs import coloured, figures, run_named
from dropforge.cli.statuses import INTERRUPTED, TIMED_OUT
from dropforge.domain.announcements import announcement
from dropforge.domain.datasets import NAME, ROOT, Folder
from dropforge.domain.errors import Missing, Refused
from dropforge.domain.runs import Run, State
from dropforge.domain.text import as_span, as_words, printable
from dropforge.follow import Change, Follower
from dropforge.reports.timeline import mentioned, told

Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0, help="Follow it for this long at most; the run goes on."),
]
_KEPT = {  # what is well, though nothing is served, by policy
    "manual": "its policy is `manual`: the model waits for `dropforge approve {}`",
    "never": "its policy is `never`: the model is kept, and not served",
}
_EXAMPLES = """
Example: `dropforge watch`

Example: `dropforge watch topics`

Example: `dropforge watch topics-0f3a9c1b2d4e --json --timeout 3600`
"""


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog=_EXAMPLES)(watch)


def watch(
    named: Annotated[
        str,
        typer.Argument(
            metavar="[RUN|DATASET]", help="A run's id, or a dataset's name for its last drop.", show_default=False
        ),
    ] = "",
    *,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Follow a run to its end, each step as it is reached; without a name, all runs in flight, until Ctrl-C.

    In JSON, each change on a line: `at`, `run`, `dataset`, `attempt`, `state`, `settled`, `waits`,
    `verdict`, `base`, `tuned`, `endpoint`, `error`. Ctrl-C stops following; the run goes on.

    Exit status: 0 deployed, or kept as the dataset's policy says (`manual`, `never`); 1 rejected, failed, cancelled,
    withheld or not deployed; 2 it cannot be followed (standard error says why); 3 timed out.
    """
    made = connect()
    until = end_of(made, timeout)
    if not named:
        _follow_everything(made, until, as_json=as_json)
        raise typer.Exit(TIMED_OUT)
    follower = Follower(made.ledger, made.clock, until)
    run, status = _meant(made, named, follower), TIMED_OUT
    tell = (lambda change: typer.echo(_record(change))) if as_json else teller(made)
    if run is not None:
        run, status = see_through(run, made, follower, tell)
        if status != TIMED_OUT and not as_json:
            close(run)
    raise typer.Exit(status)


def end_of(made: Ports, timeout: float | None) -> datetime | None:
    """When the time is up; None for never."""
    return None if timeout is None else made.clock.now() + timedelta(seconds=timeout)


def need_to_wait(timeout: float | None, *, waits: bool) -> None:
    """See that a timeout has something to limit.

    Raises:
        Refused: There is a timeout, and nobody waits.
    """
    if timeout is not None and not waits:
        raise Refused("--timeout says how long to follow the run: give --wait, too")


def _meant(made: Ports, named: str, follower: Follower) -> Run | None:
    """The run of this id, else the one that the dataset's last drop led or leads to; None if the time is up first."""
    if run := made.ledger.load(named):
        return run
    if NAME.fullmatch(named):
        folder = Folder.of(named, made.drop.list(f"{ROOT}{named}/"))
        missing = folder.missing(split_test_labels=True)
        if not missing and made.ledger.taken_in(named)[0] != folder.drop:
            return taken_in(folder, made, follower)
        if missing and folder.files and not made.ledger.of_dataset(named):
            raise Missing(f"{named} has no run: its folder still lacks {', '.join(missing)}")
    return run_named(named, made.ledger)


def taken_in(folder: Folder, made: Ports, follower: Follower) -> Run | None:
    """The run that a drop leads to, once that is taken in; says so if the time is up first."""
    place = f"gs://{made.drop.bucket}/{folder.prefix}"
    with _following(f"dropforge watch {folder.dataset}"):
        run = follower.run_of(folder, made.drop)
    if run is None:
        step = f"`dropforge watch {folder.dataset}` goes on waiting, `dropforge doctor` tells what may hold it up"
        typer.echo(f"dropforge: the time is up, and {place} is not taken in yet: {step}", err=True)
    return run


# One run


def see_through(
    run: Run, made: Ports, follower: Follower, tell: Callable[[Change], None], *, known: int = 0
) -> tuple[Run, int]:
    """Tell each step of a run until it is settled, or the time is up.

    Args:
        run: The run.
        made: Where it is.
        follower: Looks at it.
        tell: Tells a change.
        known: How many of its steps are not told, because they are old news.

    Returns:
        The run as it then stands, or the attempt that began by itself after it; and the exit status, as `watch`
        documents it.
    """
    with _following(f"dropforge watch {run.id}"):
        for change in follower.changes(run.id, known):
            run = change.run
            tell(change)
    run = made.ledger.wanted(run.id)
    if not run.is_settled:
        step = f"it goes on, and `dropforge watch {run.id}` follows it"
        typer.echo(f"dropforge: the time is up, and {run.id} is {as_words(run.state)}: {step}", err=True)
        return run, TIMED_OUT
    return run, 0 if run.state in {State.DEPLOYED, State.RETIRED} or _is_kept(run) else 1


@contextmanager
def _following(command: str) -> Iterator[None]:
    """An interrupt stops the following, not the run; so does the end of a laptop's stack."""
    try:
        yield
    except Stopped as error:
        raise Stopped(f"{error}, then `{command}`") from error
    except KeyboardInterrupt as interrupt:
        typer.echo(f"\ndropforge: only the following has stopped: `{command}` takes it up again", err=True)
        raise typer.Exit(INTERRUPTED) from interrupt


def _is_kept(run: Run) -> bool:
    """Whether a model is not served because the policy says so."""
    return run.state is State.WITHHELD and run.fault is None and run.tuning.deploy in _KEPT


def close(run: Run) -> None:
    """Say what can be done now that a run is settled, after an empty line."""
    if run.state is State.DEPLOYED and run.serving:
        lines = [
            f"endpoint  {run.serving.endpoint}",
            f'ask it    dropforge search {run.dataset} "a question"',
            f"more      dropforge show {run.id}",
        ]
    elif _is_kept(run):
        lines = [f"That is as intended: {_KEPT[run.tuning.deploy].format(run.id)}."]
    elif run.state is State.RETIRED:
        lines = [
            f"It was deployed, and has since been taken off its endpoint: `dropforge approve {run.id}` deploys it again."
        ]
    elif run.state is State.REJECTED:
        return  # the lines about the rejection say it already
    else:
        lines = [f"`dropforge show {run.id}` tells more."]
    typer.echo("\n".join(["", *lines]))


def teller(made: Ports) -> Callable[[Change], None]:
    """A function that shows a run's change on a line, after the time since its drop."""
    paper = console()
    return lambda change: paper.print(_line(change, made, _moment(change.at - change.run.dropped_at)))


def silent(_: Change) -> None:
    """Tell nothing: JSON is said once, at the end."""


def _moment(passed: timedelta) -> str:
    seconds = max(passed.total_seconds(), 0)  # clocks differ
    if seconds < 60:
        return f"+{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"+{hours}:{minutes:02}:{rest:02}" if hours else f"+{minutes}:{rest:02}"


def _line(change: Change, made: Ports, moment: str) -> Table:
    run = change.run
    if change.waits:
        return mentioned(f"{run.dataset}: waits to be submitted: {change.waits.sentence}", moment)
    event = announcement(run, made.settings.links) if change.is_told else None
    line = told(event, moment) if event else None
    return line or mentioned(f"{run.dataset}: {as_words(run.state)}", moment)


def _record(change: Change) -> str:
    run, judged = change.run, change.run.judgement
    return wire.as_text(
        {
            "at": change.at,
            "run": run.id,
            "dataset": run.dataset,
            "attempt": run.attempt,
            "state": run.state,
            "settled": run.is_settled,
            "waits": change.waits.sentence if change.waits else None,
            "verdict": judged.verdict if judged else None,
            "base": judged.base if judged else None,
            "tuned": judged.tuned if judged else None,
            "endpoint": run.serving.endpoint if run.serving else None,
            "error": run.fault,
        }
    )


# Everything


def _follow_everything(made: Ports, until: datetime | None, *, as_json: bool) -> None:
    """Show all runs in flight: a table that changes on a terminal, else a line for each change."""
    looks = Follower(made.ledger, made.clock, until).everything()
    paper = console()
    try:
        if sys.stdout.isatty() and paper.is_interactive and not as_json:
            _show_everything(looks, made, paper)
            return
        for news in looks:
            for change in news:
                if as_json:
                    typer.echo(_record(change))
                else:
                    paper.print(_line(change, made, f"{change.at.astimezone():%H:%M:%S}"))
    except KeyboardInterrupt as interrupt:  # as it is meant to end
        raise typer.Exit(INTERRUPTED) from interrupt


def _show_everything(looks: Iterator[list[Change]], made: Ports, paper: Console) -> None:
    board: dict[str, Change] = {}
    with Live(get_renderable=partial(_drawn, board, made, paper), console=paper, refresh_per_second=2) as live:
        for news in looks:
            board.update({change.run.id: change for change in news})
            live.refresh()


def _drawn(board: dict[str, Change], made: Ports, paper: Console) -> Table:
    """Runs in flight, the newest first, then those that have ended meanwhile, as far as the terminal has room."""
    table = Table(box=None, pad_edge=False, caption_justify="left")
    for heading in ("run", "state", "for", "nDCG@10, base → tuned"):
        table.add_column(heading, no_wrap=True)
    rows = sorted(board.values(), key=lambda change: (not change.run.is_settled, change.at), reverse=True)
    room = max(paper.height - 4, 1)
    for change in rows[:room]:
        run, judged = change.run, change.run.judgement
        measured = figures(judged.base, judged.tuned) if judged else ""
        state = Text("waits", "yellow") if change.waits else coloured(run.state)
        table.add_row(printable(run.id), state, as_span(made.clock.now() - change.at), measured)
    flying = sum(not change.run.is_settled for change in rows)
    more = f", {len(rows) - room} more" if len(rows) > room else ""
    table.caption = f"{flying or 'nothing'} in flight{more}; Ctrl-C ends this"
    return table
