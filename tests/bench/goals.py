"""What was aimed at beside what was measured: the table at the top of `docs/performance.md`, made from its other tables.

Run it: `.venv/bin/python tests/bench/goals.py [--write docs/performance.md]`; `make bench` ends with it.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.written import between, write
from validation.tables import table

_PAGE = Path(__file__).parents[2] / "docs/performance.md"


@dataclass(frozen=True, slots=True)
class Goal:
    """One aim, and the figure that tells whether it is reached.

    Attributes:
        what: What it is about; the chapter of that name says more.
        limit: The most that the figure may be, or the least.
        unit: Of both.
        marks: The name of the marks between which the figure's table stands.
        row: How the figure's row begins, cell by cell.
        column: The head of its column.
        at_least: Whether the limit is the least.
    """

    what: str
    limit: float
    unit: str
    marks: str
    row: tuple[str, ...]
    column: str
    at_least: bool = False

    def measured(self, page: str) -> float:
        """The figure, as the page has it."""
        return number_in(between(page, self.marks), self.row, self.column)

    def is_met(self, page: str) -> bool:
        """Whether the figure is within the limit."""
        figure = self.measured(page)
        return figure >= self.limit if self.at_least else figure <= self.limit


_SOON = "[How soon a drop is submitted](#how-soon-a-drop-is-submitted-and-an-end-is-told)"
_MANY = "[Many at once](#many-at-once)"
_TICK = "[A tick](#what-a-tick-takes)"
GOALS = (
    Goal(
        f"{_SOON}: its last file is there → `tuning-submitted`",
        *(0.5, "s", "latency", ("manifest uploaded → `tuning-submitted`", "idle"), "median, s"),
    ),
    Goal(f"{_MANY}: folders to `submitted`", 20, "a second", "burst", ("1,000",), "drops a second", at_least=True),
    Goal(
        "[A check](#what-a-check-costs): CPU of a loop over lines that finds as much, relative to ours",
        *(1, "times", "checks", ("orjson, line by line, every guard",), "÷ ours"),
        at_least=True,
    ),
    Goal(f"{_TICK} of the sweep with 10,000 runs in flight", 5, "s", "sweeping", ("`sweep`", "10,000"), "seconds"),
    Goal(f"{_TICK}'s memory", 256, "MiB", "sweeping", ("`sweep`", "10,000"), "peak MiB"),
    Goal(
        "[A list](#what-a-list-of-runs-takes) over 10,000 runs",
        *(300, "ms", "lists", ("10,000", "the first page"), "ms: median (p99)"),
    ),
    Goal(
        "[Cloud Storage's operations](#what-a-run-asks-of-the-services) a run",
        *(25, "", "operations", ("all",), "Cloud Storage"),
    ),
    *(
        Goal(
            f"[Local Pub/Sub](#what-the-local-servers-take), {publishers}: messages a second, relative to the official emulator's",
            *(1, "times", "servers", ("official emulator", number), "ours ÷ this one"),
            at_least=True,
        )
        for publishers, number in (("one publisher", "1"), ("eight", "8"))
    ),
)


def number_in(tables: str, row: tuple[str, ...], column: str) -> float:
    """The first number of a cell.

    Raises:
        LookupError: There is no such cell.
    """
    heads: list[str] = []
    for line in tables.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            heads = []
        elif not heads:
            heads = cells
        elif column in heads and tuple(cells[: len(row)]) == row:
            return float(re.findall(r"[\d,.]+", cells[heads.index(column)])[0].replace(",", ""))
    raise LookupError(f"no cell in row {row}, column {column!r}")


def lines(page: str) -> list[str]:
    """The table, from the page's other tables."""
    rows = [
        (
            goal.what,
            f"at {'least' if goal.at_least else 'most'} {goal.limit:g} {goal.unit}".strip(),
            f"{goal.measured(page):g} {goal.unit}".strip(),
            "yes" if goal.is_met(page) else "no",
        )
        for goal in GOALS
    ]
    return table(("what", "aimed at", "measured", "reached"), rows).splitlines()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose table is written anew")
    asked = parser.parse_args()
    found = lines((asked.write or _PAGE).read_text("utf-8"))
    if asked.write:
        write(asked.write, "goals", found)
    print("\n".join(found))


if __name__ == "__main__":
    main()
