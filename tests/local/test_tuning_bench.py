"""The bench of docs/tuning.md runs, and writes the page's tables."""

import importlib
import re
from pathlib import Path

from support.vertex import topics

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/tuning.md"
TABLE = re.compile(r"<!-- begin: (\w+) -->\n\n(.+)")


def heads(page):
    """What follows each mark first: a table's head, or the first word of a list."""
    return {name: line.split() if line.startswith("|") else line[0] for name, line in TABLE.findall(page)}


def test_the_bench_writes_every_table_of_the_page(tmp_path, monkeypatch):
    """Given a dataset that only tuning can solve, and one change of each kind, expect the page's tables anew, nothing else."""
    monkeypatch.syspath_prepend(TESTS / "bench")
    bench = importlib.import_module("bench.tuning")
    monkeypatch.setattr(bench, "CHANGES", ({"train_steps": 100},))
    monkeypatch.setattr(bench, "SHARES", (0.5,))
    monkeypatch.setattr(bench, "NAMES", 1)
    page, folder = tmp_path / "tuning.md", tmp_path / "data" / "topics"
    page.write_text(PAGE.read_text("utf-8"), "utf-8")
    folder.mkdir(parents=True)
    for name, content in topics().items():
        (folder / name).write_bytes(content)

    bench.main(["--data", str(folder.parent), "--write", str(page)])

    written = page.read_text("utf-8")
    assert heads(written) == heads(PAGE.read_text("utf-8"))
    assert "`better`" in written
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in written.splitlines()
        if line.startswith("| topics ")
    ]
    assert {row[0] for row in rows} == {"topics"}
    assert ["topics", "the same", "the same", "the same"] in rows
