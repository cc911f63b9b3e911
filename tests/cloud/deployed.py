"""What is deployed, used as people use it: by `dropforge` and by Google's clients."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from cloud.deployment import Failed
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1, pubsub_v1, storage

from dropforge import settings
from dropforge.bootstrap import Ports
from dropforge.domain.runs import Run, State
from dropforge.domain.topology import PUBLIC

LISTENER = "rehearsal"  # prefix of our subscriptions
SAMPLE = files("dropforge_local.demo") / "data" / "banking77"
# Ten times through its examples; deployed whatever the gate says, for it is the chain that is rehearsed.
TUNING = b"train_steps: 181\ndeploy: always\n"
QUESTION = "The card I ordered two weeks ago still isn't here"
_COMMAND = str(Path(sys.executable).with_name("dropforge"))
_STOPPED_AFTER = 900  # seconds
_LONGEST = 2 * 3600.0  # seconds for a command: a run that is being deployed is cancelled once it is


def sample() -> dict[str, bytes]:
    """The files of the sample, by name."""
    return {each.name: each.read_bytes() for each in SAMPLE.iterdir()} | {"tuning.yaml": TUNING}


def is_taken(project: str) -> bool:
    """Whether a project has a Dropforge's buckets.

    Raises:
        GoogleAPIError: They cannot be looked for.
    """
    client: Any = storage.Client(project=project)
    return any(client.lookup_bucket(f"{project}-dropforge-{role}") for role in ("drop", "state"))


@dataclass(frozen=True)
class Deployed:
    """A Dropforge that works.

    Attributes:
        variables: Of `dropforge`: where it is.
        operator_file: With what it was deployed.
    """

    variables: Mapping[str, str]
    operator_file: Path

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """Of a command, with nothing of the caller's own Dropforge."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("DROPFORGE_")}
        return others | dict(self.variables) | {"DROPFORGE_CONFIG": str(self.operator_file)}

    @cached_property
    def ports(self) -> Ports:
        """The same, in this process."""
        return Ports(settings.load(self.environment))

    @property
    def project(self) -> str:
        """Its project's id."""
        return self.variables["DROPFORGE_PROJECT"]

    def dropforge(self, *arguments: str, may_be: int = 0) -> str:
        """Run a command and give what it prints.

        Raises:
            Failed: Its exit status is neither 0 nor what it may be.
        """
        command = [_COMMAND, *arguments]
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.operator_file.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST,
        )
        if done.returncode not in {0, may_be}:
            said = done.stderr.strip() or done.stdout.strip()
            raise Failed(f"`dropforge {' '.join(arguments)}` ended with status {done.returncode}: {said[-2_000:]}")
        return done.stdout

    def drop(self, dataset: str) -> None:
        """Drop the sample as a dataset of this name."""
        folder = self.operator_file.with_name("sample")
        folder.mkdir(exist_ok=True)
        for name, data in sample().items():
            (folder / name).write_bytes(data)
        self.dropforge("drop", str(folder), "--name", dataset)

    def predict(self, run: str, dimensions: int) -> None:
        """Ask a run's model for one vector.

        Raises:
            Failed: It gives another number of numbers, or something that is none.
        """
        vector = json.loads(self.dropforge("predict", "--run", run, "--json", QUESTION))["embedding"]
        if len(vector) != dimensions or not all(map(math.isfinite, vector)):
            raise Failed(f"the model of {run} answered with {len(vector)} numbers, not with {dimensions} finite ones")

    # Ending

    def end(self) -> Iterator[str]:
        """See that nothing of any run bills any more; gives a line for each thing that was ended.

        Every run, and not only the rehearsal's own: the ledger that knows them is about to go, and must not go before.

        Raises:
            Failed, DropforgeError, GoogleAPIError: Something goes on.
        """
        runs = [summary.id for summary in self.ports.ledger.summaries()]
        for each in runs:
            while (run := self.ports.ledger.wanted(each)) and not _is_over(run):
                self.dropforge(*_ending(run), may_be=1)  # what is cancelled may end otherwise: it is looked at again
                yield f"ended {run.id}"
        yield from self.stop()
        client = self._models()
        where = f"projects/{self.project}/locations/{self.ports.settings.location}"
        # Not by the records: a job may have left its model, and was cancelled all the same.
        for each in runs:
            for model in list(client.list_models({"parent": where, "filter": f'display_name="{each}"'})):
                with suppress(NotFound):
                    self._delete(client, model.name)
                    yield f"removed {model.name}"

    def stop(self) -> Iterator[str]:
        """Cancel the jobs that still go on; gives a line for each.

        A function that was at work when everything was ended may have submitted one, and nothing watches it any more.

        Raises:
            Failed, DropforgeError: Something goes on, or a model is still served.
        """
        tuner, asked, deadline = self.ports.tuner, set[str](), time.monotonic() + _STOPPED_AFTER
        while going := self.ports.tuner.unfinished():
            for job in going.keys() - asked:
                tuner.cancel(tuner.named(job))
                asked.add(job)
                yield f"cancelled {job}"
            if time.monotonic() > deadline:
                raise Failed(f"cancelled, and not ended within {_STOPPED_AFTER} s: {', '.join(sorted(going))}")
            time.sleep(1)
        if serving := [each.name for each in self.ports.host.endpoints() if each.models]:
            raise Failed(f"a model is still served, which bills: {', '.join(serving)}")

    def forget(self) -> Iterator[str]:
        """Remove our subscriptions, as far as they are there; gives a line for each."""
        with pubsub_v1.SubscriberClient() as client:
            for topic in PUBLIC:
                with suppress(NotFound):
                    name = f"projects/{self.project}/subscriptions/{LISTENER}-{topic}"
                    client.delete_subscription(subscription=name)
                    yield f"removed {name}"

    def _models(self) -> Any:
        address = self.ports.settings.vertex_endpoint
        options: dict[str, Any] = {"transport": "rest", "client_options": {"api_endpoint": address}}
        if self.ports.settings.has_stand_ins:
            options["credentials"] = AnonymousCredentials()
        return aiplatform_v1.ModelServiceClient(**options)

    @staticmethod
    def _delete(client: Any, model: str) -> None:
        """Remove a model; its last deployment may be ending just now."""
        name = model.partition("@")[0]  # with every version of it
        deadline = time.monotonic() + 300
        while True:
            try:
                client.delete_model(name=name).result(timeout=300)
            except NotFound:
                raise
            except GoogleAPIError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(5)
            else:
                return


def _is_over(run: Run) -> bool:
    return run.is_settled and run.state is not State.DEPLOYED


def _ending(run: Run) -> tuple[str, ...]:
    """The command that ends a run, and waits until nothing of it bills."""
    if run.state is State.DEPLOYED:
        return "retire", run.id, "--even-current"
    return "cancel", run.id, "--reason", "the rehearsal is over"
