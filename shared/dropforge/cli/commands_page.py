"""The commands in `docs/commands.md`, made from the command line itself; what stands before them there is written by hand.

`python -m dropforge.cli.commands_page docs/commands.md` makes them anew.
"""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from dropforge.cli.drop import Dropped
from dropforge.cli.main import app
from dropforge.cli.plan import Plan
from dropforge.deadletters import DeadLetter
from dropforge.doctor.diagnosis import Diagnosis
from dropforge.domain.findings import MOST_KEPT, Report
from dropforge.domain.runs import Run
from dropforge.domain.spaces import Alias
from dropforge.history import Summary
from dropforge.reports.pages import anew
from dropforge.reports.schemas import content, described, summary

_MARK = "<!-- The rest is made from the command line: python -m dropforge.cli.commands_page docs/commands.md -->\n"

# The records of ours that commands print as JSON, by what people call them; a command's help describes other JSON.
RECORDS: Mapping[str, type] = {
    "report": Report,
    "plan": Plan,
    "drop": Dropped,
    "run in brief": Summary,
    "run": Run,
    "alias": Alias,
    "dead letter": DeadLetter,
    "diagnosis": Diagnosis,
}
# Which of them a command prints, and whether it is a list of them.
PRINTED: Mapping[str, tuple[str, bool]] = {
    "check": ("report", False),
    "plan": ("plan", False),
    "drop": ("drop", False),
    "runs": ("run in brief", True),
    "show": ("run", False),
    "cancel": ("run", False),
    "rerun": ("run", False),
    "approve": ("run", False),
    "rollback": ("alias", False),
    "retire": ("run", False),
    "dlq list": ("dead letter", True),
    "dlq show": ("dead letter", False),
    "doctor": ("diagnosis", True),
}

# Fields that the page has besides, or describes in other words than the source.
_FURTHER: Mapping[type, dict[str, str]] = {
    DeadLetter: {"name": "By which `dlq show`, `dlq retry` and `dlq discard` know it."},
    Report: {
        "findings": f"Errors, then warnings, then notes, at most {MOST_KEPT:,}, as [findings](findings.md) has them."
    },
}


def page(written: str) -> str:
    """The page with its commands made anew."""
    return anew(written, _MARK, _told())


def commands() -> Iterator[tuple[str, Any]]:
    """Every command, by what is typed for it after `dropforge`, in the order of the help."""
    yield from _below(typer.main.get_command(app), "")


def examples(command: Any) -> list[str]:  # noqa: ANN401 - Typer has no name for it
    """The examples that a command's help ends with, as they are typed."""
    return re.findall(r"`([^`]+)`", command.epilog or "")


def _below(command: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - as above
    if not hasattr(command, "commands"):
        yield name, command
        return
    for each in list(command.commands):
        yield from _below(command.commands[each], f"{name} {each}".strip())


def _told() -> Iterator[str]:
    found = list(commands())
    yield "| command | does |\n|---|---|"
    for name, command in found:
        yield f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(_paragraphs(command)[0])} |"
    yield ""
    for name, command in found:
        yield f"## {name}\n"
        yield f"```\n{' '.join(['dropforge', name, *map(_usage, command.params)])}\n```\n"
        yield "\n\n".join(_paragraphs(command)) + "\n"
        if rows := [row for each in command.params if (row := _row(each))]:
            yield "| | |\n|---|---|"
            yield "\n".join(rows) + "\n"
        if name in PRINTED:
            record, are_many = PRINTED[name]
            link = f"[{record}](#json-{record.replace(' ', '-')})"
            yield f"In JSON: a list; of each, its {link}.\n" if are_many else f"In JSON: its {link}.\n"
        if shown := examples(command):
            yield "For example:\n\n```\n" + "\n".join(shown) + "\n```\n"
    yield from _records()


def fields_of(kind: type) -> dict[str, str]:
    """The fields that a record has in JSON, with what they are."""
    told = described(kind)
    return {field.name: told[field.name] for field, _ in content(kind)} | _FURTHER.get(kind, {})


def _records() -> Iterator[str]:
    for record, kind in RECORDS.items():
        yield f"## JSON: {record}\n"
        yield f"{summary(kind)}\n"
        yield "| field | is |\n|---|---|"
        yield "\n".join(f"| `{name}` | {_cell(text)} |" for name, text in fields_of(kind).items()) + "\n"


def _paragraphs(command: Any) -> list[str]:  # noqa: ANN401 - as above
    text = inspect.cleandoc(command.help or "")
    return [" ".join(each.split()) for each in text.split("\n\n")]


def _usage(parameter: Any) -> str:  # noqa: ANN401 - as above
    if parameter.param_type_name == "argument":
        name = str(parameter.metavar or parameter.name.upper())
        return name if parameter.required or name.startswith("[") else f"[{name}]"
    return f"[{_option(parameter)}]"


def _option(parameter: Any) -> str:  # noqa: ANN401 - as above
    names = "/".join([parameter.opts[-1], *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} {parameter.metavar or parameter.name.upper()}"


def _row(parameter: Any) -> str:  # noqa: ANN401 - as above
    is_option = parameter.param_type_name == "option"
    named = f"`{_option(parameter)}`" if is_option else f"`{parameter.metavar or parameter.name.upper()}`"
    said = [parameter.help or ""]
    default = parameter.default
    if isinstance(default, Enum):
        said.append(f"One of {', '.join(f'`{each.value}`' for each in type(default))}.")
    if parameter.secondary_opts:
        said.append(f"Default: `{parameter.opts[-1] if default else parameter.secondary_opts[-1]}`.")
    # A path on the machine that makes the page means nothing to others.
    if is_option and not (parameter.is_flag or default in {None, ""} or str(default).startswith("/")):
        said.append(f"Default: `{getattr(default, 'value', default)}`.")
    return f"| {_cell(named)} | {_cell(' '.join(filter(None, said)))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(page(file.read_text("utf-8")), "utf-8")
