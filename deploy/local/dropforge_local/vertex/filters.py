"""List filters: the part of https://google.aip.dev/160 that the service documents for its resources.

`state="PIPELINE_STATE_RUNNING" AND labels.run="x" AND create_time>"2026-01-02T03:04:05Z"`, with AND, OR, NOT and parentheses.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from dropforge_local.vertex.errors import invalid
from dropforge_local.vertex.state import Resource

Predicate = Callable[[Resource], bool]

TOKEN = re.compile(r'\s*(?:(?P<symbol>[()]|<=|>=|!=|[=<>:])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()=<>!:"]+))')
COMPARISONS = {"=", "!=", "<", "<=", ">", ">=", ":"}
TIMES = {"createTime", "updateTime", "startTime", "endTime"}
# Filter fields whose place in the resource has another name.
PLACES = {"pipeline_name": "pipelineSpec.pipelineInfo.name"}


def compile_filter(text: str) -> Predicate:
    """What the filter asks of a resource; an empty one asks nothing.

    Raises:
        ApiError: INVALID_ARGUMENT for text that is no filter.
    """
    if not text.strip():
        return lambda _: True
    parser = _Parser(text)
    predicate = parser.any_of()
    parser.expect_end()
    return predicate


def camel(field: str) -> str:
    """A field's name in JSON: `create_time` -> `createTime`."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), field)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[re.Match[str]] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            token = TOKEN.match(text, position)
            if token is None:
                raise self._wrong()
            self._tokens.append(token)
            position = token.end()

    def any_of(self) -> Predicate:
        alternatives = [self._all_of()]
        while self._word() == "OR":
            self._next()
            alternatives.append(self._all_of())
        return lambda resource: any(alternative(resource) for alternative in alternatives)

    def expect_end(self) -> None:
        if self._tokens:
            raise self._wrong()

    def _all_of(self) -> Predicate:
        terms = [self._term()]
        while self._word() == "AND":
            self._next()
            terms.append(self._term())
        return lambda resource: all(term(resource) for term in terms)

    def _term(self) -> Predicate:
        if self._word() == "NOT":
            self._next()
            negated = self._term()
            return lambda resource: not negated(resource)
        if self._tokens and self._tokens[0]["symbol"] == "(":
            self._next()
            inner = self.any_of()
            if self._next()["symbol"] != ")":
                raise self._wrong()
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        field, comparison, value = self._next()["word"], self._next()["symbol"], self._next()
        wanted = value["word"] if value["quoted"] is None else re.sub(r"\\(.)", r"\1", value["quoted"])
        if field is None or comparison not in COMPARISONS or wanted is None:
            raise self._wrong()
        path = _path(PLACES.get(field, field))
        if path[-1] in TIMES:
            instant = self._time(wanted)
            return lambda resource: _compare_times(_value(resource, path), comparison, instant)
        if comparison not in ("=", "!=", ":"):
            raise self._wrong()
        if comparison == ":" and wanted == "*":
            return lambda resource: _value(resource, path) is not None
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.split("*")), re.DOTALL)
        return lambda resource: bool(pattern.fullmatch(str(_value(resource, path) or ""))) == (comparison != "!=")

    def _time(self, text: str) -> datetime:
        try:
            instant = datetime.fromisoformat(text)
        except ValueError as error:
            raise invalid(f"Invalid filter {self._text!r}: {text!r} is no RFC 3339 time.") from error
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)

    def _word(self) -> str | None:
        return self._tokens[0]["word"] if self._tokens else None

    def _next(self) -> re.Match[str]:
        if not self._tokens:
            raise self._wrong()
        return self._tokens.pop(0)

    def _wrong(self) -> Exception:
        return invalid(f"Invalid filter {self._text!r}.")


def _path(field: str) -> list[str]:
    """The keys that lead to a field; a label's key may have dots of its own."""
    if field.startswith("labels."):
        return ["labels", field.removeprefix("labels.")]
    return [camel(part) for part in field.split(".")]


def _value(resource: Resource, path: list[str]) -> object:
    value: object = resource
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _compare_times(value: object, comparison: str, wanted: datetime) -> bool:
    if not isinstance(value, str):
        return False
    time = datetime.fromisoformat(value)
    return {
        "=": time == wanted,
        ":": time == wanted,
        "!=": time != wanted,
        "<": time < wanted,
        "<=": time <= wanted,
        ">": time > wanted,
        ">=": time >= wanted,
    }[comparison]
