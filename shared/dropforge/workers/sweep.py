"""Find what events missed, and do it: the promise that no drop and no completion is lost.

A sweep needs no event but its own tick: what a lost event would have brought about, it does itself.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from dropforge import digest
from dropforge.actions import rollback
from dropforge.actions.retire import retire
from dropforge.aliases import Aliases, Left, Pointer
from dropforge.domain import announcements, datasets, events
from dropforge.domain.catalogue import SOON, BaseModel
from dropforge.domain.datasets import Folder, place_of
from dropforge.domain.files import StoredFile
from dropforge.domain.runs import SETTLED, STUCK_AFTER, Run, State
from dropforge.domain.spaces import deployed_model_id_of, endpoint_since
from dropforge.domain.text import as_name
from dropforge.logs import isolated, log
from dropforge.markers import Owed
from dropforge.orders import Orders
from dropforge.outcome import Outcome, What, done
from dropforge.ports import Endpoint, ModelHost, ObjectStore, Tuner
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.wire import Tick
from dropforge.workers.deploy import decide
from dropforge.workers.turns import Turns
from dropforge.workers.validate import LONGEST_SHOWN_PATH, Intake

FUNCTION = "sweep"
_SHOWN_STRAYS = 20
_EVENTS_OWE = frozenset({None, State.VALIDATED, State.SUCCEEDED})  # what an event should move on; None: validating


def sweep(
    tick: Tick,
    *,
    drop: ObjectStore,
    state: ObjectStore,
    tuner: Tuner,
    host: ModelHost,
    aliases: Aliases,
    orders: Orders,
    progress: Progress,
    settings: Settings,
) -> Outcome:
    """Find whatever has stood still for longer than it may, and move it on. Each repair is logged with its reason."""
    until = progress.clock.now() + settings.working_time
    intake = Intake(drop, state, progress, settings)
    sweeper = Sweeper(intake, tuner, host, aliases, orders, progress, settings, tick.id)
    turns = Turns(FUNCTION, tick.id, until, progress.ledger, progress.clock)
    repaired = 0
    for chore in turns.of(sweeper.chores(), lambda chore: f"{chore.kind} {chore.name}"):
        with isolated(**{chore.kind: chore.name}):
            if why := chore.do():
                repaired += 1
                log.warning("record.repaired", reason=why, **{chore.kind: chore.name})
    with isolated(tick=FUNCTION):  # what was done is done, whether it is noted or not
        progress.ledger.note_tick(FUNCTION, tick.id)
    return done(f"repaired {repaired}")


@dataclass(frozen=True, slots=True)
class Chore:
    """One record to look at. `do` returns why something had to be repaired; nothing if all was well."""

    kind: str
    name: str
    do: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Repairs, one record at a time: what goes wrong with one does not touch the next."""

    intake: Intake
    tuner: Tuner
    host: ModelHost
    aliases: Aliases
    orders: Orders
    progress: Progress
    settings: Settings
    cause: str

    def chores(self) -> Iterator[Chore]:
        """Everything that may need a repair, from listings alone. A listing that fails does not hide the others."""
        for listing in (self._runs, self._folders, self._spaces, self._served, self._jobs, self._days):
            with isolated(listing=listing.__name__.strip("_")):
                yield from listing()

    # Runs

    def _runs(self) -> Iterator[Chore]:
        """Runs that an event should have moved on, and those that have stood still for longer than is normal.

        A run that waits for a quota, or has a job or a deployment, is followed by the watcher.
        """
        for owed in self.progress.ledger.active():
            now = self.progress.clock.now()
            is_left = now - owed.touched >= self.settings.patience
            if owed.waits and is_left:
                if not owed.waits_told:
                    yield Chore("waiting", owed.run, partial(self._waiting, owed))
            elif is_left and (owed.state in _EVENTS_OWE or owed.state in SETTLED):
                yield Chore("run", owed.run, partial(self._overdue, owed))
            # A waiting run's marker is touched whenever its reason changes, so its age says nothing.
            since = owed.begun if owed.state is State.VALIDATED else owed.touched
            if owed.state and not owed.stuck_told and now - since >= STUCK_AFTER.get(owed.state, timedelta.max):
                yield Chore("stuck", owed.run, partial(self._stuck, owed))

    def _overdue(self, owed: Owed) -> str:
        run = self.progress.ledger.load(owed.run)
        if run is None:
            return self._cut_off(owed)
        if self.progress.tell(run, told=owed.told):
            return f"it is {run.state}, which had not been told"
        if run.is_settled:  # it was about to be taken up again, and was not
            self.progress.ledger.settle_left(run)
            return ""
        if run.state is State.VALIDATED:
            outcome = self.orders.place(run, cause=self.cause, is_new=True)
            if outcome.what is What.DEFERRED:
                self.progress.ledger.note_waiting(run)  # its marker was written anew, and no longer said that it waits
            return f"no event had it submitted: {outcome.why}"
        if run.state is State.SUCCEEDED:
            outcome = decide(run, host=self.host, progress=self.progress, settings=self.settings, cause=self.cause)
            return f"no event had its model looked at: {outcome.why}"
        return ""

    def _waiting(self, owed: Owed) -> str:
        run = self.progress.ledger.load(owed.run)
        notice = announcements.waiting(run, self.progress.links) if run and run.state is State.VALIDATED else None
        if run is None or notice is None:
            return ""
        is_news = self.progress.mention(notice)
        self.progress.ledger.note_waits_told(run)  # thousands may wait: no sweep asks again for each of them
        return f"it waits: {notice.reason}; told" if is_news else ""

    def _cut_off(self, owed: Owed) -> str:
        """Validation began and left no record: begin it again, or forget it when the folder has changed since."""
        intent = self.progress.ledger.intent(owed.run)
        if intent is None:
            return ""
        outcome = self.intake.consider(intent.dataset, cause=self.cause)
        if self.progress.ledger.load(owed.run) is None:
            self.progress.ledger.forget(intent)
        return f"validation was cut off; begun again: {outcome.why}"

    def _stuck(self, owed: Owed) -> str:
        run = self.progress.ledger.load(owed.run)
        now = self.progress.clock.now()
        since = max(filter(None, (run.updated, run.not_before))) if run else now
        if run is None or now - since < STUCK_AFTER.get(run.state, timedelta.max):
            return ""
        is_news = self.progress.mention(announcements.stuck(run, self.progress.links))
        self.progress.ledger.note_stuck_told(run)
        return f"it has been {run.state} for too long: told" if is_news else ""

    # Folders

    def _folders(self) -> Iterator[Chore]:
        """Folders that nobody has taken in as they are now."""
        taken = self.progress.ledger.intakes()
        for folder in _grouped(self.intake.drop.list(datasets.ROOT)):
            if taken.get(as_name(folder.dataset)) != folder.drop and not self._is_fresh(folder):
                yield Chore("dataset", folder.dataset, partial(self._folder, folder))

    def _is_fresh(self, folder: Folder) -> bool:
        return folder.newest is None or folder.quiet_for(self.progress.clock.now()) < self.settings.patience

    def _folder(self, folder: Folder) -> str:
        outcome = self.intake.consider(folder.dataset, cause=self.cause)
        if outcome.what is not What.DEFERRED:
            return f"no event took the folder in: {outcome.why}"
        if self.intake.listed(folder.dataset).drop != folder.drop:
            return ""  # it has changed since: its own event speaks for it
        missing = self.intake.missing(folder)
        waited = folder.quiet_for(self.progress.clock.now())
        if not missing or waited < timedelta(seconds=self.settings.incomplete_after_seconds):
            return ""
        self.progress.bus.publish(_incomplete(folder, missing))
        self.progress.ledger.note_intake(folder.dataset, folder.drop)
        return "it has waited for its missing files for too long: told"

    # Spaces, endpoints, aliases

    def _spaces(self) -> Iterator[Chore]:
        """Spaces that readers have left for longer than the operator keeps them."""
        for left in self.aliases.left():
            if left.at_once or self.progress.clock.now() - left.since >= self.settings.operator.keeps_previous:
                yield Chore("space", left.run, partial(self._space, left))

    def _space(self, left: Left) -> str:
        outcome = retire(
            left, aliases=self.aliases, host=self.host, progress=self.progress, function=FUNCTION, cause=self.cause
        )
        return outcome.why if outcome.what is What.DONE else ""

    def _served(self) -> Iterator[Chore]:
        """Our endpoints, as they may bill with no run to account for them; then what readers are pointed to."""
        serving = set()
        for endpoint in self.host.endpoints():
            yield Chore("endpoint", endpoint.name, partial(self._endpoint, endpoint))
            if endpoint.models:
                serving.add(endpoint.run)
        yield from self._aliases(serving)

    def _endpoint(self, endpoint: Endpoint) -> str:
        run = self.progress.ledger.load(endpoint.run) if endpoint.run else None
        if run and (run.state is State.DEPLOYED or self.progress.clock.now() - run.updated < self.settings.patience):
            return ""  # in use, or being removed just now
        if run and not run.is_settled:  # on its way, unless an older record was restored, and its marker was not
            return f"it is {run.state}, which nobody followed" if self.progress.catch_up(run) else ""
        if run and endpoint.name == self.host.endpoint(run.id) and self._is_left(endpoint, run):
            self.host.discard(endpoint.name, deployed_model_id_of(run.id, reopened=run.reopened))
            return f"the run is {run.state}, and its endpoint was left: removed"
        # Only people know whose it is.
        notice = announcements.unowned(endpoint.name, run, dataset=endpoint.dataset, at=endpoint.created)
        return "no run accounts for it: told, not deleted" if self.progress.mention(notice) else ""

    def _is_left(self, endpoint: Endpoint, run: Run) -> bool:
        """Whether the endpoint is the run's, on record or not, and not that of a run whose record is lost."""
        return endpoint.created >= endpoint_since(run) and not self.aliases.lead_to(run)

    def _aliases(self, serving: Collection[str]) -> Iterator[Chore]:
        """Moves by hand that nobody was told of; readers of a model that is gone, or whose base will soon stop answering."""
        today = self.progress.clock.now().date()
        for pointer in self.aliases.pointers():
            if pointer.run not in serving:
                yield Chore("unserved", pointer.dataset, partial(self._unserved, pointer))
            if pointer.is_untold:
                yield Chore("moved", pointer.dataset, partial(self._moved, pointer))
            base = self.settings.operator.catalogue.base_models.get(pointer.base_model)
            if base and base.retires - today <= SOON:
                yield Chore("alias", pointer.dataset, partial(self._retiring, pointer, base))

    def _moved(self, pointer: Pointer) -> str:
        alias = self.aliases.of(pointer.dataset)
        if alias is None or alias.request is None:
            return ""
        stands = rollback.confirmed(alias, aliases=self.aliases, host=self.host, progress=self.progress)
        return f"its readers were pointed to {pointer.run} by hand: " + ("told" if stands else "taken back")

    def _unserved(self, pointer: Pointer) -> str:
        run = self.progress.ledger.load(pointer.run)
        if run and run.state is State.RETIRED:  # whoever pointed them there late was cut off before taking it back
            self.aliases.remove(pointer.dataset, run.id)
            return "its readers were pointed to what is retired: taken back"
        if run is None or run.state is not State.DEPLOYED or rollback.is_served(run, self.host):
            return ""  # it is on its way, or has come since the endpoints were listed
        return "its readers' model is not served: told" if self.progress.mention(announcements.unserved(run)) else ""

    def _retiring(self, pointer: Pointer, base: BaseModel) -> str:
        notice = announcements.retiring(pointer.dataset, pointer.run, base)
        return f"{base.id} retires on {base.retires}: told" if self.progress.mention(notice) else ""

    # Jobs

    def _jobs(self) -> Iterator[Chore]:
        """Jobs of runs that ended at the very moment they were submitted: the jobs still bill."""
        active = {owed.run for owed in self.progress.ledger.active()}
        for run_id in self.tuner.unfinished():
            if run_id not in active:
                yield Chore("job", run_id, partial(self._job, run_id))

    def _job(self, run_id: str) -> str:
        run = self.progress.ledger.load(run_id)
        if run is None or not run.is_settled:
            return ""
        self.tuner.cancel(self.tuner.named(run_id))
        return f"the run is {run.state}, and its job runs on: asked to stop"

    # The day

    def _days(self) -> Iterator[Chore]:
        """The digest of the day that is over, where the operator wants one."""
        hour = self.settings.operator.notifications.digest
        if hour is not None:
            until = digest.due(hour, self.progress.clock.now())
            yield Chore("digest", f"{until:%Y-%m-%d}", partial(self._day, until))

    def _day(self, until: datetime) -> str:
        if self.progress.ledger.is_said(digest.id_of(until)):
            return ""
        summed_up = digest.summed_up(self.progress.ledger, until)
        return "the day was not summed up yet: told" if summed_up and self.progress.mention(summed_up) else ""


def _grouped(listing: Iterable[StoredFile]) -> Iterator[Folder]:
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
        id=f"incomplete/{as_name(folder.dataset)}/{folder.drop}",
        time=newest.updated,
        dataset=folder.dataset[:LONGEST_SHOWN_PATH],
        missing=missing,
        probably_meant={name: near for name, near in folder.probably_meant.items() if name in missing},
        unknown=folder.unknown[:_SHOWN_STRAYS],
    )
