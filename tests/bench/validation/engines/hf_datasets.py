"""Hugging Face's datasets, offline: it converts the files to Arrow on the disk, and Arrow's own checks follow.

One bad line and a file is not converted; no line is named.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HOME": tempfile.gettempdir(),
}

import datasets
import pyarrow as pa
import pyarrow.compute as pc
from datasets.exceptions import DatasetGenerationError

from validation.engines.arrow_tables import wrong_labels, wrong_records
from validation.folder import CORPUS, HEADER, LABELS, QUERIES, Place, places

_TEXT = datasets.Value("string")
_RECORD = datasets.Features({"_id": _TEXT, "title": _TEXT, "text": _TEXT})
_OVER = "over"  # a fourth column: without it, one cell too many would stop the reader
_CELLS = datasets.Features(dict.fromkeys((*HEADER, _OVER), _TEXT))
_PLAIN = {"sep": "\t", "quoting": 3, "keep_default_na": False}
_TOLERANT = _PLAIN | {"skip_blank_lines": False, "encoding_errors": "replace", "index_col": False}
_LABEL = datasets.Features({"query-id": _TEXT, "corpus-id": _TEXT, "score": datasets.Value("int64")})


def check(folder: Path) -> set[Place]:
    """Check both kinds of files, as far as they can be converted."""
    datasets.disable_progress_bars()
    found, ids = list[Place](), dict[str, pa.ChunkedArray | None]()
    with tempfile.TemporaryDirectory() as cache:
        for name in (CORPUS, QUERIES):
            table = _converted("json", folder / name, cache, features=_RECORD)
            found += [(name, 0)] if table is None else places(folder / name, wrong_records(table))
            ids[name] = None if table is None else table["_id"]
        for name in LABELS:
            found += _labels(folder / name, cache, ids[QUERIES], ids[CORPUS])
    return set(found)


def _labels(
    path: Path, cache: str, queries: pa.ChunkedArray | None, documents: pa.ChunkedArray | None
) -> Iterator[Place]:
    table = _converted("csv", path, cache, features=_LABEL, **_PLAIN)
    if table is None:
        yield path.name, 0
        table = _converted("csv", path, cache, features=_CELLS, column_names=[*_CELLS], skiprows=1, **_TOLERANT)
    if table is None:
        return
    yield from places(path, (row + 1 for row in wrong_labels(table, queries, documents)))
    if _OVER in table.column_names:
        yield from places(path, pc.add(pc.indices_nonzero(pc.not_equal(table[_OVER], "")), 2).to_pylist())


def _converted(kind: str, path: Path, cache: str, **options: object) -> pa.Table | None:
    try:
        loaded = datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=cache, **options)
    except (DatasetGenerationError, ValueError):
        return None
    return loaded.with_format("arrow")[:]
