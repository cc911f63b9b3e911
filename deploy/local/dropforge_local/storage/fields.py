"""What clients may set of an object, and how it changes."""

import re
from collections.abc import Mapping
from typing import Any

from dropforge_local.storage.errors import Invalid
from dropforge_local.storage.resources import Fields

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # would break the response headers that these fields become
_TEXTS = {
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "storageClass",
}


def settable(body: Mapping[str, Any]) -> Fields:
    """The settable part of an object resource; a field that is null stays null.

    Raises:
        Invalid: a field has the wrong type.
    """
    fields = {name: body[name] for name in (*_TEXTS, "metadata") if name in body}
    for name, value in fields.items():
        if name == "metadata":
            _check_metadata(value)
        elif not isinstance(value, str | None) or _CONTROL.search(value or ""):
            raise Invalid(f"Invalid value for {name}: text without control characters is needed.")
    return fields


def merged(fields: Fields, changes: Fields) -> Fields:
    """Fields after a PATCH with changes: null removes a field, an object is merged, all else is replaced (RFC 7396)."""
    result = dict(fields)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            previous = result.get(name)
            result[name] = merged(previous if isinstance(previous, dict) else {}, value)
        else:
            result[name] = value
    return result


def _check_metadata(metadata: object) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not all(isinstance(value, str | None) for value in metadata.values()):
        raise Invalid("Invalid value for metadata: an object of texts is needed.")
