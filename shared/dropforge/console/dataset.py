"""A dataset's page: where its readers are pointed, what else is served and for how long, and every version of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Request
from werkzeug.exceptions import NotFound

from dropforge import bootstrap
from dropforge.aliases import Left
from dropforge.console.rendering import Page, rendered
from dropforge.domain.datasets import NAME
from dropforge.domain.runs import State
from dropforge.domain.spaces import Alias
from dropforge.history import Summary

_SHOWN = 200  # runs; the list of runs has them all


@dataclass(frozen=True, slots=True)
class Space:
    """A space of the dataset that is served, and so bills.

    Attributes:
        run: Whose model answers.
        is_current: Whether readers are pointed to it.
        is_before: Whether a rollback leads to it.
        until: How long it is kept; None while readers use it, or where no marker says that they left it.
        at_once: Whether the next sweep takes it away.
    """

    run: Summary
    is_current: bool
    is_before: bool
    until: datetime | None
    at_once: bool

    @property
    def command(self) -> str:
        """The command that points readers to it."""
        return f"dropforge rollback {self.run.dataset}" + ("" if self.is_before else f" --to {self.run.id}")


def spaces(runs: Sequence[Summary], alias: Alias | None, left: Mapping[str, Left], kept: timedelta) -> list[Space]:
    """The spaces of a dataset that are served: its readers' first, then the one that they had before.

    Args:
        runs: Of the dataset.
        alias: Where its readers are pointed; None for nowhere.
        left: Spaces without readers, by run.
        kept: How long such a space is kept.
    """
    before = alias.previous.run if alias and alias.previous else ""

    def found() -> Iterator[Space]:
        for run in runs:
            if run.state is State.DEPLOYED:
                is_current = alias is not None and alias.run == run.id
                marker = None if is_current else left.get(run.id)
                until = marker.since + kept if marker else None
                yield Space(run, is_current, run.id == before, until, marker is not None and marker.at_once)

    return sorted(found(), key=lambda space: (not space.is_current, not space.is_before))


def by_version(runs: Sequence[Summary]) -> list[tuple[str, list[Summary]]]:
    """The runs by version, named by the twelve digits of its id, in the order in which they come."""

    def version(run: Summary) -> str:
        return run.id.removeprefix(f"{run.dataset}-").partition("-")[0]

    found: dict[str, list[Summary]] = {}
    for run in runs:  # an older version may have been run again after a newer one
        found.setdefault(version(run), []).append(run)
    return list(found.items())


def page(_: Request, name: str) -> Page:
    """`/datasets/NAME`."""
    ports = bootstrap.ports()
    runs = ports.ledger.of_dataset(name) if NAME.fullmatch(name) else []
    if not runs:
        raise NotFound
    alias = ports.aliases.of(name)
    left = {each.run: each for each in ports.aliases.left()}
    return rendered(
        "dataset.html",
        name=name,
        alias=alias,
        spaces=spaces(runs, alias, left, ports.settings.operator.keeps_previous),
        versions=by_version(runs[:_SHOWN]),
        total=len(runs),
        shown=min(len(runs), _SHOWN),
        has_actions=ports.settings.operator.console_actions,
    )
