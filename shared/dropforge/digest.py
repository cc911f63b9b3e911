"""The digest: once a day, how runs ended and what is under way, told from lists alone."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from dropforge.domain.events import DaySummedUp, Ending
from dropforge.domain.runs import WELL
from dropforge.history import Summary
from dropforge.ledger import Ledger

_DAY = timedelta(days=1)
_LONGEST_RUN = timedelta(days=8)  # a run that began earlier and ended today is not counted
_PAGE, _MOST = 500, 10_000  # lines of the history: at a time, and in all
_ATTENTION, _GAINS = 20, 5  # runs that are named


def due(hour: int, now: datetime) -> datetime:
    """The last moment at which a day was over, if days end at this hour, UTC."""
    today = datetime.combine(now.astimezone(UTC).date(), time(hour), UTC)
    return today if today <= now else today - _DAY


def id_of(until: datetime) -> str:
    """The id of a day's digest, which is told once."""
    return f"digest/{until:%Y-%m-%d}"


def summed_up(ledger: Ledger, until: datetime) -> DaySummedUp | None:
    """The digest of the day that was over at a moment; None if nothing was under way in it.

    Raises:
        Unavailable: The lists cannot be read now.
    """
    since = until - _DAY
    flying = [run for run in ledger.in_flight() if run.started < until]
    ids = {run.id for run in flying}
    ended = [run for run in _past(ledger, since - _LONGEST_RUN) if since <= run.updated < until and run.id not in ids]
    if not (flying or ended):
        return None
    gained = [run for run in ended if run.state in WELL and run.base is not None and run.tuned is not None]
    return DaySummedUp(
        id=id_of(until),
        time=until,
        dataset="",
        since=since,
        until=until,
        ended=dict(sorted(Counter(run.state.value for run in ended).items())),
        in_flight=dict(sorted(Counter(run.state.value for run in flying).items())),
        attention=tuple(_ending(run) for run in ended if run.state not in WELL)[:_ATTENTION],
        gains=tuple(_ending(run) for run in sorted(gained, key=_gain, reverse=True)[:_GAINS]),
    )


def _past(ledger: Ledger, since: datetime) -> Iterator[Summary]:
    """Settled runs that began since then, the newest first."""
    behind = ""
    for _ in range(_MOST // _PAGE):
        page = ledger.past(behind=behind, most=_PAGE)
        for run in page.runs:
            if run.started < since:
                return
            yield run
        behind = page.rest
        if not behind:
            return


def _gain(run: Summary) -> float:
    return (run.tuned or 0) - (run.base or 0)


def _ending(run: Summary) -> Ending:
    return Ending(run=run.id, dataset=run.dataset, state=run.state, base=run.base, tuned=run.tuned)
