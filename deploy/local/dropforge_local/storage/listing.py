"""Listing a bucket in order of name, a page at a time, reading no more of the index than the page needs.

Source: "Objects: list", Cloud Storage JSON API reference.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import msgspec

from dropforge_local.storage.database import Database
from dropforge_local.storage.errors import Invalid
from dropforge_local.storage.names import glob_pattern, glob_prefix, just_behind
from dropforge_local.storage.preconditions import whole_number
from dropforge_local.storage.resources import StoredObject

_MOST_RESULTS = 1000


class Position(msgspec.Struct, frozen=True, array_like=True):
    """A place in the order of a listing: strictly after this generation of this name."""

    name: str
    generation: int

    @classmethod
    def of_token(cls, token: str) -> Self:
        """Read a `pageToken`.

        Raises:
            Invalid: it is not one of ours.
        """
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(token), type=cls)
        except (binascii.Error, msgspec.DecodeError, ValueError):
            raise Invalid(f"Invalid value for pageToken: {token!r}.") from None

    def token(self) -> str:
        """As a `pageToken`."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a bucket to list; `limit` counts objects and common prefixes together."""

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str | None = None
    glob: str | None = None
    versions: bool = False
    trailing_delimiter: bool = False
    limit: int = _MOST_RESULTS
    after: Position | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """Read the parameters of `objects.list`.

        Raises:
            Invalid: a value makes no sense.
        """
        token = query.get("pageToken")
        return cls(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            start=query.get("startOffset", ""),
            end=query.get("endOffset") or None,
            glob=query.get("matchGlob") or None,
            versions=_flag(query, "versions"),
            trailing_delimiter=_flag(query, "includeTrailingDelimiter"),
            limit=min(whole_number(query, "maxResults") or _MOST_RESULTS, _MOST_RESULTS),
            after=Position.of_token(token) if token else None,
        )


@dataclass(slots=True)
class Page:
    """Objects, common prefixes, and the token of the next page if there is one."""

    objects: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_token: str | None = None

    def __len__(self) -> int:
        return len(self.objects) + len(self.prefixes)


def list_objects(database: Database, bucket: str, selection: Selection) -> Page:
    """One page of a bucket's objects.

    Raises:
        Invalid: the glob is malformed.
    """
    page = Page()
    reached = _beginning(selection)
    for entry in _entries(database, bucket, selection):
        if len(page) >= selection.limit:
            page.next_token = reached.token()
            break
        if entry.object:
            page.objects.append(entry.object)
        if entry.prefix is not None:
            page.prefixes.append(entry.prefix)
        reached = entry.behind
    return page


class _Entry(NamedTuple):
    """What one step of a listing yields: an object, a common prefix, or the object that is named like its prefix."""

    object: StoredObject | None
    prefix: str | None
    behind: Position


def _entries(database: Database, bucket: str, selection: Selection) -> Iterator[_Entry]:
    """All entries in order; the objects under a common prefix are skipped with one step in the index."""
    pattern = glob_pattern(selection.glob) if selection.glob else None
    position: Position | None = _beginning(selection)
    while position:
        rows = _objects(database, bucket, selection, position)
        position = None
        for found in rows:
            if pattern and not pattern.fullmatch(found.name):
                continue
            prefix = _common_prefix(found.name, selection)
            if prefix is None:
                yield _Entry(found, None, Position(found.name, found.generation))
                continue
            position = Position(just_behind(prefix), -1)
            shown = found if selection.trailing_delimiter and found.name == prefix else None
            yield _Entry(shown, prefix, position)
            break


def _objects(database: Database, bucket: str, selection: Selection, position: Position) -> Iterator[StoredObject]:
    end = just_behind(selection.prefix)
    rows = database.execute(
        "SELECT * FROM objects WHERE bucket = ? AND (name, generation) > (?, ?) AND name < ?"
        " AND (? OR deleted IS NULL) ORDER BY name, generation",
        bucket,
        position.name,
        position.generation,
        min(end, selection.end or end),
        selection.versions,
    )
    return map(StoredObject.of_row, rows)


def _beginning(selection: Selection) -> Position:
    return selection.after or Position(max(selection.prefix, selection.start, glob_prefix(selection.glob or "")), -1)


def _common_prefix(name: str, selection: Selection) -> str | None:
    """The name up to the first delimiter after the prefix; None if there is no delimiter."""
    if not selection.delimiter:
        return None
    head, delimiter, _ = name[len(selection.prefix) :].partition(selection.delimiter)
    return selection.prefix + head + delimiter if delimiter else None


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"  # the Python client says "True"
