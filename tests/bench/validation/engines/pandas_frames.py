"""pandas, with the readers that it has of its own.

`read_json` refuses a file for one bad line, and does not say which; nor has pandas another reader of JSON to fall back on.
Without the ids of such a file no label can be said to name nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from validation.folder import CORPUS, HEADER, LABELS, QUERIES, Place, places

_AT_A_TIME = 50_000  # records: a file read as a whole is held several times over
_OVER = "over"  # a fourth column: without it, one cell too many would stop the reader


def check(folder: Path) -> set[Place]:
    """Check both kinds of files, as far as they can be read."""
    frames = {name: _records(folder / name) for name in (CORPUS, QUERIES)}
    found = list[Place]()
    for name, frame in frames.items():
        found += [(name, 0)] if frame is None else places(folder / name, frame.index[_wrong(frame)] + 1)
    found += [place for name in LABELS for place in _labels(folder / name, frames[QUERIES], frames[CORPUS])]
    return set(found)


def _records(path: Path) -> pd.DataFrame | None:
    """The id and a key of the text of each record, missing where there is nothing; None where it cannot be read."""
    try:
        with pd.read_json(path, lines=True, dtype=False, chunksize=_AT_A_TIME) as chunks:
            return pd.concat([_keys(chunk) for chunk in chunks])
    except ValueError:
        return None


def _keys(chunk: pd.DataFrame) -> pd.DataFrame:
    bare = {name: chunk[name].str.strip() for name in ("_id", "text")}  # missing for what is no text
    keys = chunk["text"].where(bare["text"].notna(), "").map(hash)
    return pd.DataFrame({"_id": chunk["_id"].where(bare["_id"] != ""), "text": keys.where(bare["text"] != "")})


def _wrong(frame: pd.DataFrame) -> "pd.Series[bool]":
    return frame.isna().any(axis=1) | frame["_id"].duplicated() | frame["text"].duplicated()


def _labels(path: Path, queries: pd.DataFrame | None, documents: pd.DataFrame | None) -> Iterator[Place]:
    frame = pd.read_csv(
        path,
        sep="\t",
        names=[*HEADER, _OVER],
        index_col=False,
        dtype=str,
        quoting=3,
        keep_default_na=False,
        skip_blank_lines=False,
        encoding_errors="replace",
    )
    header, frame = tuple(frame.iloc[0]), frame.iloc[1:]
    if header != (*HEADER, ""):
        yield path.name, 1
    wrong = (frame[_OVER] != "") | frame.duplicated(list(HEADER[:2])) | ~frame["score"].str.fullmatch("[0-9]+")
    wrong |= frame["query-id"].str.contains("[\ufffd\x00-\x08\x0b-\x1f]")
    for name, known in (("query-id", queries), ("corpus-id", documents)):
        wrong |= (frame[name] == "") if known is None else ~frame[name].isin(known["_id"])
    yield from places(path, frame.index[wrong] + 1)
