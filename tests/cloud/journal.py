"""What a rehearsal remembers: until it is over, for a call that goes on after a crash; once it is, for people."""

import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import msgspec
from cloud.deployment import ROOT, Options

from dropforge import wire
from dropforge.domain.event import Event
from dropforge.domain.events import JobComplete, ModelDeployed

RECORD = Path(__file__).with_name("REHEARSED.md")
AnEvent = TypeVar("AnEvent", bound=Event)


@dataclass
class Heard:
    """An event as it came.

    Attributes:
        after: Seconds after the drop.
        data: The message's data.
        attributes: The message's attributes.
    """

    after: float
    data: str
    attributes: dict[str, str]


@dataclass
class Journal:
    """How far a rehearsal is; every change is written down before anything else happens.

    Attributes:
        path: Where.
        options: What is rehearsed.
        dataset: Name of the dataset, of this rehearsal alone.
        dropped: When it was dropped, in seconds since 1970; 0 before.
        heard: The events that were heard of it, by type.
        took: Seconds that each step took, in all calls together.
        variables: The environment in which `dropforge` works with what was deployed; empty before.
        made: Whether anything may have been made.
        ends: Whether it is being torn down: whoever goes on does that.
        ended: Whether nothing bills by the hour any more: the ledger that says so may be gone.
    """

    path: Path
    options: Options
    dataset: str
    dropped: float = 0
    heard: dict[str, Heard] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    made: bool = False
    ends: bool = False
    ended: bool = False

    @classmethod
    def kept(cls, path: Path) -> "Journal | None":
        """The journal of a rehearsal that is not over; None where there is none."""
        return msgspec.json.decode(path.read_bytes(), type=cls, dec_hook=_path) if path.exists() else None

    @classmethod
    def begun(cls, path: Path, options: Options) -> "Journal":
        """The journal of a new rehearsal."""
        journal = cls(path, options, f"rehearsal-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        journal.keep()
        return journal

    def keep(self) -> None:
        """Write it down, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        writing = self.path.with_suffix(".new")
        writing.write_bytes(msgspec.json.encode(self, enc_hook=str))
        os.replace(writing, self.path)  # noqa: PTH105 - the same, and says that it replaces

    def hear(self, event: Event, after: float) -> None:
        """Note an event, `after` so many seconds."""
        data, attributes = wire.publishable(event, self.options.project)
        self.heard.setdefault(event.TYPE, Heard(after, data.decode(), attributes))
        self.keep()

    def event(self, kind: type[AnEvent]) -> AnEvent:
        """An event that was heard."""
        heard = self.heard[kind.TYPE]
        return wire.read_message(heard.data.encode(), heard.attributes)  # type: ignore[return-value]


def _path(_: object, value: object) -> object:
    return Path(str(value))


def recorded(journal: Journal, versions: str) -> str:
    """The record for people of a rehearsal that came to its end, and of which nothing is left."""
    complete, deployed = journal.event(JobComplete), journal.event(ModelDeployed)
    judged = deployed.judgement
    figures = f"{judged.verdict}: {judged.because}" if judged else "not measured"
    rows = [
        *((f"{name}", f"{seconds:,.0f}") for name, seconds in journal.took.items()),
        *((f"from the drop to `{kind}`", f"{heard.after:,.0f}") for kind, heard in journal.heard.items()),
        ("the job by itself", f"{complete.seconds:,.0f}"),
    ]
    head = f"{datetime.now(UTC):%Y-%m-%d}, Dropforge {version('dropforge')}{_commit()}, {versions}"
    table = "\n".join(f"| {what} | {seconds} |" for what, seconds in rows)
    return f"""# The rehearsal in a cloud project

Last rehearsed: {head}, Python {platform.python_version()}, {journal.options.region}.

| step | seconds |
|---|---:|
{table}

The model answered with vectors of {deployed.dimensions} numbers. The gate: {figures}
"""


def _commit() -> str:
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f" ({asked.stdout.strip()})" if asked.returncode == 0 else ""
