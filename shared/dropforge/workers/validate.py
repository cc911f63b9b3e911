"""Check a dataset folder once its last file has landed; pin what was checked for training."""

import re
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from dropforge import wire
from dropforge.domain import datasets, events
from dropforge.domain.check import check
from dropforge.domain.datasets import MANIFEST, TUNING, Folder, place_of
from dropforge.domain.errors import Missing, Permanent, Unreadable
from dropforge.domain.files import StoredFile
from dropforge.domain.findings import Findings, Report, first
from dropforge.domain.runs import Checked, Run, Standing, State, Step, standing
from dropforge.domain.tuning import Tuning, resolve
from dropforge.domain.versions import run_id_of, version_of
from dropforge.ledger import Intent
from dropforge.ports import Clock, EventBus, ObjectStore
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.wire import ObjectFinalized
from dropforge.workers.outcome import Outcome, What, deferred, done, ignored, repeated

FUNCTION = "validate_dataset"
_SHOWN_FINDINGS = 20
_LARGEST_SIDE_FILE = 256 * 1024  # bytes of tuning.yaml or MANIFEST.json
_VERDICTS = frozenset({State.REJECTED, State.VALIDATED})


def validate(
    landed: ObjectFinalized,
    *,
    drop: ObjectStore,
    state: ObjectStore,
    bus: EventBus,
    clock: Clock,
    progress: Progress,
    settings: Settings,
) -> Outcome:
    """See to the folder in which a file has landed.

    Every file of a drop sends its event here. The newest file speaks for the folder: its handler waits until the
    folder has been quiet for `settle_seconds`, the others acknowledge. Events that come twice, late or out of order
    find the work done, or do it again under the same names.
    """
    place = place_of(landed.name)
    if place is None:
        return ignored("no file of a dataset")
    if not place.is_well_named:
        bus.publish(_misnamed(place.dataset, clock))
        return done("told that the folder's name cannot be used")
    intake = Intake(drop, state, bus, clock, progress, settings)
    return intake.consider(place.dataset, cause=landed.id, landed=landed)


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes folders in: the validator's work, for events and for the sweep alike."""

    drop: ObjectStore
    state: ObjectStore
    bus: EventBus
    clock: Clock
    progress: Progress
    settings: Settings

    def consider(self, dataset: str, *, cause: str, landed: ObjectFinalized | None = None) -> Outcome:
        """Begin a run for a folder if it is complete, quiet and new.

        Args:
            dataset: The folder's dataset.
            cause: Id of the event, for the run's history.
            landed: The file that landed; None when the sweep asks.
        """
        folder = self._list(dataset)
        newest = folder.newest
        if newest is None:
            return ignored("nothing there")
        missing = self.missing(folder)
        if not missing and self._completed_by_manifest(folder):
            return self._take_in(folder, cause, settled=False)
        if landed and (landed.name, landed.generation) != (newest.name, newest.generation):
            return deferred(f"{newest.name} landed later: its event speaks for the folder")
        if missing:
            return deferred(f"waiting for {', '.join(missing)}")
        if not self._is_settled(folder):
            return deferred("another file landed meanwhile: its event speaks for the folder")
        return self._take_in(folder, cause, settled=True)

    def missing(self, folder: Folder) -> tuple[str, ...]:
        """The files that the folder still waits for."""
        tuning, _ = self._configuration(folder)
        return folder.missing(split_test_labels=tuning.test_labels == "split")

    def _list(self, dataset: str) -> Folder:
        return Folder.of(dataset, self.drop.list(f"{datasets.ROOT}{dataset}/"))

    def _completed_by_manifest(self, folder: Folder) -> bool:
        manifest = folder.by_name.get(MANIFEST)
        if manifest is None:
            return False
        try:
            return folder.matches(wire.manifest(self._small(manifest)))
        except (Unreadable, Missing):
            return False  # the folder can still complete itself by growing quiet

    def _is_settled(self, folder: Folder) -> bool:
        """Wait until the folder has been quiet for long enough; False when something landed meanwhile."""
        wait = self.settings.settle - folder.quiet_for(self.clock.now())
        self.clock.sleep(wait.total_seconds())
        now = self._list(folder.dataset)
        return now.drop == folder.drop

    def _configuration(self, folder: Folder) -> tuple[Tuning, Findings]:
        findings = Findings()
        file = folder.by_name.get(TUNING)
        try:
            text = self._small(file) if file else None
        except Missing:
            text = None  # removed or replaced meanwhile: its own event follows
        tuning = resolve(text, self.settings.operator.bounds, self.clock.now().date(), findings)
        return tuning, findings

    def _small(self, file: StoredFile) -> bytes:
        with self.drop.open(file) as stream:
            return stream.read(_LARGEST_SIDE_FILE)

    def _take_in(self, folder: Folder, cause: str, *, settled: bool) -> Outcome:
        """Check the folder as it is now, unless this version has been taken in before."""
        tuning, findings = self._configuration(folder)
        side = folder.by_name.get(TUNING)
        configuration = tuning.as_mapping()
        if findings.report().errors and side:  # two broken files resolve alike, but are not the same
            configuration |= {TUNING: side.crc32c}
        version = version_of(folder.pins, configuration)
        run_id = run_id_of(folder.dataset, version)
        known = self.progress.ledger.load(run_id)
        outcome = (
            self._begin(folder, run_id, version, tuning, findings, cause)
            if known is None
            else self._again(known, version, folder, settled=settled)
        )
        if outcome.what is not What.DEFERRED:
            self.progress.ledger.note_intake(folder.dataset, folder.drop)
        return outcome

    def _begin(
        self, folder: Folder, run_id: str, version: str, tuning: Tuning, findings: Findings, cause: str
    ) -> Outcome:
        began = self.clock.now()
        self.progress.ledger.begin(Intent(run_id, folder.dataset, began))
        try:
            report = self._check(folder, tuning, findings)
            if report.verdict == "accepted":
                self._pin(folder, run_id)
        except Missing:
            self.progress.ledger.settle(run_id)
            return deferred("a file was replaced or removed while it was checked: begin again with its event")
        verdict = State.VALIDATED if report.verdict == "accepted" else State.REJECTED
        ended = max(self.clock.now(), began)
        run = Run(
            id=run_id,
            dataset=folder.dataset,
            version=version,
            dropped_at=_landed(folder),
            pins=folder.pins,
            tuning=tuning,
            state=verdict,
            history=(
                Step(state=State.VALIDATING, at=began, function=FUNCTION, event=cause),
                Step(state=verdict, at=ended, function=FUNCTION, event=cause),
            ),
            checked=self._file(report, run_id),
        )
        self.progress.record(run)
        return done(f"dataset {verdict}", run_id)

    def _again(self, known: Run, version: str, folder: Folder, *, settled: bool) -> Outcome:
        """This version was taken in before: by an earlier delivery of this very drop, or by an earlier drop."""
        if known.version != version:
            raise Permanent(
                f"two versions share the run id {known.id}: change any byte of the dataset and drop it again"
            )
        if known.pins == folder.pins:
            if standing(known, before=frozenset({State.VALIDATING}), after=_VERDICTS) is Standing.AT:
                self.progress.tell(known)
                return repeated("taken in before; told again", known.id)
            return repeated("taken in before", known.id)
        if not settled and not self._is_settled(folder):
            return deferred("another file landed meanwhile: its event speaks for the folder", known.id)
        told = events.skipped(known, self.settings.links, drop=folder.drop, at=_landed(folder))
        self.bus.publish(told)
        return done("the same version as before: skipped", known.id)

    def _check(self, folder: Folder, tuning: Tuning, findings: Findings) -> Report:
        for name in folder.unknown:
            meant = f"; was it meant to be {near}?" if (near := _meant(folder, name)) else ""
            findings.note("folder-unknown-file", name, 0, f"not a file of a dataset{meant}", "It is left alone.")
        for name, file in folder.by_name.items():
            if file.encoding:
                findings.error(
                    "bytes-encoded",
                    name,
                    0,
                    f"stored with Content-Encoding {file.encoding}",
                    "Upload the file uncompressed.",
                )
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(self.drop.open(folder.by_name[name]))
                for name in datasets.DATA
                if name in folder.by_name
            }
            return check(files, tuning, findings)

    def _pin(self, folder: Folder, run_id: str) -> None:
        """Copy exactly what was checked to where the job will read it, and nobody else writes."""
        for name in datasets.DATA:
            if name in folder.by_name:
                self.state.copy_from(folder.by_name[name], f"runs/{run_id}/input/{name}")

    def _file(self, report: Report, run_id: str) -> Checked:
        """Keep the whole report beside the run; what events carry of it is short."""
        name = f"runs/{run_id}/report.json"
        self.state.write(name, wire.encode(report), replacing=None)
        return Checked(
            counts=report.counts,
            findings=first(report.findings, _SHOWN_FINDINGS),
            rows=report.rows,
            report=f"gs://{self.state.bucket}/{name}",
        )


def _landed(folder: Folder) -> datetime:
    newest = folder.newest
    assert newest is not None  # noqa: S101 - the folder is complete
    return newest.updated


def _meant(folder: Folder, unknown: str) -> str | None:
    return next((name for name in datasets.DATA if folder.probably_meant(name) == unknown), None)


def _misnamed(dataset: str, clock: Clock) -> events.DatasetMisnamed:
    """One event id for the folder: a notice that every file would otherwise send again."""
    near = re.sub(r"[^a-z0-9]+", "-", dataset.lower()).strip("-").lstrip("0123456789-")[:40].rstrip("-")
    return events.DatasetMisnamed(id=f"misnamed/{dataset}"[:200], time=clock.now(), dataset=dataset, suggestion=near)
