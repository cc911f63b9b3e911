"""Find what events missed, and do it: the promise that no drop and no completion is lost."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from dropforge.domain import datasets, events
from dropforge.domain.datasets import Folder, place_of
from dropforge.domain.files import StoredFile
from dropforge.domain.runs import State
from dropforge.logs import isolated, log
from dropforge.ports import ObjectStore
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.wire import Tick
from dropforge.workers.outcome import Outcome, What, done
from dropforge.workers.turns import in_turn
from dropforge.workers.validate import Intake

FUNCTION = "sweep"
_SHOWN_STRAYS = 20
_EVENTS_OWE = frozenset({State.VALIDATED, State.SUCCEEDED})  # an event of ours should move these on


def sweep(
    tick: Tick,
    *,
    drop: ObjectStore,
    state: ObjectStore,
    progress: Progress,
    settings: Settings,
) -> Outcome:
    """Look for runs and folders that nobody has moved for `patience_seconds`, and move them. Each repair says why."""
    sweeper = Sweeper(Intake(drop, state, progress, settings), progress, settings, tick.id)
    repaired = sum(sweeper.runs()) + sum(sweeper.folders())
    return done(f"repaired {repaired}")


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Repairs, one record at a time: what goes wrong with one does not touch the next."""

    intake: Intake
    progress: Progress
    settings: Settings
    cause: str

    def runs(self) -> Iterator[bool]:
        """Every active run that an event should have moved on. Those with a job or a deployment are the watcher's."""
        for run_id in in_turn(self.progress.ledger.active(), self.cause):
            with isolated(run=run_id):
                yield self._run(run_id)

    def folders(self) -> Iterator[bool]:
        """Every folder whose present files nobody has taken in."""
        taken = self.progress.ledger.intakes()
        for folder in in_turn(_folders(self.intake.drop.list(datasets.ROOT)), self.cause):
            if taken.get(folder.dataset) == folder.drop or self._is_fresh(folder):
                continue
            with isolated(dataset=folder.dataset):
                yield self._folder(folder)

    def _run(self, run_id: str) -> bool:
        run = self.progress.ledger.load(run_id)
        if run is None:
            return self._lost_intake(run_id)
        if run.state not in _EVENTS_OWE and not run.is_settled:
            return False
        if self.progress.clock.now() - run.updated < self.settings.patience:
            return False
        log.warning("record.repaired", run=run.id, reason=f"{run.state}, and no event moved it on: told again")
        self.progress.tell(run)
        return True

    def _lost_intake(self, run_id: str) -> bool:
        """Validation began and left no record: begin it again, or forget it when the folder is another by now."""
        intent = self.progress.ledger.intent(run_id)
        if intent is None or self.progress.clock.now() - intent.since < self.settings.patience:
            return False
        outcome = self.intake.consider(intent.dataset, cause=self.cause)
        if self.progress.ledger.load(run_id) is None:
            self.progress.ledger.forget(intent)
        log.warning("record.repaired", run=run_id, reason=f"validation was cut off; begun again: {outcome.why}")
        return True

    def _is_fresh(self, folder: Folder) -> bool:
        return folder.newest is None or folder.quiet_for(self.progress.clock.now()) < self.settings.patience

    def _folder(self, folder: Folder) -> bool:
        outcome = self.intake.consider(folder.dataset, cause=self.cause)
        if outcome.what is not What.DEFERRED:
            log.warning("record.repaired", dataset=folder.dataset, reason=f"no event took the folder in: {outcome.why}")
            return True
        missing = self.intake.missing(folder)
        waited = folder.quiet_for(self.progress.clock.now())
        if not missing or waited < timedelta(seconds=self.settings.incomplete_after_seconds):
            return False
        self.progress.bus.publish(_incomplete(folder, missing))
        self.progress.ledger.note_intake(folder.dataset, folder.drop)
        return True


def _folders(listing: Iterable[StoredFile]) -> Iterator[Folder]:
    placed = defaultdict[str, list[StoredFile]](list)
    for file in listing:
        if place := place_of(file.name):
            placed[place.dataset].append(file)
    for dataset, files in placed.items():
        yield Folder.of(dataset, files)


def _incomplete(folder: Folder, missing: tuple[str, ...]) -> events.DatasetIncomplete:
    newest = folder.newest
    assert newest is not None  # noqa: S101 - a folder without files is passed over
    return events.DatasetIncomplete(
        id=f"incomplete/{quote(folder.dataset[:100])}/{folder.drop}",
        time=newest.updated,
        dataset=folder.dataset,
        missing=missing,
        probably_meant={name: near for name, near in folder.probably_meant.items() if name in missing},
        unknown=folder.unknown[:_SHOWN_STRAYS],
    )
