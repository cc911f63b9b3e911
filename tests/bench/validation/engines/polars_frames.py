"""polars, as a streaming scan; where that refuses a file, line by line through its own JSON path.

The scan turns a number into a text where a text is asked for, and names no line when it refuses a file. A JSON path
tells nothing of types either, and takes the first of two names.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from validation.folder import CORPUS, HEADER, LABELS, QUERIES, Place, places

_RECORD = {"_id": pl.String, "title": pl.String, "text": pl.String}
_LABEL = {"query-id": pl.String, "corpus-id": pl.String, "score": pl.Int64}
_NO_SEPARATOR = "\x01"


def check(folder: Path) -> set[Place]:
    """Check records, then labels against them."""
    found, records = list[Place](), dict[str, pl.DataFrame]()
    for name in (CORPUS, QUERIES):
        records[name] = _records(folder / name, found)
        found += places(folder / name, records[name].filter(_wrong_record())["line"])
    found += [place for name in LABELS for place in _labels(folder / name, records[QUERIES], records[CORPUS])]
    return set(found)


def _records(path: Path, found: list[Place]) -> pl.DataFrame:
    """Line, id, key of the text, and whether something is wrong, of each record."""
    blank = (pl.col("_id").fill_null("") == "") | (pl.col("text").fill_null("").str.strip_chars() == "")
    columns = ("line", "_id", pl.col("text").hash(), blank.alias("wrong"))
    try:
        scan = pl.scan_ndjson(path, schema=_RECORD).with_row_index("line", offset=1)
        return scan.select(columns).collect(engine="streaming")
    except PolarsError:
        found.append((path.name, 0))
        return (
            _lines(path)
            .with_columns(_at("_id"), _at("text"))
            .select(
                "line",
                "_id",
                pl.col("text").hash(),
                (blank | pl.col("source").str.contains(r"\ufffd|\\u0000|[\x00-\x08]")).alias("wrong"),
            )
            .collect()
        )


def _wrong_record() -> pl.Expr:
    again = ~pl.col("_id").is_first_distinct() | ~pl.col("text").is_first_distinct()
    return pl.col("wrong") | (again & pl.col("_id").is_not_null())


def _at(name: str) -> pl.Expr:
    return pl.col("source").str.json_path_match(f"$.{name}").alias(name)


def _lines(path: Path) -> pl.LazyFrame:
    """The file as it is, a line a row."""
    return pl.scan_csv(
        path,
        separator=_NO_SEPARATOR,
        quote_char=None,
        has_header=False,
        new_columns=["source"],
        infer_schema=False,
        encoding="utf8-lossy",
    ).with_row_index("line", offset=1)


def _labels(path: Path, queries: pl.DataFrame, documents: pl.DataFrame) -> Iterator[Place]:
    try:
        frame = pl.read_csv(
            path, separator="\t", quote_char=None, schema=_LABEL, row_index_name="line", row_index_offset=2
        )
        wrong = pl.lit(value=False)
    except PolarsError:
        yield path.name, 0
        cells = pl.col("source").str.split("\t")
        frame = (
            _lines(path)
            .with_columns(cells.list.get(place, null_on_oob=True).alias(name) for place, name in enumerate(HEADER))
            .with_columns(
                (cells.list.len() != len(HEADER)).alias("wrong"), pl.col("score").cast(pl.Int64, strict=False)
            )
            .collect()
        )
        yield from places(path, frame.head(1).filter(pl.col("source") != "\t".join(HEADER))["line"])
        frame = frame.slice(1)
        wrong = pl.col("wrong") | pl.col("source").str.contains(r"\ufffd|[\x00-\x08]")
    pair_again = ~pl.struct("query-id", "corpus-id").is_first_distinct()
    wrong |= pl.col("score").is_null() | (pl.col("score") < 0) | pair_again
    for name, known in (("query-id", queries), ("corpus-id", documents)):
        wrong |= (pl.col(name) == "") | ~pl.col(name).is_in(known["_id"].drop_nulls().implode())
    yield from places(path, frame.filter(wrong)["line"])
