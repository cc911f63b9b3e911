"""Inspects labels: a block is split into its cells at once where every line has as many, or else read line by line."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from dropforge.domain.findings import Findings, quoted
from dropforge.domain.validator.blocks import Block
from dropforge.domain.validator.keys import Numbers, keys_of
from dropforge.domain.validator.lines import lines_of, plain
from dropforge.domain.validator.parts import Labels

HEADER = "query-id\tcorpus-id\tscore"
_SCORE = re.compile(r"[0-9]{1,9}")
_TAB, _LINE_END, _FIRST_PRINTABLE = b"\t\n "

Rows = tuple[Numbers, Sequence[str], Sequence[str], Sequence[int]]  # line, query, document, score


def inspect(file: str, block: Block, source: Callable[[], bytes]) -> Labels:
    """Inspect a block of labels; the file's first line is its header.

    Args:
        file: Name in the folder.
        block: Whole lines.
        source: Gives the block's bytes again, should somebody ask.
    """
    findings = Findings()
    data, crlf = plain(file, block, findings)
    found = _at_once(data, headed=block.is_first) if block.may_be_in_order else None
    rows, (at, queries, documents, scores) = found or _one_by_one(
        file, data, block.left_out, findings, headed=block.is_first
    )
    return Labels(
        source=source,
        size=block.size,
        lines=data.count(b"\n"),
        rows=rows,
        at=at,
        findings=findings,
        crlf=crlf,
        queries=keys_of(queries),
        documents=keys_of(documents),
        scores=np.asarray(scores, np.int32),
    )


def cells_of(line: str) -> tuple[str, str, str]:
    """Query, document and score of a label, as they are written; a score left out is 1."""
    query, document, score, *_ = [*line.split("\t"), "1", "1"]
    return _unquoted(query), _unquoted(document), score


def _unquoted(cell: str) -> str:
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


# At once


def _at_once(data: bytes, *, headed: bool) -> tuple[int, Rows] | None:
    """The labels of a block in which every line is in order; None where that cannot be proven."""
    header = f"{HEADER}\n".encode() if headed else b""
    body = data.removeprefix(header)
    columns = _columns(body)
    if not data.startswith(header) or not columns:
        return None
    try:
        cells = body.decode().replace("\n", "\t").split("\t")[:-1]
    except UnicodeDecodeError:
        return None
    queries, documents = cells[::columns], cells[1::columns]
    written = cells[2::columns] if columns == 3 else ["1"] * len(queries)
    distinct = set(written)
    if not all(queries) or not all(documents) or not all(map(_SCORE.fullmatch, distinct)):
        return None
    scores = list(map({score: int(score) for score in distinct}.__getitem__, written))
    at = np.arange(1, len(queries) + 1, dtype=np.int32) + np.int32(headed)
    return len(queries), (at, queries, documents, scores)


def _columns(body: bytes) -> int:
    """How many cells each line has, 2 or 3; 0 where not all have as many, or where there are none."""
    there = np.frombuffer(body, np.uint8)
    ends, tabs = np.flatnonzero(there == _LINE_END), np.flatnonzero(there == _TAB)
    if not len(ends) or b'"' in body or np.count_nonzero(there < _FIRST_PRINTABLE) != len(ends) + len(tabs):
        return 0
    tabs_a_line, over = divmod(len(tabs), len(ends))
    if over or tabs_a_line not in {1, 2}:
        return 0
    table = tabs.reshape(len(ends), tabs_a_line)
    even = (table[:, -1] < ends).all() and (table[1:, 0] > ends[:-1]).all()
    return tabs_a_line + 1 if even else 0


# One by one


def _one_by_one(file: str, data: bytes, left_out: int, findings: Findings, *, headed: bool) -> tuple[int, Rows]:
    """Read line by line, telling every fault: how many rows there are, and those that name a query and a document."""
    rows = 0
    at, queries, documents, scores = list[int](), list[str](), list[str](), list[int]()
    for number, _, line in lines_of(file, data, left_out, findings):
        if headed:
            headed = False
            if line is None or line == HEADER or not _begins_with_a_label(file, number, line, findings):
                continue
        rows += 1
        label = None if line is None else _label(file, number, line, findings)
        if label:
            at.append(number)
            queries.append(label[0])
            documents.append(label[1])
            scores.append(label[2])
    return rows, (np.asarray(at, np.int32), queries, documents, scores)


def _begins_with_a_label(file: str, number: int, line: str, findings: Findings) -> bool:
    """Tell what stands in place of the header."""
    words = line.replace(",", " ").split()
    expected = HEADER.split("\t")
    is_label = False
    if words == expected:
        near = "its names are separated by commas" if "," in line else "its names are not separated by single tabs"
    elif sorted(words) == sorted(expected):
        near = "its names are in another order"
    elif [word.lower().replace("_", "-") for word in words] == expected:
        near = "its names are written in another way"
    elif is_label := len(cells := line.split("\t")) == 3 and bool(_SCORE.fullmatch(cells[2])):
        near = "the file begins with a label"
    else:
        near = f"it is {quoted(line)}"
    what = f"the first line must be query-id, corpus-id, score, separated by tabs; {near}"
    findings.add("labels-header", file, number, what, source=line)
    return is_label


def _label(file: str, number: int, line: str, findings: Findings) -> tuple[str, str, int] | None:
    cells = line.split("\t")
    if len(cells) not in {2, 3}:
        near = ""
        if len(cells) == 1 and len(words := line.replace(",", " ").split()) in {2, 3}:
            near = f"; the cells are separated by {'commas' if ',' in line and len(words) > 1 else 'spaces'}"
        what = f"{len(cells)} column{'s' * (len(cells) != 1)}, not 3{near}"
        findings.add("labels-columns", file, number, what, source=line)
        return None
    columns = (1, len(cells[0]) + 2, len(cells[0]) + len(cells[1]) + 3)
    for which, (cell, column) in enumerate(zip(cells[:2], columns, strict=False)):
        if not cell:
            what = f"no {('query', 'document')[which]} is named"
            findings.add("labels-empty-id", file, number, what, column=column, source=line)
            return None
    query, document, score = cells_of(line)
    for cell, named, column in zip(cells, (query, document), columns, strict=False):
        if cell != named:
            findings.add("labels-quoted", file, number, column=column, source=line)
            break
    if not _SCORE.fullmatch(score):
        what = f"the score is {quoted(score)}, not a whole number from 0 up"
        findings.add("labels-score", file, number, what, column=columns[2], source=line)
        return query, document, 1
    return query, document, int(score)
