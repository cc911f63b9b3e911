"""The AsyncAPI document of our topics: what is sent, where, with which attributes.

https://www.asyncapi.com/docs/reference/specification/v3.0.0; a message's data is described by its JSON Schema, a file
beside the document.
"""

from typing import Any

import yaml

from dropforge.domain.event import SOURCE, Event, RunEvent
from dropforge.domain.events import EVERY_TYPE
from dropforge.domain.topology import PUBLIC
from dropforge.reports.schemas import schema, short, summary

SCHEMAS = "schemas"  # the folder beside the document
_INTRODUCTION = (
    "What Dropforge tells of the datasets that are dropped, and of the models tuned with them: CloudEvents 1.0 in the "
    "binary content mode of the Pub/Sub protocol binding. Deliveries may be repeated, and come in any order: "
    "deduplicate by `ce-id`. Within `v1` fields are added, never removed or given another meaning."
)
_ADDRESS = "projects/{project}/topics/%s"
_TEXT = {"type": "string"}


def document(examples: dict[str, Any]) -> str:
    """The document, in YAML.

    Args:
        examples: Of every type, by its name and more: a message's `attributes` and `data`.
    """
    described = {
        "asyncapi": "3.0.0",
        "id": "urn:dropforge",
        "info": {
            "title": "Dropforge's events",
            "version": "v1",
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "cloud": {
                "host": "pubsub.googleapis.com",
                "protocol": "googlepubsub",
                "description": "Pub/Sub, in the project that Dropforge is deployed to.",
            }
        },
        "channels": {topic: _channel(topic) for topic in PUBLIC},
        "operations": {f"tell-{topic}": _operation(topic) for topic in PUBLIC},
        "components": {"messages": {short(kind): _message(kind, examples) for kind in EVERY_TYPE}},
    }
    return yaml.dump(described, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


class _Plain(yaml.SafeDumper):
    """Writes out in full what occurs twice."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the library's signature
        return True


def _channel(topic: str) -> dict[str, Any]:
    told = [kind for kind in EVERY_TYPE if topic == kind.TOPIC]
    return {
        "address": _ADDRESS % topic,
        "servers": [{"$ref": "#/servers/cloud"}],
        "description": "\n".join(f"- `{kind.TYPE}`: {summary(kind)}" for kind in told),
        "messages": {short(kind): {"$ref": f"#/components/messages/{short(kind)}"} for kind in told},
        "parameters": {"project": {"description": "The Google Cloud project that Dropforge is deployed to."}},
    }


def _operation(topic: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{topic}"}}


def _message(kind: type[Event], examples: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": kind.TYPE,
        "title": kind.TYPE,
        "summary": summary(kind),
        "contentType": "application/json",
        "headers": headers(kind),
        "payload": {"$ref": f"{SCHEMAS}/{short(kind)}.json"},
        "examples": [
            {"name": name, "headers": example["attributes"], "payload": example["data"]}
            for name, example in examples.items()
            if example["attributes"]["ce-type"] == kind.TYPE
        ],
    }


def headers(kind: type[Event]) -> dict[str, Any]:
    """The schema of the attributes that an event's message has."""
    of_a_run = issubclass(kind, RunEvent)
    described = {
        "ce-specversion": {"const": "1.0"},
        "ce-id": _TEXT | {"description": "Stable across repetitions: deduplicate by it."},
        "ce-type": {"const": kind.TYPE},
        "ce-source": _TEXT
        | {"pattern": f"^{SOURCE}[^/]+$", "description": "Whose event it is: the Google Cloud project's."},
        "ce-subject": _TEXT | {"description": f"What it is about: `{'runs/RUN' if of_a_run else 'datasets/NAME'}`."},
        "ce-time": _TEXT | {"format": "date-time", "description": "When the fact came about, however late it is told."},
        "content-type": {"const": "application/json"},
        "dataset": _TEXT | {"description": "The dataset's name; for filters."},
    }
    if of_a_run:
        state = schema(kind)["properties"]["state"]
        described |= {"run": _TEXT | {"description": "The run's id; for filters."}, "state": state}
    return {"type": "object", "properties": described, "required": list(described)}
