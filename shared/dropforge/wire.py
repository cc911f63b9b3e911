"""JSON to and from our events, records and documents.

Only lines of datasets are read elsewhere: where they are checked (`domain/validator`) and used (`domain/content`).

Incoming events are Google's own (binary CloudEvents as Eventarc delivers them): an object was finalized, a Pub/Sub
message was published. The latter carries ours: CloudEvents 1.0 in the Pub/Sub protocol binding, binary content mode
(attributes `ce-id`, `ce-type`, ...; the data is the JSON of the event).
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from cloudevents.http import CloudEvent

from dropforge.domain.content import Text
from dropforge.domain.errors import Unreadable
from dropforge.domain.event import SOURCE, Event, RunEvent
from dropforge.domain.events import EVERY_TYPE
from dropforge.domain.files import Pin
from dropforge.domain.findings import Report
from dropforge.domain.text import COMMAND

Record = TypeVar("Record")

PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"  # the types of Google's events
FINALIZED = "google.cloud.storage.object.v1.finalized"

_TYPES: Mapping[str, type[Event]] = {event.TYPE: event for event in EVERY_TYPE}
_TICK = "schedule"  # an attribute of our scheduler's messages
_HINTS = frozenset({_TICK, "logging.googleapis.com/timestamp"})  # every message of a log sink has the latter
_ENVELOPE = frozenset({"id", "time"})
_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class ObjectFinalized:
    """An object has new bytes. Its identity is bucket, name and generation: several messages can announce one write."""

    bucket: str
    name: str
    generation: int

    @property
    def id(self) -> str:
        """What a run's history names as the cause."""
        return f"{self.name}#{self.generation}"


@dataclass(frozen=True, slots=True)
class Tick:
    """A schedule's moment has come. Late and repeated ticks are normal."""

    schedule: str
    id: str


def object_finalized(event: CloudEvent) -> ObjectFinalized:
    """Read a storage event.

    Raises:
        Unreadable: It is not a storage event.
    """
    try:
        data = event.data
        return ObjectFinalized(str(data["bucket"]), str(data["name"]), int(data["generation"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"not a storage event: {_reason(error)}") from error


def domain_event(event: CloudEvent) -> Event:
    """Read one of our own events out of a Pub/Sub message that a function is given.

    Raises:
        Unreadable: It is not one of ours, or of a type that this version does not know.
    """
    return read_message(*_message(event))


def read_message(data: bytes, attributes: Mapping[str, str]) -> Event:
    """Read one of our own events out of a Pub/Sub message, as a subscriber gets it.

    Raises:
        Unreadable: It is not one of ours, or of a type that this version does not know.
    """
    kind = attributes.get("ce-type", "")
    known = _TYPES.get(kind)
    if known is None:
        raise Unreadable(f"an event of the type {kind[:100]!r} is not known here")
    try:
        content = msgspec.json.decode(data)
        envelope = {"id": attributes["ce-id"], "time": attributes["ce-time"]}
        return msgspec.convert(content | envelope, known)
    except (KeyError, TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Unreadable(f"a {kind} that does not match its type: {_reason(error)}") from error


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The service's log says that a pipeline job has ended. It is a hint: the job itself is then looked at.

    Attributes:
        job: The job's id, as the log has it; used only to look for a run of this name.
        id: The message's id.
    """

    job: str
    id: str


def watch_request(event: CloudEvent) -> Tick | JobEnded:
    """Read what makes the watcher look: a schedule's tick, or an entry of the pipeline jobs' log, which a sink publishes.

    Raises:
        Unreadable: It is neither.
    """
    data, attributes = _message(event)
    if _TICK in attributes:
        return tick(event)
    try:
        job = msgspec.json.decode(data)["resource"]["labels"]["pipeline_job_id"]
        return JobEnded(str(job), f"log/{event['id']}")
    except (KeyError, TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Unreadable(f"neither a tick nor a pipeline job's log entry: {_reason(error)}") from error


def is_hint(event: CloudEvent) -> bool:
    """Whether a Pub/Sub message only makes the watcher or the sweep look: a tick, or an entry of the service's log.

    Raises:
        Unreadable: It is no Pub/Sub message.
    """
    return not _HINTS.isdisjoint(_message(event)[1])


def tick(event: CloudEvent) -> Tick:
    """Read a scheduler's message.

    Raises:
        Unreadable: It is not a Pub/Sub message.
    """
    _, attributes = _message(event)
    schedule = attributes.get(_TICK, "unnamed")
    return Tick(schedule, f"{schedule}/{event['id']}")


def time_of(event: CloudEvent) -> datetime | None:
    """When the event came about; None where it does not say, or not in a form that can be read."""
    try:
        at = datetime.fromisoformat(event["time"])
    except (KeyError, TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _message(event: CloudEvent) -> tuple[bytes, Mapping[str, str]]:
    try:
        message = event.data["message"]
        attributes = message.get("attributes") or {}
        if not isinstance(attributes, dict):
            raise TypeError("attributes are no mapping")  # noqa: TRY301 - translated with the rest
        return base64.b64decode(message.get("data") or "", validate=True), attributes
    except (AttributeError, KeyError, TypeError, binascii.Error) as error:
        raise Unreadable(f"not a Pub/Sub message: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def structured(event: Event, project: str, *, text: str) -> bytes:
    """An event of a project as a CloudEvent in structured mode, one JSON text; `text`, an extension, is for people."""
    envelope = {
        "specversion": "1.0",
        "id": event.id,
        "type": event.TYPE,
        "source": SOURCE + project,
        "subject": event.subject,
        "time": event.time.isoformat(),
        "datacontenttype": "application/json",
        "text": text,
    }
    return _encoder.encode(envelope | {"data": _content(event)})


def _content(event: Event) -> dict[str, Any]:
    return {field.name: getattr(event, field.name) for field in fields(event) if field.name not in _ENVELOPE}


def publishable(event: Event, project: str) -> tuple[bytes, dict[str, str]]:
    """An event of a project as a Pub/Sub message: its data and attributes, the same for the same event."""
    attributes = {
        "ce-specversion": "1.0",
        "ce-id": event.id,
        "ce-type": event.TYPE,
        "ce-source": SOURCE + project,
        "ce-subject": event.subject,
        "ce-time": event.time.isoformat(),
        "content-type": "application/json",
        "dataset": event.dataset,
    }
    if isinstance(event, RunEvent):
        attributes |= {"run": event.run, "state": event.state.value}
    return _encoder.encode(_content(event)), attributes


def encode(record: object) -> bytes:
    """A record of ours as JSON, keys in a fixed order."""
    return _encoder.encode(record)


def as_text(record: object) -> str:
    """A record of ours as JSON to be printed: what a terminal would obey is written as an escape."""
    return _printable(encode(record).decode())


def as_document(content: object) -> str:
    """A document of ours as JSON for people to read, keys as they come."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def decode(data: bytes, kind: type[Record], what: str) -> Record:
    """A record of ours back from JSON.

    Raises:
        Unreadable: The stored JSON is not what `kind` promises.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unreadable(f"{what} cannot be read: {error}") from error


def manifest(data: bytes) -> tuple[Pin, ...]:
    """The files that a manifest lists: `{"files": [{"name": ..., "size": ..., "crc32c": ...}]}`.

    Raises:
        Unreadable: It is no manifest.
    """
    try:
        listed = msgspec.json.decode(data, type=_Manifest).files
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Unreadable(f"the manifest cannot be read: {error}") from error
    return tuple(Pin(file.name, 0, file.size, file.crc32c) for file in listed)


def as_manifest(files: Iterable[Pin]) -> bytes:
    """A manifest that lists these files, as `manifest` reads it."""
    return encode(_Manifest(tuple(_Listed(file.name, file.size, file.crc32c) for file in files)))


def record(line: bytes, what: str) -> tuple[str, Text]:
    """A line of a corpus or query file: its `_id`, empty where it has none, and its text.

    Raises:
        Unreadable: It is no JSON object with a text.
    """
    try:
        found = _records.decode(line)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Unreadable(f"{what} cannot be read: {error}") from error
    return found.id, Text(found.title, found.text)


class _Record(msgspec.Struct, gc=False):
    text: str
    title: str = ""
    id: str = msgspec.field(name="_id", default="")


_records = msgspec.json.Decoder(_Record)


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    size: int
    crc32c: str


@dataclass(frozen=True, slots=True)
class _Manifest:
    files: tuple[_Listed, ...]


def report(report: Report) -> bytes:
    """A report as JSON, in the shape that `docs/findings.md` documents.

    What a terminal or a CI runner would obey is written as an escape, should somebody print it.
    """
    shape = {
        "verdict": report.verdict,
        "findings": [{name: getattr(finding, name) for name in _FINDING} for finding in report.findings],
        "counts": dict(sorted(report.counts.items())),
        "rows": report.rows,
        "held_out": report.held_out,
    }
    text = json.dumps(shape, ensure_ascii=False, separators=(",", ":"))  # a file's name may not be valid UTF-8
    text = COMMAND.sub(r"\\u0023", text)
    return _printable(text).encode()


_FINDING = ("code", "severity", "file", "line", "column", "message", "hint")


def _printable(text: str) -> str:
    """JSON in which whatever is not printable is an escape."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]


def as_json(value: object) -> Any:  # noqa: ANN401 - JSON is any of these
    """A value in JSON's own types: dictionaries, lists, texts, numbers; times in RFC 3339."""
    return msgspec.to_builtins(value, order="deterministic")


def as_metadata(record: object) -> dict[str, str]:
    """A flat record as an object's metadata; what is None is left out."""
    return {key: str(value) for key, value in as_json(record).items() if value is not None}


def from_metadata(metadata: Mapping[str, str], kind: type[Record], what: str) -> Record:
    """A flat record back from an object's metadata.

    Raises:
        Unreadable: The metadata is not what `kind` promises.
    """
    try:
        return msgspec.convert(dict(metadata), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Unreadable(f"the metadata of {what} cannot be read: {error}") from error
