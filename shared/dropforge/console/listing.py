"""The list of runs: what is in flight, and below it what is past, page by page."""

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Request
from werkzeug.exceptions import BadRequest

from dropforge import bootstrap
from dropforge.console.rendering import Page, rendered
from dropforge.domain.runs import BAD, State
from dropforge.history import Summary
from dropforge.ledger import Ledger

_SHOWN = 50
_CALLS, _LINES = 5, 200  # what a filtered page looks through at most before it asks whether to go on
_LONGEST_PLACE, _LONGEST_NAME = 300, 100
# What people look for, by the name that stands in the address.
GROUPS: dict[str, frozenset[State]] = {
    "deployed": frozenset({State.DEPLOYED}),
    "attention": BAD | {State.PAUSED},
}
IN_FLIGHT = "in-flight"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are asked for.

    Attributes:
        group: `in-flight`, a key of `GROUPS`, or empty for all.
        name: What their dataset's name begins with.
    """

    group: str = ""
    name: str = ""

    def takes(self, run: Summary) -> bool:
        """Whether a run is among them."""
        states = GROUPS.get(self.group)
        return run.dataset.startswith(self.name) and (states is None or run.state in states)

    def address(self, *, group: str | None = None, behind: str = "") -> str:
        """The address of the page that shows them, of another group or further on."""
        asked = {"state": self.group if group is None else group, "dataset": self.name, "behind": behind}
        query = urlencode({key: value for key, value in asked.items() if value})
        return f"/?{query}" if query else "/"


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list.

    Attributes:
        in_flight: Every run that is in flight and asked for, the most recently begun first; none on later pages.
        past: Settled ones.
        rest: The place after which the list goes on; empty at its end.
        is_short: Whether the search stopped before the page was full, because it had looked through enough.
    """

    in_flight: list[Summary]
    past: list[Summary]
    rest: str = ""
    is_short: bool = False


def listed(ledger: Ledger, wanted: Wanted, behind: str = "") -> Listed:
    """The runs that are asked for, in a few calls however many there are.

    Args:
        ledger: The record of every run.
        wanted: Which are asked for.
        behind: Where an earlier page ended; empty for the newest.
    """
    # Taken in order, so that a run which settles in between is in one of the two.
    flying = {run.id: run for run in ledger.in_flight()}
    in_flight = (
        [] if behind else sorted(filter(wanted.takes, flying.values()), key=lambda run: run.started, reverse=True)
    )
    if wanted.group == IN_FLIGHT:
        return Listed(in_flight, [])
    past: list[Summary] = []
    all_wanted = wanted == Wanted()
    for _ in range(1 if all_wanted else _CALLS):
        page = ledger.past(behind=behind, most=_SHOWN if all_wanted else _LINES)
        past += [run for run in page.runs if wanted.takes(run) and run.id not in flying]
        behind = page.rest
        if not behind or len(past) >= _SHOWN:
            break
    return Listed(in_flight, past, behind, is_short=bool(behind) and not all_wanted and len(past) < _SHOWN)


def page(request: Request) -> Page:
    """`/?state=GROUP&dataset=PREFIX&behind=PLACE`."""
    wanted = Wanted(request.args.get("state", ""), request.args.get("dataset", "").strip()[:_LONGEST_NAME])
    behind = request.args.get("behind", "")
    if wanted.group not in {"", IN_FLIGHT, *GROUPS} or len(behind) > _LONGEST_PLACE or not behind.isprintable():
        raise BadRequest("The list has no such page. Start again with all runs.")
    ports = bootstrap.ports()
    found = listed(ports.ledger, wanted, behind)
    return rendered(
        "runs.html", wanted=wanted, behind=behind, found=found, bucket=ports.settings.drop_bucket, groups=_GROUPS
    )


_GROUPS = (("", "All"), (IN_FLIGHT, "In flight"), ("deployed", "Deployed"), ("attention", "Needs attention"))
