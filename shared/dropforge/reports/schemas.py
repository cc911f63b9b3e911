"""JSON Schemas of our events' data, made from their types and docstrings.

Draft 2020-12, in the part of it that says the same in draft 7, which AsyncAPI's tools read. Objects and enumerations are
open: within `v1` fields and values may be added, and what a later release tells must not be refused. A field that has a
default may be absent from what an earlier release told.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from inspect import cleandoc
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from dropforge.domain.errors import Missing
from dropforge.domain.event import Event
from dropforge.domain.events import EVERY_TYPE
from dropforge.domain.text import printable

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE = frozenset({"id", "time"})  # of an event: attributes of its message, not part of its data
_IN_JSON: Mapping[str, str] = MappingProxyType({"None": "null", "False": "false", "True": "true"})
_PYTHON = re.compile("|".join(rf"\b{word}\b" for word in _IN_JSON))
_PLAIN: Mapping[Any, Schema] = MappingProxyType(
    {
        str: {"type": "string"},
        bool: {"type": "boolean"},
        int: {"type": "integer"},
        float: {"type": "number"},
        NoneType: {"type": "null"},
        datetime: {"type": "string", "format": "date-time"},
        date: {"type": "string", "format": "date"},
    }
)


def short(kind: type[Event]) -> str:
    """An event's type without what all types share: `job.complete` of `dropforge.job.complete.v1`."""
    return kind.TYPE.removeprefix("dropforge.").removesuffix(".v1")


def type_named(name: str) -> type[Event]:
    """The event of this type, given whole or short.

    Raises:
        Missing: There is none.
    """
    for kind in EVERY_TYPE:
        if name in {kind.TYPE, short(kind)}:
            return kind
    raise Missing(f"there is no type of event {printable(name)[:100]}: `dropforge events schema` lists them")


def schema(kind: type[Event]) -> Schema:
    """The schema of an event's data, complete in itself."""
    nested: dict[str, Schema] = {}
    whole = _object(kind, nested)
    head = {"$schema": DIALECT, "$id": f"urn:dropforge:{kind.TYPE}", "title": kind.TYPE}
    return head | whole | ({"$defs": dict(sorted(nested.items()))} if nested else {})


def summary(kind: type) -> str:
    """What a type's docstring says before its attributes, as one paragraph."""
    return " ".join(cleandoc(kind.__doc__ or "").partition("\nAttributes:")[0].split())


def described(kind: type) -> dict[str, str]:
    """What the docstrings of a type, and of those it inherits from, say of its fields."""
    told: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        listed = cleandoc(one.__dict__.get("__doc__") or "").partition("\nAttributes:\n")[2]
        for name, text in re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", listed, re.MULTILINE):
            told[name] = _PYTHON.sub(lambda found: _IN_JSON[found[0]], " ".join(text.split()))
    return told


def values(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 - as type hints are
    """The values of an enumeration; none for any other type."""
    return tuple(one.value for one in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ()


def content(kind: type) -> Iterator[tuple[Field[Any], Any]]:
    """The fields that a type has in JSON, each with its type."""
    hints = get_type_hints(kind)
    envelope = ENVELOPE if issubclass(kind, Event) else frozenset()
    return ((field, hints[field.name]) for field in fields(kind) if field.name not in envelope)


def is_required(field: Field[Any]) -> bool:
    """Whether every release tells it."""
    return field.default is MISSING and field.default_factory is MISSING


def _object(kind: type, nested: dict[str, Schema]) -> Schema:
    told = described(kind)
    properties = {}
    for field, hint in content(kind):
        about = told[field.name]  # a field without a description is not finished
        if values(hint):
            about += " A later release may know more values than these examples."
        properties[field.name] = {"description": about, **_schema(hint, nested)}
    return {
        "description": summary(kind),
        "type": "object",
        "properties": properties,
        "required": [field.name for field, _ in content(kind) if is_required(field)],
    }


def _schema(hint: Any, nested: dict[str, Schema]) -> Schema:  # noqa: ANN401 - as type hints are
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if known := values(hint):
        return {"type": "string", "examples": list(known)}
    if is_dataclass(hint) and isinstance(hint, type):
        if hint.__name__ not in nested:
            nested[hint.__name__] = {}  # a type that holds itself would come back here
            nested[hint.__name__] = _object(hint, nested)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {UnionType, Union}:
        return {"anyOf": [_schema(one, nested) for one in inner]}
    if origin is tuple and inner[1:] == (...,):
        return {"type": "array", "items": _schema(inner[0], nested)}
    if origin is dict and inner[0] is str:
        return {"type": "object", "additionalProperties": _schema(inner[1], nested)}
    raise TypeError(f"no schema is made of {hint}: add it here")
