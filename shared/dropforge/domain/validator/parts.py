"""A part of a file, inspected: what one block of lines says by itself, before anything is compared across blocks."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dropforge.domain.findings import Findings
from dropforge.domain.validator.blocks import LONGEST_LINE, Block
from dropforge.domain.validator.keys import Keys, Numbers
from dropforge.domain.validator.likeness import Likeness

_BOM = b"\xef\xbb\xbf"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
_SHOWN_BYTES = 4096  # of a line that is no text


@dataclass(kw_only=True)
class Part:
    """What a block holds.

    Attributes:
        source: Gives the block's bytes again.
        size: Bytes of the file that it stands for.
        lines: Physical lines in it.
        rows: Lines that hold something.
        at: The line of each record or label that can be used, from 1.
        findings: What is wrong with single lines; they count from 1 in each part.
        crlf: The first line that ends in CR LF; 0 for none.
    """

    source: Callable[[], bytes]
    size: int
    lines: int
    rows: int
    at: Numbers
    findings: Findings
    crlf: int = 0
    _lines: list[bytes] = field(default_factory=list, repr=False)

    def line(self, number: int) -> str:
        """One of its lines, for people."""
        self._lines = self._lines or self.source().split(b"\n")
        return self._lines[number - 1].removeprefix(_BOM).removesuffix(b"\r").decode("utf-8", "backslashreplace")


@dataclass(kw_only=True)
class Records(Part):
    """A block of corpus.jsonl or queries.jsonl.

    Attributes:
        ids: The key of each record's id.
        texts: Which texts are alike.
        foreign: How many texts are in a script other than Latin.
        first_foreign: The line of the first of them.
        unused: Fields that are not used, with the first line that has them.
    """

    ids: Keys
    texts: Likeness
    foreign: int = 0
    first_foreign: int = 0
    unused: dict[str, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class Labels(Part):
    """A block of a label file, its header left out.

    Attributes:
        queries: The key of each label's query.
        documents: The key of its document.
        scores: Its score.
    """

    queries: Keys
    documents: Keys
    scores: Numbers


def plain(file: str, block: Block, findings: Findings) -> tuple[bytes, int]:
    """The block with plain line ends, the last line's too, and the first line that ended in CR LF; 0 for none."""
    data = block.data
    if not block.offset and data.startswith(_BOM):
        findings.add("bytes-bom", file, 1)
        data = data.removeprefix(_BOM)
    found = data.find(b"\r\n") if b"\r" in data else -1
    if found >= 0:
        crlf = data.count(b"\n", 0, found) + 1
        data = data.replace(b"\r\n", b"\n")
    if not data.endswith(b"\n"):
        data += b"\n"
    return data, crlf if found >= 0 else 0


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
        what = f"the control character U+{ord(found[0]):04X} stands here as it is"
        findings.add("bytes-control-character", file, number, what, column=found.start() + 1, source=text)
        return None
    return text
