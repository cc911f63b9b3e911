"""Inspects records: a block is proven to be in order as a whole, or else read line by line.

The proof takes what a parser in C and a few operations over all bytes can tell; whatever they leave open goes to the
slow reading, which alone tells faults. So the fast way may only ever be too strict, never too lenient.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

import msgspec
import numpy as np

from dropforge.domain.catalogue import LIMITS
from dropforge.domain.findings import Findings
from dropforge.domain.validator.blocks import Block
from dropforge.domain.validator.keys import Numbers, keys_of
from dropforge.domain.validator.likeness import likeness
from dropforge.domain.validator.lines import Bytes, Lines, lines_of, plain
from dropforge.domain.validator.parts import Records
from dropforge.domain.validator.record import (
    CONTROL,
    FIELDS,
    LONGEST_ID,
    identity_in,
    identity_of,
    names_in,
    object_in,
    text_of,
)

BYTES_A_TOKEN = 4  # an estimate: English has some four letters a token, Chinese one or two a token of three bytes each
_MOST_BYTES = 4  # of a character
MOST_UNUSED = 20
_JUDGED = 100  # characters of a text: they show its script
# Three letters in a row that are neither Latin nor marks, symbols or pictures.
_FOREIGN = re.compile("[^\x00-\u036f\u1e00-\u1eff\u2000-\u2bff\ufb00-\ufb06\ufe00-\ufe0f\U0001f000-\U0001faff]{3}")
_QUOTE, _COLON, _BACKSLASH, _OPEN, _CLOSE = b'":\\{}'
_SPACE, _TAB, _ZERO, _B, _F, _U = b" \t0bfu"

Rows = tuple[int, Numbers, Sequence[str], Sequence[str]]  # how many; of those with an id: line, id, text


class _Record(msgspec.Struct, gc=False):
    """A record, as Vertex reads it."""

    id: str = msgspec.field(name="_id")
    text: str
    title: str | msgspec.UnsetType = msgspec.UNSET


_records = msgspec.json.Decoder(_Record)
_objects = msgspec.json.Decoder(dict[str, object])


def inspect(
    file: str,
    block: Block,
    source: Callable[[], bytes],
    *,
    most_tokens: int = LIMITS.most_tokens,
    english: bool = True,
) -> Records:
    """Inspect a block of records.

    Args:
        file: Name in the folder.
        block: Whole lines.
        source: Gives the block's bytes again, should somebody ask.
        most_tokens: Of a text; the model cuts off what is beyond.
        english: Whether the model knows English only, so that texts in other scripts are to be counted.
    """
    findings = Findings()
    data, crlf = plain(file, block, findings)
    lines = Lines.of(data)
    unused: dict[str, int] = {}
    found = _at_once(lines, unused) if block.may_be_in_order else None
    rows, at, ids, texts = found or _one_by_one(file, data, block.left_out, findings, unused)
    lengths = np.fromiter(map(len, texts), np.intp, len(texts))
    foreign = _foreign(texts) if english else []
    part = Records(
        source=source,
        size=block.size,
        lines=len(lines.ends),
        rows=rows,
        at=at,
        findings=findings,
        crlf=crlf,
        ids=keys_of(ids),
        texts=likeness(texts, lengths, lines, at),
        foreign=len(foreign),
        first_foreign=int(at[foreign[0]]) if foreign else 0,
        unused=unused,
    )
    if lengths.max(initial=0) * _MOST_BYTES > most_tokens * BYTES_A_TOKEN:
        _tell_long(file, part, texts, most_tokens)
    return part


def _foreign(texts: Sequence[str]) -> list[int]:
    """The places of texts in a script other than Latin."""
    wide = (place for place, is_ascii in enumerate(map(str.isascii, texts)) if not is_ascii)
    return [place for place in wide if _FOREIGN.search(texts[place], 0, _JUDGED)]


def _tell_long(file: str, part: Records, texts: Sequence[str], most_tokens: int) -> None:
    for line, text in zip(part.at.tolist(), texts, strict=True):
        if len(text) * _MOST_BYTES > most_tokens * BYTES_A_TOKEN < (size := len(text.encode())):
            what = f"about {size // BYTES_A_TOKEN:,} tokens (an estimate); the model reads {most_tokens:,}"
            part.findings.add("text-long", file, line, what, source=part.line(line))


def _note_unused(unused: dict[str, int], records: Sequence[Mapping[str, object]], at: Iterable[int]) -> None:
    """Note each field that is not used at the line where it comes first."""
    new = set().union(*records) - FIELDS - unused.keys()
    for line, record in zip(at, records, strict=True):
        if not new or len(unused) >= MOST_UNUSED:
            return
        for name in sorted(new & record.keys()):
            unused[name] = line
        new -= record.keys()


# At once


def _at_once(lines: Lines, unused: dict[str, int]) -> Rows | None:
    """The records of a block in which every line is in order; None where that cannot be proven."""
    if b"\r" in lines.data or not _is_an_object_a_line(lines):  # a CR is white space to a parser
        return None
    try:
        records = _records.decode_lines(lines.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    ids, texts = list(map(attrgetter("id"), records)), list(map(attrgetter("text"), records))
    titles = [title for title in map(attrgetter("title"), records) if title is not msgspec.UNSET]
    if len(records) != len(lines.ends) or not _usable(ids, texts):
        return None
    if _may_escape_controls(lines) and any(map(CONTROL.search, (*texts, *titles))):
        return None
    names = _most_names(lines.there)
    if names != 2 * len(records) + len(titles) and not _others_are_in_order(lines.data, names, unused):
        return None
    return len(records), np.arange(1, len(records) + 1, dtype=np.int32), ids, texts


def _is_an_object_a_line(lines: Lines) -> bool:
    """Whether each line is `{...}`. As `}` and `{` never follow each other within JSON, no record goes over its end."""
    opened, closed = lines.there[lines.begins] == _OPEN, lines.there[lines.ends - 1] == _CLOSE
    return bool(opened.all() and closed.all())


def _usable(ids: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether the ids are names that a label can hold, and no text is blank."""
    return all(ids) and max(map(len, ids)) <= LONGEST_ID and "".join(ids).isprintable() and all(map(str.strip, texts))


def _may_escape_controls(lines: Lines) -> bool:
    r"""Whether `\b`, `\f`, `\u000.` or `\u001.` stands in the block; an escaped backslash may come before it."""
    letters = lines.escaped
    if ((letters == _B) | (letters == _F)).any():
        return True
    numbers = lines.backslashes[letters == _U]
    first, second, third = (lines.there.take(numbers + ahead, mode="clip") for ahead in (2, 3, 4))
    return bool(((first == _ZERO) & (second == _ZERO) & (third <= _ZERO + 1)).any())


def _most_names(there: Bytes) -> int:
    """How many names of objects the block may have at most: quotes before a colon that no backslash escapes."""
    colons = np.flatnonzero(there == _COLON)
    last, second, third = (there.take(colons - back, mode="clip") for back in (1, 2, 3))
    close = (last == _QUOTE) & ~((second == _BACKSLASH) & (third != _BACKSLASH))
    apart = ((last == _SPACE) | (last == _TAB)) & ((second == _QUOTE) | (second == _SPACE) | (second == _TAB))
    return int(np.count_nonzero(close | apart))


def _others_are_in_order(data: bytes, most_names: int, unused: dict[str, int]) -> bool:
    """Whether everything beside the fields that are used is in order too: no name twice, none nested too deeply."""
    try:
        records: list[dict[str, object]] = _objects.decode_lines(data)
        names = sum(names_in(record) for record in records)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if names != most_names:
        return False
    _note_unused(unused, records, range(1, len(records) + 1))
    return True


# One by one


def _one_by_one(file: str, data: bytes, left_out: int, findings: Findings, unused: dict[str, int]) -> Rows:
    """Read line by line, telling every fault: how many rows there are; the line, id and text of those with an id."""
    rows = 0
    at, ids, texts = list[int](), list[str](), list[str]()
    for number, line, text in lines_of(file, data, left_out, findings):
        rows += 1
        record = None if text is None else object_in(file, number, text, findings)
        if record is None or text is None:
            # Its id counts all the same: labels that name it are not at fault.
            identity, body = identity_in(text or line.decode("utf-8", "replace")), ""
        else:
            _note_unused(unused, [record], [number])
            identity = identity_of(file, number, text, record, findings)
            body = text_of(file, number, text, record, findings)
        if identity:
            at.append(number)
            ids.append(identity)
            texts.append(body)
    return rows, np.asarray(at, np.int32), ids, texts
