"""What a plain run asks of Cloud Storage, Pub/Sub and Vertex AI, by function, by kind, and by what it is about.

Run it: `.venv/bin/python tests/bench/operations.py [--write docs/performance.md]`; it takes a second. Nothing is timed:
the figures are the same on every machine, and a test holds the document to them.
"""

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.operations import FUNCTIONS, PUBSUB, STORAGE, VERTEX, Call, by, calls_of_a_run
from support.written import write
from validation.tables import table

_KINDS = {
    "listings": {"list", "page"},
    "reads": {"read"},
    "opens": {"open"},
    "writes": {"write", "upload"},
    "copies": {"copy_from"},
    "metadata": {"annotate"},
    "deletes": {"delete"},
}


def lines() -> list[str]:
    """The tables, as they stand in the document."""
    calls = [call for call in calls_of_a_run() if not call.is_of_the_tick]
    stored = [call for call in calls if call.service == STORAGE]
    rows = [_row(f"`{name}`", [call for call in calls if call.function == name]) for name in FUNCTIONS.values()]
    return [
        *table(["function", *_KINDS, STORAGE, PUBSUB, VERTEX], [*rows, _row("all", calls)]).splitlines(),
        "",
        *table(["Cloud Storage, by object", *FUNCTIONS.values(), "all"], _by_object(stored)).splitlines(),
        "",
        *table(["Vertex AI, by call", "calls"], _by_call(calls)).splitlines(),
    ]


def _row(name: str, calls: list[Call]) -> list[str]:
    services = by(calls, "service")
    kinds = [sum(call.service == STORAGE and call.what in kind for call in calls) for kind in _KINDS.values()]
    return [name, *_cells(kinds), *_cells([services[service,] for service in (STORAGE, PUBSUB, VERTEX)])]


def _by_object(stored: list[Call]) -> list[list[str]]:
    found = {kind: [call for call in stored if _kind(call) == kind] for kind in sorted({*map(_kind, stored)})}
    return [
        [f"`{kind}`", *_cells([by(calls, "function")[name,] for name in FUNCTIONS.values()]), str(len(calls))]
        for kind, calls in found.items()
    ]


def _kind(call: Call) -> str:
    """What an object is, by its name."""
    first, _, rest = call.about.partition("/")
    if first != "runs":
        return f"{first}/"
    of_run = rest.partition("/")[2]
    return "runs/RUN/" + ("input/" if of_run.startswith("input/") else of_run)


def _by_call(calls: list[Call]) -> list[list[str]]:
    counts = by([call for call in calls if call.service == VERTEX], "what")
    return [[f"`{what}`", str(many)] for (what,), many in sorted(counts.items())]


def _cells(counts: list[int]) -> list[str]:
    return [str(count or "-") for count in counts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose tables are written anew")
    asked = parser.parse_args()
    with redirect_stdout(sys.stderr):  # the functions' own logs
        text = lines()
    if asked.write:
        write(asked.write, "operations", text)
    else:
        print("\n".join(text))


if __name__ == "__main__":
    main()
