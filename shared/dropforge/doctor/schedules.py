"""Whether the clocks tick: when the watcher and the sweep last did what a tick asked for."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from dropforge.doctor.diagnosis import Diagnosis, looked, ok, shows, unknown, wrong
from dropforge.doctor.facts import Wiring
from dropforge.domain.text import as_span
from dropforge.domain.topology import PERIODS, late_after
from dropforge.ledger import Ledger
from dropforge.ports import Clock
from dropforge.settings import Settings


def schedules(*, settings: Settings, ledger: Ledger, wiring: Wiring, clock: Clock) -> Iterator[Diagnosis]:
    """Whether each worker has finished a tick recently enough."""
    look = partial(_ticks, settings, ledger, wiring, clock)
    yield from looked("ticks", look, role="roles/storage.objectViewer", do=_show(settings))


def _ticks(settings: Settings, ledger: Ledger, wiring: Wiring, clock: Clock) -> Iterator[Diagnosis]:
    now, last = clock.now(), ledger.ticks()
    for worker, period in PERIODS.items():
        late = late_after(worker, settings.patience)
        if worker in last:
            ago = now - last[worker]
            says = f"its last tick finished {as_span(ago)} ago"
            yield (
                ok(worker, says)
                if ago <= late
                else wrong(worker, f"{says}, and one is due every {as_span(period)}", _show(settings))
            )
        elif now - _made(settings, wiring, now) <= late:
            yield unknown(worker, f"has finished no tick yet: one is due every {as_span(period)}", _show(settings))
        else:
            yield wrong(worker, f"has never finished a tick, and one is due every {as_span(period)}", _show(settings))


def _made(settings: Settings, wiring: Wiring, now: datetime) -> datetime:
    """When the deployment was made, or not long before."""
    return min(wiring.bucket(settings.state_bucket).created, now)


def _show(settings: Settings) -> str:
    return shows(settings, f"gcloud scheduler jobs list --location={settings.location} --project={settings.project}")
