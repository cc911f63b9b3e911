"""The published JSON Schemas, as a subscriber in any language uses them."""

import json
from datetime import date, datetime
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker

EVENTS = Path(__file__).parents[2] / "docs/events"
_formats = FormatChecker(formats=())  # jsonschema checks no time without a further package


@_formats.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_formats.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


def validator(schema: dict) -> Draft202012Validator:
    """A validator that knows times and dates."""
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=_formats)


def problems(attributes: dict[str, str], data: dict) -> list[str]:
    """What the schema that is published for a message's type says against its data."""
    short = attributes["ce-type"].removeprefix("dropforge.").removesuffix(".v1")
    schema = json.loads((EVENTS / "schemas" / f"{short}.json").read_text("utf-8"))
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator(schema).iter_errors(data)]
