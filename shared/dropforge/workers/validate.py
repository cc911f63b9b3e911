"""Check a dataset folder once its last file has landed; pin what was checked for training."""

from dataclasses import dataclass
from datetime import date, datetime

from dropforge import wire
from dropforge.domain import announcements, datasets, events
from dropforge.domain.datasets import MANIFEST, NAME, TEST_LABELS, TUNING, Folder, place_of
from dropforge.domain.errors import Missing, Permanent, Unreadable
from dropforge.domain.facts import Checked
from dropforge.domain.findings import Findings, Report, chosen
from dropforge.domain.plan import Estimate, estimate
from dropforge.domain.runs import Run, State, Step
from dropforge.domain.text import as_name
from dropforge.domain.tuning import Tuning
from dropforge.domain.versions import run_id_of, version_of
from dropforge.examine import Examiner
from dropforge.markers import Intent
from dropforge.outcome import Outcome, What, deferred, done, ignored, repeated
from dropforge.ports import ObjectStore
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.wire import ObjectFinalized

FUNCTION = "validate_dataset"
_SHOWN_FINDINGS = 20
LONGEST_SHOWN_PATH = 200


def validate(
    landed: ObjectFinalized,
    *,
    drop: ObjectStore,
    state: ObjectStore,
    progress: Progress,
    settings: Settings,
) -> Outcome:
    """Check the folder in which a file has landed, once it is complete.

    Every file of a drop sends its event here. The newest file speaks for the folder: its handler waits until the
    folder has been quiet for `settle_seconds`, the others acknowledge. Events that come twice, late or out of order
    find the work done, or do it again under the same names.
    """
    if landed.bucket != drop.bucket:
        return ignored("it landed in another bucket than datasets are dropped into")
    place = place_of(landed.name)
    if place is None or place.file not in datasets.KNOWN:
        return ignored("no file of a dataset")
    return Intake(drop, state, progress, settings).consider(place.dataset, cause=landed.id, landed=landed)


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes folders in: the validator's work, for events and for the sweep alike."""

    drop: ObjectStore
    state: ObjectStore
    progress: Progress
    settings: Settings

    def consider(self, dataset: str, *, cause: str, landed: ObjectFinalized | None = None) -> Outcome:
        """Begin a run for a folder if it is complete, quiet and new.

        Args:
            dataset: The folder's path below `datasets/`.
            cause: Id of the event, for the run's history.
            landed: The file that landed; None when the sweep asks.
        """
        folder = self.listed(dataset)
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

    @property
    def _examiner(self) -> Examiner:
        return Examiner(self.drop, self.settings.operator)

    @property
    def _today(self) -> date:
        return self.progress.clock.now().date()

    def missing(self, folder: Folder) -> tuple[str, ...]:
        """The files that the folder still waits for."""
        absent = folder.missing(split_test_labels=False)
        if absent != (TEST_LABELS,):
            return absent  # only the test labels can be optional, so nothing needs to be read
        try:
            tuning = self._examiner.configuration(folder, self._today, Findings())
        except Missing:  # replaced or removed meanwhile: its own event follows
            tuning = self.settings.operator.tuning
        return folder.missing(split_test_labels=tuning.test_labels == "split")

    def listed(self, dataset: str) -> Folder:
        """A folder as it is now."""
        return Folder.of(dataset, self.drop.list(f"{datasets.ROOT}{dataset}/"))

    def _completed_by_manifest(self, folder: Folder) -> bool:
        try:
            listed = self._examiner.manifest(folder)
        except (Unreadable, Missing):
            return False  # the folder can still complete itself by growing quiet; the manifest is reported then
        return bool(listed) and not folder.differing(listed)

    def _is_settled(self, folder: Folder) -> bool:
        """Wait until the folder has been quiet for long enough; False when something landed meanwhile."""
        wait = self.settings.settle - folder.quiet_for(self.progress.clock.now())
        self.progress.clock.sleep(wait.total_seconds())
        return self.listed(folder.dataset).drop == folder.drop

    def _take_in(self, folder: Folder, cause: str, *, settled: bool) -> Outcome:
        """Check the folder as it is now, unless this version has been taken in before."""
        try:
            outcome = self._judge(folder, cause, settled=settled)
        except Missing:
            return deferred("a file was replaced or removed meanwhile: begin again with its event")
        if outcome.what is not What.DEFERRED:
            self.progress.ledger.note_intake(folder.dataset, folder.drop, outcome.run)
        return outcome

    def _judge(self, folder: Folder, cause: str, *, settled: bool) -> Outcome:
        if NAME.fullmatch(folder.dataset) is None:
            if not settled and not self._is_settled(folder):
                return deferred("another file landed meanwhile: its event speaks for the folder")
            self.progress.bus.publish(_misnamed(folder))
            return done("told that the folder cannot be used where it is")
        findings = Findings()
        tuning = self._examiner.configuration(folder, self._today, findings)
        self._examiner.compare_with_manifest(folder, findings)
        configuration = tuning.as_mapping()
        if findings.rejected:  # two broken side files resolve to the same configuration, but differ
            sides = (folder.by_name.get(name) for name in (TUNING, MANIFEST))
            configuration |= {file.name: file.crc32c for file in sides if file}
        version = version_of(folder.pins, configuration)
        run_id = run_id_of(folder.dataset, version)
        known = self.progress.ledger.load(run_id)
        if known is not None:
            return self._again(known, version, folder, settled=settled)
        return self._begin(folder, run_id, version, tuning, findings, cause)

    def _begin(
        self, folder: Folder, run_id: str, version: str, tuning: Tuning, findings: Findings, cause: str
    ) -> Outcome:
        began = self.progress.clock.now()
        mine = self.progress.ledger.begin(Intent(run_id, folder.dataset, began))
        # A folder from which a file was removed is a new drop of old files, so it is not their age that counts.
        dropped_at = max(filter(None, (_landed(folder), self.progress.ledger.marked_at(run_id))))
        try:
            report = self._examiner.check(folder, tuning, findings)
            if report.verdict == "accepted":
                self._pin(folder, run_id)
        except Missing:  # replaced meanwhile: nothing comes of this version, unless a twin was faster
            if mine:
                self.progress.ledger.forget(mine)
            raise
        verdict = State.VALIDATED if report.verdict == "accepted" else State.REJECTED
        ended = max(self.progress.clock.now(), began)
        run = Run(
            id=run_id,
            dataset=folder.dataset,
            version=version,
            dropped_at=dropped_at,
            pins=folder.pins,
            tuning=tuning,
            state=verdict,
            history=(
                Step(state=State.VALIDATING, at=began, function=FUNCTION, event=cause),
                Step(state=verdict, at=ended, function=FUNCTION, event=cause),
            ),
            checked=self._file(report, run_id),
            estimate=self._estimate(tuning, report) if verdict is State.VALIDATED else None,
        )
        is_late = self.progress.clock.now() - began > self.settings.patience / 2
        if (mine is None or is_late) and self.progress.ledger.load(run_id) is None:
            # Whoever marked it, or a sweep, may have given it up meanwhile: no record is ever without a marker.
            self.progress.ledger.begin(Intent(run_id, folder.dataset, began))
        self.progress.record(run)
        return done(f"dataset {verdict}", run_id)

    def _estimate(self, tuning: Tuning, report: Report) -> Estimate:
        operator = self.settings.operator
        return estimate(tuning, report.rows, operator.training, operator.serving, operator.plan, operator.prices)

    def _again(self, known: Run, version: str, folder: Folder, *, settled: bool) -> Outcome:
        """This version was taken in before: by an earlier delivery of this very drop, or by an earlier drop."""
        if known.version != version:
            raise Permanent(
                f"two versions share the run id {known.id}: change any byte of the dataset and drop it again"
            )
        if known.pins == folder.pins:
            told = self.progress.catch_up(known)
            return repeated("taken in before" + "; told again" * told, known.id)
        if not settled and not self._is_settled(folder):
            return deferred("another file landed meanwhile: its event speaks for the folder", known.id)
        self.progress.catch_up(known)  # what the earlier drop's event may have been cut off from telling
        skipped = announcements.skipped(known, self.progress.links, drop=folder.drop, at=_landed(folder))
        self.progress.bus.publish(skipped)
        return done("the same version as before: skipped", known.id)

    def _pin(self, folder: Folder, run_id: str) -> None:
        """Copy exactly what was checked to where the job will read it, and where nobody else writes."""
        for name in datasets.DATA:
            if name in folder.by_name:
                self.state.copy_from(folder.by_name[name], f"runs/{run_id}/input/{name}")

    def _file(self, report: Report, run_id: str) -> Checked:
        """Keep the whole report beside the run; events carry only a little of it."""
        name = f"runs/{run_id}/report.json"
        self.state.write(name, wire.report(report), replacing=None)
        return Checked(
            counts=report.counts,
            findings=chosen(report.findings, _SHOWN_FINDINGS),
            rows=report.rows,
            held_out=report.held_out,
            report=f"gs://{self.state.bucket}/{name}",
        )


def _landed(folder: Folder) -> datetime:
    newest = folder.newest
    assert newest is not None  # noqa: S101 - the folder is complete
    return newest.updated


def _misnamed(folder: Folder) -> events.DatasetMisnamed:
    return events.DatasetMisnamed(
        id=f"misnamed/{as_name(folder.dataset)}/{folder.drop}",
        time=_landed(folder),
        dataset=folder.dataset[:LONGEST_SHOWN_PATH],
        suggestion=datasets.name_like(folder.dataset),
    )
