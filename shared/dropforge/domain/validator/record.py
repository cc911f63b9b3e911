"""Reads one record slowly, and tells every fault in it: what, in which column, and what was probably meant."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from dropforge.domain.findings import Findings, quoted
from dropforge.domain.text import shortened

FIELDS = frozenset({"_id", "text", "title"})
LONGEST_ID = 512  # characters
DEEPEST = 100  # levels of nesting
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # of a character beyond U+FFFF: half a pair of escapes
# An escape: a whole pair, or half of one, or any other.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|u....|.)")
# What matters of a line in perfect JSON: its texts, those of them that are names, and where objects begin and end.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:\s*)?|[{}\[\]]')
_IDENTITY = re.compile(r'"_id"\s*:\s*("(?:[^"\\]|\\.)*")')
_LONGEST_SHOWN = 80  # characters of a value

# What the parser says, in other words: its own change from one Python to the next.
_IN_OTHER_WORDS: Mapping[str, str] = {
    "Unterminated string": "a text begins here, and does not end",
    "Expecting property name": "a name in double quotes is missing here",
    "Illegal trailing comma": "nothing follows the comma",
    "Expecting value": "a value is missing here",
    "Expecting ','": "a comma or the end is missing here",
    "Expecting ':'": "a colon is missing here",
    "Extra data": "the object ends before this",
    "Invalid control character": "a control character",
    "Invalid \\": "a backslash that begins no escape",
}


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as it is written. None is in a field that is used, so its size does not matter."""

    written: str


class _TwiceError(ValueError):
    """A name stands twice in one object."""


class _ConstantError(ValueError):
    """A word that some take for a number."""


def object_in(file: str, number: int, line: str, findings: Findings) -> dict[str, Any] | None:
    """The object that a line holds; where there is none, None, and a finding says so."""
    code, what, column = "json-malformed", "", 0
    try:
        record = _decoder.decode(line)
        if isinstance(record, dict):
            if _HALF.search(line):
                json.dumps(record, ensure_ascii=False, default=str).encode()
            names_in(record)
            return record
        code = "json-not-an-object"
    except RecursionError:
        code = "json-too-deep"
    except _TwiceError:
        code, (name, column) = "json-duplicate-key", _twice_in(line)
        what = f"{quoted(name)} appears twice"
    except UnicodeEncodeError:
        alone = next((escape for escape in _ESCAPE.finditer(line) if escape[1]), None)
        what, column = "half of a surrogate pair stands alone", alone.start() + 1 if alone else 0
    except _ConstantError as error:
        what = f"not JSON: {error.args[0]} is not a JSON number"
        column = _column_of(re.compile(rf"(?<=[:\[,\s]){re.escape(error.args[0])}"), line)
    except json.JSONDecodeError as error:
        known = (ours for theirs, ours in _IN_OTHER_WORDS.items() if error.msg.startswith(theirs))
        what, column = f"not JSON: {next(known, error.msg.lower())}", error.colno
    findings.add(code, file, number, what, column=column, source=line)
    return None


def identity_of(file: str, number: int, line: str, record: Mapping[str, object], findings: Findings) -> str:
    """The record's `_id`; empty where it has none that can be used. What is wrong with it is told."""
    identity = record.get("_id")
    code, what = "", ""
    if not isinstance(identity, str) or not identity:
        code, what = "id-missing", _what_is_missing("_id", record)
        identity = ""
    elif not identity.isprintable() and any(ord(char) < 32 or ord(char) == 127 for char in identity):
        code, what = "id-unusable", f"_id {quoted(identity)} holds a control character, so no label can name it"
    elif len(identity) > LONGEST_ID:
        code, what = "id-too-long", f"_id has {len(identity):,} characters; at most {LONGEST_ID} are taken"
    if code:
        findings.add(code, file, number, what, column=_column_of_value("_id", line), source=line)
    return identity


def text_of(file: str, number: int, line: str, record: Mapping[str, object], findings: Findings) -> str:
    """The record's text; empty where it has none. What is wrong with it and with the title is told."""
    text, title = record.get("text"), record.get("title", "")
    if not isinstance(text, str) or not text.strip():
        what, column = _what_is_missing("text", record), _column_of_value("text", line)
        findings.add("text-missing", file, number, what, column=column, source=line)
        text = ""
    if not isinstance(title, str):
        what, column = _what_is_missing("title", record), _column_of_value("title", line)
        findings.add("title-not-text", file, number, what, column=column, source=line)
        title = ""
    for name, value in (("text", text), ("title", title)):
        if found := CONTROL.search(value):
            code, char = ("text-nul", 0) if "\0" in value else ("text-control-character", ord(found[0]))
            what = f"{name} holds the control character U+{char:04X}"
            findings.add(code, file, number, what, column=_column_of_escape(char, name, line), source=line)
    return text


def identity_in(line: str) -> str:
    """The `_id` of a line's outermost object, even of one that is broken elsewhere; empty where none can be made out."""
    depth = 0
    for token in _TOKEN.finditer(line):
        if token[0] in {"{", "["}:
            depth += 1
        elif token[0] in {"}", "]"}:
            depth -= 1
        elif depth == 1 and (found := _IDENTITY.match(line, token.start())):
            try:
                return str(json.loads(found[1]))
            except ValueError:
                return ""
    return ""


def as_json(text: str) -> bytes:
    """The text as JSON, with no escape but those that JSON demands."""
    return json.dumps(text, ensure_ascii=False).encode()


def names_in(value: object, depth: int = 1) -> int:
    """How many names the objects in a value have.

    Raises:
        RecursionError: It is nested too deeply.
    """
    if not isinstance(value, dict | list):
        return 0
    if depth > DEEPEST:
        raise RecursionError
    names, inner = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    return names + sum(names_in(one, depth + 1) for one in inner)


def _pairs(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise _TwiceError
    return record


def _refuse(constant: str) -> float:
    raise _ConstantError(constant)


_decoder = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_refuse, parse_int=_Number, parse_float=_Number, strict=True
)


def _what_is_missing(name: str, record: Mapping[str, object]) -> str:
    """Why a record has no text under a name: what stands there instead, or under a name that is like it."""
    if name in record:
        value = record[name]
        return f"{name} is empty" if isinstance(value, str) else f"{name} is {_shown(value)}, not a text"
    others = {_plain(other): other for other in record if other not in FIELDS}
    near = get_close_matches(_plain(name), others, n=1)
    return f"{name} is missing" + (f"; was {quoted(others[near[0]])} meant to be it?" if near else "")


def _plain(name: str) -> str:
    return name.strip("_ ").lower()


def _shown(value: object) -> str:
    if isinstance(value, _Number):
        return f"the number {shortened(value.written, _LONGEST_SHOWN)}"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else json.dumps(value)


@dataclass(frozen=True, slots=True)
class _Name:
    """A name in a line: of which object, the outermost being the first, and in which columns it and its value begin."""

    of: int
    name: str
    column: int
    value_column: int


def _names(line: str) -> Iterator[_Name]:
    """The names of all objects in a line, in their order."""
    opened, around = 0, list[int]()
    for token in _TOKEN.finditer(line):
        if token[0] in {"{", "["}:
            opened += 1
            around.append(opened)
        elif token[0] in {"}", "]"}:
            around.pop()
        elif token[2] is not None:
            yield _Name(around[-1], json.loads(token[1]), token.start() + 1, token.end() + 1)


def _twice_in(line: str) -> tuple[str, int]:
    """The first name that its object has already, and where it stands."""
    seen = set[tuple[int, str]]()
    for name in _names(line):
        if (name.of, name.name) in seen:
            return name.name, name.column
        seen.add((name.of, name.name))
    raise ValueError(line)


def _column_of_value(name: str, line: str) -> int:
    """Where the value of a field begins; 0 where there is none."""
    return next((found.value_column for found in _names(line) if (found.of, found.name) == (1, name)), 0)


def _column_of_escape(char: int, name: str, line: str) -> int:
    """Where the escape of a character stands in the value of a field."""
    escapes = _ESCAPE.finditer(line, _column_of_value(name, line))
    return next((escape.start() + 1 for escape in escapes if json.loads(f'"{escape[0]}"') == chr(char)), 0)


def _column_of(pattern: re.Pattern[str], line: str) -> int:
    found = pattern.search(line)
    return found.start() + 1 if found else 0
