"""The public contract as files, made from the types of the events.

That is everything in `docs/events/`, and the tables of `docs/events.md`; what stands before them there is written by hand.

`python -m dropforge.reports.contract docs` makes them anew.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from dropforge import wire
from dropforge.domain.event import Event, RunEvent
from dropforge.domain.events import EVERY_TYPE
from dropforge.domain.topology import PUBLIC
from dropforge.reports import asyncapi
from dropforge.reports.examples import PROJECT, examples
from dropforge.reports.pages import anew
from dropforge.reports.schemas import content, described, is_required, schema, short, summary, values

PAGE = "events.md"
FOLDER = "events"
_MARK = "<!-- The rest is made from the types: python -m dropforge.reports.contract docs -->\n"
_WORDS: Mapping[Any, str] = MappingProxyType(
    {
        str: "text",
        bool: "true or false",
        int: "whole number",
        float: "number",
        NoneType: "null",
        datetime: "time",
        date: "date",
    }
)


def documents() -> dict[str, str]:
    """Every file of the contract but the page, by its path in `docs/`."""
    told = {name: _as_delivered(event) for name, event in examples().items()}
    return {
        f"{FOLDER}/asyncapi.yaml": asyncapi.document(told),
        **{f"{FOLDER}/{asyncapi.SCHEMAS}/{short(kind)}.json": wire.as_document(schema(kind)) for kind in EVERY_TYPE},
        **{f"{FOLDER}/examples/{name}.json": wire.as_document(message) for name, message in told.items()},
    }


def page(written: str) -> str:
    """The page with its tables made anew."""
    return anew(written, _MARK, _tables())


def _as_delivered(event: Event) -> dict[str, Any]:
    data, attributes = wire.publishable(event, PROJECT)
    return {"attributes": attributes, "data": wire.decode(data, dict, event.id)}


def _tables() -> Iterator[str]:
    yield "## Topics and types\n"
    yield from _table(("topic", "types"), ((f"`{topic}`", ", ".join(_links(topic))) for topic in PUBLIC))
    yield "\n## Every event of a run\n"
    yield f"{summary(RunEvent)} Other events carry only `dataset` of these.\n"
    yield from _fields(RunEvent)
    nested: dict[str, type] = {}
    for kind in EVERY_TYPE:
        yield f"\n## {short(kind)}\n"
        about = ", of a run" if issubclass(kind, RunEvent) else ""
        yield f"`{kind.TYPE}` on `{kind.TOPIC}`{about}. {summary(kind)}"
        known = f"[schema]({FOLDER}/{asyncapi.SCHEMAS}/{short(kind)}.json)"
        yield f"\n{known}, [example]({FOLDER}/examples/{short(kind)}.json)\n"
        yield from _fields(kind, besides=RunEvent if issubclass(kind, RunEvent) else Event)
        nested |= {part.__name__: part for part in _parts(kind)}
    for name, part in sorted(nested.items()):
        yield f"\n## {name}\n"
        yield f"{summary(part)}\n"
        yield from _fields(part)
    yield ""


def _links(topic: str) -> Iterator[str]:
    return (f"[{short(kind)}](#{_anchor(kind)})" for kind in EVERY_TYPE if topic == kind.TOPIC)


def _anchor(kind: type[Event]) -> str:
    return short(kind).replace(".", "")  # as GitHub makes them of headings


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (headings, ("---",) * len(headings), *rows):
        yield f"| {' | '.join(cells)} |"


def _fields(kind: type, *, besides: type[Event] | None = None) -> Iterator[str]:
    """A table of a type's fields; without those of a type that it inherits from."""
    told = described(kind)
    known = {field.name for field, _ in content(besides)} if besides else set()
    rows = [
        (
            f"`{field.name}`",
            _in_words(hint) + ("" if is_required(field) else ", *optional*"),
            told[field.name] + _values(hint),
        )
        for field, hint in content(kind)
        if field.name not in known
    ]
    if rows:
        yield from _table(("field", "is", ""), rows)
    else:
        yield "It carries nothing more."


def _in_words(hint: Any) -> str:  # noqa: ANN401 - as type hints are
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {UnionType, Union}:
        return " or ".join(_in_words(one) for one in inner)
    if origin is tuple:
        return f"list of {_in_words(inner[0])}"
    if origin is dict:
        return f"map to {_in_words(inner[1])}"
    if is_dataclass(hint) and isinstance(hint, type):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return "text" if values(hint) else _WORDS[hint]


def _values(hint: Any) -> str:  # noqa: ANN401 - as type hints are
    known = ", ".join(f"`{value}`" for value in values(hint))
    return f" {known}; a later release may know more." if known else ""


def _parts(kind: type) -> Iterator[type]:
    """The types that a type's fields are made of, and those of their fields."""
    for _, hint in content(kind):
        for one in _atoms(hint):
            if is_dataclass(one) and isinstance(one, type):
                yield one
                yield from _parts(one)


def _atoms(hint: Any) -> Iterator[Any]:  # noqa: ANN401 - as type hints are
    inner = get_args(hint)
    if inner:
        for one in inner:
            yield from _atoms(one)
    else:
        yield hint


def write(docs: Path) -> None:
    """Make every file anew, and remove those of types that are gone."""
    made = documents()
    for old in (docs / FOLDER).rglob("*.*"):
        if str(old.relative_to(docs)) not in made:
            old.unlink()
    for name, text in made.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text, "utf-8")
    (docs / PAGE).write_text(page((docs / PAGE).read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
