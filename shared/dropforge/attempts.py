"""Attempts: a version is tuned anew, under a name of its own, with the bytes that were validated."""

from dataclasses import dataclass
from datetime import datetime

from dropforge.domain.datasets import DATA
from dropforge.domain.errors import NotAllowed
from dropforge.domain.facts import Request
from dropforge.domain.runs import Run, State, Step
from dropforge.domain.text import printable, shortened
from dropforge.domain.versions import run_id_of
from dropforge.markers import Intent
from dropforge.ports import ObjectStore
from dropforge.progress import Progress

_INPUT = "input/"


@dataclass(frozen=True, slots=True)
class Attempts:
    """Begins another attempt at a version.

    Attributes:
        state: Where the runs' data lie.
        progress: Moves runs on, and publishes each step.
    """

    state: ObjectStore
    progress: Progress

    def begin(
        self,
        run: Run,
        *,
        reason: str,
        function: str,
        cause: str,
        not_before: datetime | None = None,
        ordered: Request | None = None,
    ) -> Run:
        """Begin the attempt after this one, once, however often this is called.

        Its input is copied to a prefix of its own: the service's cache would answer a step that reads the same paths.

        Args:
            run: The attempt before.
            reason: Why there is another.
            function: Who begins it, for its history.
            cause: Id of the event, tick or request, for its history.
            not_before: Submit it no sooner.
            ordered: Who asked for it; None where nobody did.

        Returns:
            The new run as it stands.

        Raises:
            NotAllowed: Its input no longer exists.
        """
        attempt = run.attempt + 1
        new = run_id_of(run.dataset, run.version, attempt)
        now = self.progress.clock.now()
        source = f"runs/{run.id}/{_INPUT}"
        there = {file.name.removeprefix(source): file for file in self.state.list(source)}
        if gone := sorted({pin.name for pin in run.pins if pin.name in DATA} - there.keys()):
            raise NotAllowed(f"the input of run {run.id} is there no more ({', '.join(gone)}): drop the dataset again")
        for name, file in there.items():
            self.state.copy_from(file, f"runs/{new}/{_INPUT}{name}")
        self.progress.ledger.begin(Intent(new, run.dataset, now))
        return self.progress.record(
            Run(
                id=new,
                dataset=run.dataset,
                version=run.version,
                attempt=attempt,
                reason=printable(shortened(reason, 300)),
                dropped_at=run.dropped_at,
                pins=run.pins,
                tuning=run.tuning,
                state=State.VALIDATED,
                history=(
                    Step(state=State.VALIDATING, at=now, function=function, event=cause),
                    Step(state=State.VALIDATED, at=now, function=function, event=cause),
                ),
                checked=run.checked,
                estimate=run.estimate,
                not_before=not_before,
                ordered=ordered,
            )
        )

    def latest(self, run: Run) -> Run:
        """The last attempt at a run's version."""
        while later := self.progress.ledger.load(run_id_of(run.dataset, run.version, run.attempt + 1)):
            run = later
        return run
