"""What `make demo` shows: three drops, what becomes of them, and a prediction by the tuned model."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1, storage
from google.protobuf import json_format, struct_pb2
from rich.console import Console
from rich.text import Text

from dropforge.domain.evaluation import MEASURES
from dropforge.domain.event import Event, RunEvent
from dropforge.domain.events import DatasetRejected, ModelDeployed
from dropforge.domain.runs import SETTLED
from dropforge.domain.text import printable
from dropforge.reports.timeline import told
from dropforge_local.stack import detached
from dropforge_local.stack.down import down
from dropforge_local.stack.errors import NotRunning, StackError
from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.record import Record
from dropforge_local.stack.timeline import Timeline

PATIENCE = 300.0  # seconds for all runs to end
_DATA = files("dropforge_local.demo") / "data"
_QUESTION = "The card I ordered two weeks ago still isn't here"


def run(folder: Path, *, source: Path, out: Console) -> None:
    """Start a fresh stack in `folder`, run the demonstration, stop the stack.

    Raises:
        StackError: The stack does not start, or a run does not end as it should.
    """
    began = time.monotonic()
    stack = StackFolder(folder)
    _stop(stack)  # what an interrupted demonstration left
    stack.clear()
    record = detached.up(stack, source=source, port_base=0)
    try:
        out.print(f"The stack is ready after {time.monotonic() - began:.1f} s: five servers and seven functions.")
        out.print(f"While this runs, its console is at {record.console}\n")
        os.environ.update(record.variables)  # Google's clients read where the stack is from there
        _Demonstration(record, out).run()
        out.print(f"\nFrom starting the stack to here: {time.monotonic() - began:.1f} s. Stopping it.")
    except KeyboardInterrupt:
        out.print("\nStopping the stack.")
        raise
    finally:
        _stop(stack)
    _what_next(out)


def _stop(stack: StackFolder) -> None:
    with suppress(NotRunning):
        down(stack)


@dataclass
class _Demonstration:
    record: Record
    out: Console
    heard: list[Event] = field(default_factory=list)

    def run(self) -> None:
        project = self.record.variables["DROPFORGE_PROJECT"]
        with Timeline(project, "demo") as timeline:
            began = time.monotonic()
            for name, folder in {"seed": "seed", "banking77": "banking77", "broken": "seed"}.items():
                self._drop(name, folder)
            for event in timeline.events(until=began + PATIENCE):
                self.heard.append(event)
                if line := told(event, f"{time.monotonic() - began:.2f} s"):
                    self.out.print(line)
                if self._is_over():
                    break
            else:
                raise StackError(f"Not every run ended within {PATIENCE:.0f} s: see the logs in the stack's folder.")
        deployed = next(event for event in self._deployed() if event.dataset == "banking77")
        self._measured(deployed)
        self._predict(deployed)
        self._slack()

    def _drop(self, name: str, folder: str) -> None:
        """Upload a folder's files as anybody would, with Google's own client."""
        bucket: Any = storage.Client(project=self.record.variables["DROPFORGE_PROJECT"]).bucket(
            self.record.variables["DROPFORGE_DROP_BUCKET"]
        )
        for file in sorted((_DATA / folder).iterdir(), key=lambda file: file.name):
            data = file.read_bytes()
            if name == "broken" and file.name == "test_label.tsv":
                data = data.replace(b"query5\tdoc5", b"query5\tdoc55")
            bucket.blob(f"datasets/{name}/{file.name}").upload_from_string(data)
        self.out.print(f"Dropped gs://{bucket.name}/datasets/{name}/" + " (with a wrong label)" * (name == "broken"))

    def _deployed(self) -> Iterable[ModelDeployed]:
        return (event for event in self.heard if isinstance(event, ModelDeployed))

    def _is_over(self) -> bool:
        """Whether every dropped folder has ended, and each as it should."""
        ended = {event.dataset for event in self.heard if isinstance(event, RunEvent) and event.state in SETTLED}
        if len(ended) < 3:
            return False
        if {event.dataset for event in self._deployed()} != {"seed", "banking77"} or not any(
            isinstance(event, DatasetRejected) for event in self.heard
        ):
            raise StackError("A run did not end as it should: see the timeline above and the logs.")
        return True

    def _measured(self, deployed: ModelDeployed) -> None:
        judged = deployed.judgement
        if judged:
            asked = f"{judged.queries:,} of its held-out questions, among {judged.documents:,} documents"
            self.out.print(f"\n[bold]banking77, measured with {asked}[/bold]")
            for model, figures in judged.figures.items():
                shown = "   ".join(f"{measure} {figures[measure]:.3f}" for measure in MEASURES if measure in figures)
                self.out.print(f"  {model:<9} {shown}")
            self.out.print(f"  gate      {judged.because}", soft_wrap=True)
            for example in judged.examples[:2]:
                ranks = f"from rank {example.before or 'below ten'} to rank {example.after or 'below ten'}"
                self.out.print(Text(f"  example   “{example.text}” {ranks}"), soft_wrap=True)
        self.out.print(f"  model     {deployed.model}", soft_wrap=True)
        self.out.print(f"  endpoint  {deployed.endpoint}", soft_wrap=True)

    def _predict(self, deployed: ModelDeployed) -> None:
        client: Any = aiplatform_v1.PredictionServiceClient(
            credentials=AnonymousCredentials(),
            transport="rest",
            client_options={"api_endpoint": self.record.variables["DROPFORGE_VERTEX_ENDPOINT"]},
        )
        instance = {"content": _QUESTION, "task_type": "DEFAULT", "title": ""}
        answer = client.predict(
            endpoint=deployed.endpoint, instances=[json_format.ParseDict(instance, struct_pb2.Value())]
        )
        vector = list(answer.predictions[0])
        shown = ", ".join(f"{value:+.3f}" for value in vector[:4])
        self.out.print(f"  predict   “{_QUESTION}” → {len(vector)} numbers: \\[{shown}, …]", soft_wrap=True)

    def _slack(self) -> None:
        """What Slack got, read from the local receiver."""
        address = self.record.variables["DROPFORGE_SLACK_URL"].partition("/services/")[0]
        deadline = time.monotonic() + 15
        wanted = len(self.heard)
        while True:
            messages = requests.get(f"{address}/_local/messages", timeout=10).json()
            if len(messages) >= wanted or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self.out.print(f"\n[bold]Slack got {len(messages)} messages[/bold]")
        for message in messages:
            self.out.print(Text(f"  {printable(message['text'])}"), soft_wrap=True)


def _what_next(out: Console) -> None:
    out.print("\n[bold]Next[/bold]")
    for meaning, command in (
        ("Check a dataset of yours, on this machine alone:", ".venv/bin/dropforge check FOLDER"),
        ("Keep a stack running, with its console and a live timeline:", ".venv/bin/dropforge local up"),
        ("In another terminal, drop it, and see what becomes of it:", ".venv/bin/dropforge drop FOLDER --wait"),
        ("Or point gcloud and Google's clients at the stack:", 'eval "$(.venv/bin/dropforge local env)"'),
        ("See all runs:", ".venv/bin/dropforge runs"),
        ("Ask the tuned model:", '.venv/bin/dropforge search NAME "a question"'),
    ):
        out.print(Text(f"  {meaning}"))
        out.print(Text(f"    {command}", style="bold"), soft_wrap=True)
