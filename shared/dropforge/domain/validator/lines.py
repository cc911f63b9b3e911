"""A block's lines: what holds for every text file, and where in them something stands that matters."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dropforge.domain.findings import Findings
from dropforge.domain.validator.blocks import LONGEST_LINE, Block

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]

_BACKSLASH, _LINE_END = b"\\\n"
BOM = b"\xef\xbb\xbf"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
_SHOWN_BYTES = 4096  # of a line that is no text


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines with plain ends, and where in them something stands that matters.

    Attributes:
        data: The lines.
        there: The same, byte by byte.
        begins: Where each line begins.
        ends: Where each line ends.
        backslashes: Where a backslash is.
        escaped: What stands after each of them.
    """

    data: bytes
    there: Bytes
    begins: Places
    ends: Places
    backslashes: Places
    escaped: Bytes

    @classmethod
    def of(cls, data: bytes) -> "Lines":
        """Look for them."""
        there = np.frombuffer(data, np.uint8)
        backslashes = np.flatnonzero(there == _BACKSLASH) if b"\\" in data else np.empty(0, np.intp)
        ends = np.flatnonzero(there == _LINE_END)
        return cls(data, there, np.append(0, ends[:-1] + 1), ends, backslashes, there[backslashes + 1])


def plain(file: str, block: Block, findings: Findings) -> tuple[bytes, int]:
    """The block with plain line ends, the last line's too, and the first line that ended in CR LF; 0 for none."""
    data = block.data
    if not block.offset and data.startswith(BOM):
        findings.add("bytes-bom", file, 1)
        data = data.removeprefix(BOM)
    crlf = 0
    if b"\r" in data and (found := data.find(b"\r\n")) >= 0:
        crlf = data.count(b"\n", 0, found) + 1
        data = data.replace(b"\r\n", b"\n")
    if not data.endswith(b"\n"):
        data += b"\n"
    return data, crlf


def lines_of(file: str, data: bytes, left_out: int, findings: Findings) -> Iterator[tuple[int, bytes, str | None]]:
    """Number, bytes and text of each line that is not blank; None for one that is no text, and is told here."""
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n"), 1):
        if len(line) + left_out > LONGEST_LINE:
            what = f"a line of {len(line) + left_out:,} bytes; at most {LONGEST_LINE:,} are read"
            findings.add("bytes-line-too-long", file, number, what, source=line[:_SHOWN_BYTES])
            yield number, line, None
        elif not line.strip():
            findings.add("bytes-blank-line", file, number)
        else:
            yield number, line, _text(file, number, line, findings)


def _text(file: str, number: int, line: bytes, findings: Findings) -> str | None:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode()) + 1
        utf16 = "; the file looks like UTF-16" if number == 1 and line[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
        findings.add(
            "bytes-not-utf8",
            file,
            number,
            f"not UTF-8: byte 0x{line[error.start]:02x}{utf16}",
            column=column,
            source=line,
        )
        return None
    if found := _CONTROL.search(text):
        what = f"the raw control character U+{ord(found[0]):04X}"
        findings.add("bytes-control-character", file, number, what, column=found.start() + 1, source=text)
        return None
    return text
