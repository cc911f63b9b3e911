"""The rehearsal: deploy, examine, drop, hear, predict, retire; and remove everything again, whatever happens."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from cloud.deployed import LISTENER, Deployed, is_taken
from cloud.deployment import Deployment, Failed
from cloud.journal import Journal, recorded
from rich.console import Console

from dropforge.domain.event import Event
from dropforge.domain.events import (
    DatasetIncomplete,
    DatasetMisnamed,
    DatasetRejected,
    DatasetValidated,
    DeployFailed,
    JobComplete,
    ModelDeployed,
    ModelWithheld,
    TuningSubmitted,
)
from dropforge.domain.topology import PUBLIC
from dropforge.reports.timeline import told
from dropforge_local.stack.timeline import Timeline

# Seconds that each event may take after the one before.
PATIENCE: Mapping[type[Event], float] = MappingProxyType(
    {
        DatasetValidated: 15 * 60,  # its function starts for the first time; a sweep would find what was missed
        TuningSubmitted: 30 * 60,
        JobComplete: 8 * 3600,  # it may wait for accelerators
        ModelDeployed: 2 * 3600,
    }
)
_ENDS = (DatasetIncomplete, DatasetMisnamed, DatasetRejected, DeployFailed, ModelWithheld)
_WELL_AFTER = 600  # seconds for rights to arrive and the first ticks to be done
_EVERY = 20  # seconds
_STRAGGLES = 120  # seconds that an event may come after one that it should have come before


class Left(Exception):
    """Not everything could be removed: says what is left, what it costs, and the commands that remove it."""


def as_deployed(variables: Mapping[str, str]) -> Mapping[str, str]:
    """Where the deployment is: where Terraform says."""
    return variables


@dataclass
class Rehearsal:
    """One rehearsal in one project.

    Attributes:
        journal: How far it is.
        deployment: Terraform's half.
        again: The command that tears it down, for people.
        record: Where its success is written down.
        out: Where it is told.
        where: Gives `dropforge`'s environment, from what Terraform says.
        patience: Seconds that each event may take.
        well_after: Seconds after which the doctor must find nothing wrong.
    """

    journal: Journal
    deployment: Deployment
    again: str
    record: Path
    out: Console
    where: Callable[[Mapping[str, str]], Mapping[str, str]] = as_deployed
    patience: Mapping[type[Event], float] = field(default_factory=lambda: PATIENCE)
    well_after: float = _WELL_AFTER

    def run(self) -> None:
        """Rehearse, or go on where an earlier call was cut off; then tear down, whatever came of it.

        Raises:
            Left: Something of it is left.
            Exception, KeyboardInterrupt: It did not come to its end, which is told; nothing of it is left.
        """
        try:
            versions = self._rehearse()
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"
            self.out.print(f"The rehearsal did not come to its end. {why}", style="red", markup=False, soft_wrap=True)
            raise
        finally:
            if self.journal.made:
                self.tear_down()
            else:
                self._forget("Nothing was made.")
        self.record.write_text(recorded(self.journal, versions), "utf-8")
        self.out.print(f"Done. {self.record} says how it went: commit it.", soft_wrap=True)

    def _rehearse(self) -> str:
        with self._step("stage and init"):
            self.deployment.prepare()
        project = self.journal.options.project
        if not self.journal.made and is_taken(project):
            raise Failed(f"{project} has a Dropforge that no rehearsal made: take a project that has none")
        self.journal.made = True
        self.journal.keep()
        if not self.journal.dropped:  # else an earlier call came so far
            with self._step("terraform apply"):
                self.deployment.apply()
            with self._step("dropforge doctor"):
                self._examine(self._deployed())
        deployed = self._deployed()
        with Timeline(deployed.project, LISTENER) as timeline:
            if not self.journal.dropped:
                deployed.drop(self.journal.dataset)
                self.journal.dropped = time.time()
                self.journal.keep()
            self._hear(timeline)
        run = self.journal.event(ModelDeployed)
        with self._step("dropforge predict"):
            deployed.predict(run.run, run.dimensions)
        with self._step("dropforge retire"):
            deployed.dropforge("retire", run.run, "--even-current")
        return self.deployment.versions()

    def _examine(self, deployed: Deployed) -> None:
        deadline = time.monotonic() + self.well_after
        while True:
            try:
                deployed.dropforge("doctor")
            except Failed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_EVERY)
            else:
                return

    def _hear(self, timeline: Timeline) -> None:
        """Hear every event that is due, in time."""
        for kind, seconds in self.patience.items():
            until = time.monotonic() + seconds
            while kind.TYPE not in self.journal.heard:
                if ModelDeployed.TYPE in self.journal.heard:  # topics keep no order among them
                    until = min(until, time.monotonic() + _STRAGGLES)
                event = next(timeline.events(until=until), None)
                if event is None:
                    raise Failed(f"no {kind.TYPE} of {self.journal.dataset} came within {seconds:,.0f} s")
                if event.dataset != self.journal.dataset:
                    continue
                after = time.time() - self.journal.dropped
                if line := told(event, f"{after:,.0f} s"):
                    self.out.print(line)
                if isinstance(event, _ENDS) or (isinstance(event, JobComplete) and event.outcome != "succeeded"):
                    raise Failed(f"{self.journal.dataset} did not come to be deployed: {event.TYPE}")
                self.journal.hear(event, after)

    # Tearing down

    def tear_down(self) -> None:
        """Remove everything that the rehearsal made: first what bills by the hour.

        Raises:
            Left: Something could not be removed. The ledger and the journal stay as long as anything may bill.
        """
        self.journal.ends = True
        self.journal.keep()
        try:
            self._remove()
        except BaseException as error:
            raise Left(self._what_is_left(error)) from error
        self._forget("Everything that the rehearsal made is removed.")

    def _forget(self, why: str) -> None:
        shutil.rmtree(self.deployment.folder)
        self.out.print(why)

    def _remove(self) -> None:
        self.deployment.prepare()
        deployed = self._deployed()
        if deployed.variables and not self.journal.ended:
            self._tell(deployed.end())
            self._tell(deployed.forget())
            self.journal.ended = True
            self.journal.keep()
        if self.deployment.made():
            with self._step("terraform destroy"):
                self.deployment.destroy()
        if made := self.deployment.made():
            raise Failed(f"terraform destroy left {', '.join(made)}")
        if deployed.variables:
            self._tell(deployed.stop())

    def _tell(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.out.print(f"          {line}", markup=False, soft_wrap=True)

    def _what_is_left(self, error: BaseException) -> str:
        project, here = self.journal.options.project, f"--region {self.journal.options.region}"
        here = f"{here} --project {project}"
        try:
            made = f"{len(self.deployment.made())} resources of Terraform"
        except (Failed, OSError):
            made = "what Terraform made, as far as it came"
        subscriptions = " ".join(f"{LISTENER}-{topic}" for topic in PUBLIC)
        return f"""NOT everything is removed: {type(error).__name__}: {error}
Left: {made}; perhaps a job or an endpoint, which bills by the hour, asked or not.
Try again, which is best, as it goes by the ledger:
  {self.again}
By hand, first what bills:
  https://console.cloud.google.com/vertex-ai/pipelines/runs?project={project} shows what runs, and cancels it
  gcloud ai endpoints list --filter labels.managed-by=dropforge {here}
  gcloud ai endpoints undeploy-model ENDPOINT --deployed-model-id DEPLOYED_MODEL {here}
  gcloud ai endpoints delete ENDPOINT {here}
  gcloud pubsub subscriptions delete {subscriptions} --project {project}
  terraform -chdir={self.deployment.root} destroy"""

    def _deployed(self) -> Deployed:
        if not self.journal.variables and (outputs := self.deployment.variables()):
            self.journal.variables = dict(self.where(outputs))
            self.journal.keep()
        return Deployed(self.journal.variables, self.deployment.operator_file)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        self.out.print(f"          {name} …")
        yield
        self.journal.took[name] = self.journal.took.get(name, 0) + time.monotonic() - began
        self.journal.keep()
