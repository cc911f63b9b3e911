"""A part of a file, inspected: what one block of lines says by itself, before anything is compared across blocks."""

from collections.abc import Callable
from dataclasses import dataclass, field

from dropforge.domain.findings import Findings
from dropforge.domain.validator.keys import Keys, Numbers
from dropforge.domain.validator.likeness import Likeness
from dropforge.domain.validator.lines import BOM


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
        return self._lines[number - 1].removeprefix(BOM).removesuffix(b"\r").decode("utf-8", "backslashreplace")


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
