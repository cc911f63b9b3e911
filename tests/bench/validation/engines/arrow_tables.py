"""pyarrow. Its reader of JSON refuses a file for one bad row, whose number it tells as it stands in a block of its own.

Arrow cannot parse JSON in any other way, so nothing more is known of such a file; without its ids no label can be said to
name nothing. Its reader of CSV hands over every row of another width.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, json

from validation.folder import CORPUS, HEADER, LABELS, QUERIES, Place, places

_RECORD = pa.schema([("_id", pa.string()), ("title", pa.string()), ("text", pa.string())])
_BLANK = r"^\s*$"
_IN_ROW = re.compile(r"(?:in row |Row #)(\d+)")


def check(folder: Path) -> set[Place]:
    """Check both kinds of files, as far as they can be read."""
    found, ids = list[Place](), dict[str, pa.ChunkedArray | None]()
    for name in (CORPUS, QUERIES):
        table = _records(folder / name, found)
        found += [(name, 0)] if table is None else places(folder / name, wrong_records(table))
        ids[name] = None if table is None else table["_id"]
        del table
    for name in LABELS:
        found += _labels(folder / name, ids[QUERIES], ids[CORPUS])
    return set(found)


def wrong_records(table: pa.Table) -> Iterator[int]:
    """The rows, from 1, in which an id or a text is missing, empty or not the first of its kind."""
    for name in ("_id", "text"):
        yield from _rows(pc.fill_null(pc.match_substring_regex(table[name], _BLANK), True))
        if pc.count_distinct(table[name], mode="all").as_py() < table.num_rows:
            yield from _again(table.select([name]))


def wrong_labels(table: pa.Table, queries: pa.ChunkedArray | None, documents: pa.ChunkedArray | None) -> Iterator[int]:
    """The rows, from 1, that name nothing, have no good score or repeat a pair."""
    for name, known in (("query-id", queries), ("corpus-id", documents)):
        yield from _rows(pc.equal(table[name], "") if known is None else pc.invert(pc.is_in(table[name], known)))
    score = table["score"]
    good = pc.match_substring_regex(score, "^[0-9]+$") if pa.types.is_string(score.type) else pc.greater_equal(score, 0)
    yield from _rows(pc.invert(pc.fill_null(good, False)))
    yield from _again(table.select(HEADER[:2]))


def _records(path: Path, found: list[Place]) -> pa.Table | None:
    options = json.ParseOptions(explicit_schema=_RECORD)
    with suppress(pa.ArrowInvalid):
        return json.read_json(path, parse_options=options)
    try:  # again as one block, in which rows are counted from the file's beginning
        json.read_json(path, json.ReadOptions(use_threads=False, block_size=path.stat().st_size + 1), options)
    except pa.ArrowInvalid as error:
        row = _IN_ROW.search(str(error))
        found += [(path.name, int(row[1]) + 1)] if row else []
    return None


def _labels(path: Path, queries: pa.ChunkedArray | None, documents: pa.ChunkedArray | None) -> Iterator[Place]:
    odd = set[int]()
    try:
        table = _cells(path, odd)
    except pa.ArrowInvalid as error:  # the first cell that is no text
        row = _IN_ROW.search(str(error))
        if row:
            yield path.name, int(row[1])
        table = _cells(path, odd, check_utf8=False)
    yield from places(path, odd)
    if tuple(table.column_names) != HEADER:
        yield path.name, 1
        return
    kept = _kept_lines(table.num_rows, odd)
    yield from places(path, (kept[row - 1] for row in wrong_labels(table, queries, documents)))


def _cells(path: Path, odd: set[int], *, check_utf8: bool = True) -> pa.Table:
    """The labels as texts, without the rows of another width, whose lines are noted."""

    def note(row: csv.InvalidRow) -> str:
        odd.add(row.number)
        return "skip"

    return csv.read_csv(
        path,
        csv.ReadOptions(use_threads=False),  # or else rows would have no numbers
        csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False, invalid_row_handler=note),
        csv.ConvertOptions(column_types=dict.fromkeys(HEADER, pa.string()), check_utf8=check_utf8),
    )


def _kept_lines(count: int, odd: set[int]) -> list[int]:
    """The line of each row, where those of another width were left out."""
    return [line for line in range(2, count + len(odd) + 2) if line not in odd]


def _rows(wrong: pa.ChunkedArray) -> Iterator[int]:
    """Where it is true, from 1."""
    return (row + 1 for row in pc.indices_nonzero(wrong).to_pylist())


def _again(table: pa.Table) -> Iterator[int]:
    """Rows, from 1, that are not the first of their kind."""
    names = table.column_names
    rows = pa.array(np.arange(1, table.num_rows + 1))
    first = table.append_column("row", rows).group_by(names).aggregate([("row", "min")])["row_min"]
    if len(first) < len(rows):
        yield from rows.filter(pc.invert(pc.is_in(rows, first))).to_pylist()
