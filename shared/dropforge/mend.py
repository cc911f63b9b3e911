"""Mends a dataset folder where there is only one way to mend it: a corrected copy, and what is different in it.

What somebody has to decide (two scores for one pair, a text that is missing, columns in another order) is copied as it
is; `dropforge check` tells of it. The source is only ever read.
"""

import codecs
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import BinaryIO

from dropforge.domain.datasets import DATA, KNOWN, MANIFEST, ROOT, bare, place_of
from dropforge.domain.errors import Refused
from dropforge.domain.text import printable, shortened
from dropforge.domain.validator.blocks import LONGEST_LINE
from dropforge.domain.validator.labels import HEADER
from dropforge.domain.validator.record import identity_in

CERTAIN = frozenset({"bytes-bom", "bytes-line-ends", "bytes-blank-line", "labels-duplicate"})  # findings surely removed
MOST_LINES = 10  # named of each change
MOST_STRAYS = 20
MOST_TOLD_APART = 1_000_000  # rows of a file, some hundred megabytes; Vertex takes half as many
_LONGEST_SHOWN = 200  # characters of a name or a path
_BLOCK = 512 * 1024  # bytes
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEADER = HEADER.encode()
_LOOSE_HEADER = re.compile(rb"[ \t]*" + _HEADER.replace(b"\t", rb"[ \t]+") + rb"[ \t]*")
_AMBIGUOUS = re.compile(rb'[\x00-\x1f\x7f",;]')  # a tab, another separator, a quote: spaces may be part of an id
_SCORE = re.compile(rb"[0-9]{1,9}")
_NUMBER = re.compile(rb"[-+.0-9]+")


class How(StrEnum):
    """In what a copy differs from its source, or why it does not; the values are for people."""

    ENCODING = "UTF-16 made UTF-8"
    MARK = "byte-order mark removed"
    LINE_END = "CR LF made LF"
    BLANK = "blank line removed"
    SPACES = "spaces made tabs"
    DUPLICATE = "exact duplicate removed"
    NOT_TEXT = "copied as it is: it is not UTF-8"
    NAME = "copied under the name that it must have"
    STRAY = "left behind: not a file of a dataset"
    STALE = "left behind: it lists the files as they were"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one file, in one way.

    Attributes:
        file: Name in the folder, printable; empty for the strays beyond the first `MOST_STRAYS`, taken together.
        how: In which way.
        count: How often.
        lines: The first `MOST_LINES` lines that it happened to, as they are numbered in the source; none where it
            happened to the file as a whole.
    """

    file: str
    how: How
    count: int = 1
    lines: tuple[int, ...] = ()

    def __str__(self) -> str:
        """One line for people: `corpus.jsonl: blank line removed, 12 times: lines 3, 9, 14, ...`."""
        times = f", {self.count:,} times" if self.lines and self.count > 1 else ""
        more = ", ..." if len(self.lines) < self.count else ""
        where = f": line{'s' * (self.count > 1)} {', '.join(map(str, self.lines))}{more}" if self.lines else ""
        return f"{self.file or f'{self.count:,} more'}: {self.how}{times}{where}"


def mend(folder: Path, into: Path) -> tuple[Change, ...]:
    """Write a corrected copy of a dataset folder.

    Files get their names only when all of them are written: a run that breaks off leaves none. What needs no mending is
    copied to the byte, and mending a copy again changes nothing.

    Args:
        folder: The dataset's folder. Nothing in it is written to.
        into: An empty folder, or one that is not there yet.

    Returns:
        What is different, by file; nothing when the copy is the same.

    Raises:
        Refused: There is no dataset, `into` is taken or in the way, or something cannot be read or written.
    """
    try:
        return _mend(folder, into)
    except OSError as error:
        raise Refused(
            f"{_shown(error.filename or into)}: {error.strerror or error}, so there is no corrected copy: see that "
            f"{_shown(folder)} can be read, and that {_shown(into)} can be written to and has room"
        ) from error


def _mend(folder: Path, into: Path) -> tuple[Change, ...]:
    names = _names_in(folder)
    files = _known(names)
    _require_plain(folder, files.values())
    _require_room(folder, into)
    into.mkdir(parents=True, exist_ok=True)
    changes = [Change(_shown(file), How.NAME) for name, file in files.items() if file != name]
    changes += _left_behind(names.difference(files.values()))
    with TemporaryDirectory(prefix=".mending-", dir=into) as bench:
        for name, file in files.items():
            if name in DATA:
                changes += _copy_mended(folder / file, Path(bench, name))
            elif name == MANIFEST and any(change.how is not How.NOT_TEXT for change in changes):
                changes.append(Change(name, How.STALE))
            else:
                shutil.copyfile(folder / file, Path(bench, name))
        for copy in Path(bench).iterdir():
            copy.rename(into / copy.name)
    return tuple(changes)


def _names_in(folder: Path) -> set[str]:
    """The names in a folder, once it is known to hold a dataset."""
    if not folder.is_dir():
        raise Refused(f"{_shown(folder)} is no folder: name the one that corpus.jsonl lies in")
    names = {path.name for path in folder.iterdir()}
    if names.isdisjoint(KNOWN):
        raise Refused(f"{_shown(folder)} holds no file of a dataset: name the folder that corpus.jsonl lies in")
    return names


def _known(names: Collection[str]) -> dict[str, str]:
    """The files of a dataset, each with the name that it lies under, in the order of `KNOWN`.

    A data file whose name differs in case and punctuation only is taken for it, if there is just one such and nothing
    lies under the right name.
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(bare(name), []).append(name)
    known = {}
    for name in KNOWN:
        near = alike.get(bare(name), []) if name in DATA else []
        if name in names:
            known[name] = name
        elif len(near) == 1:
            [known[name]] = near
    return known


def _require_plain(folder: Path, names: Iterable[str]) -> None:
    """Refuse what is no file, or not the folder's own.

    A link that leads out of the folder is not followed: the copy is made to be uploaded, and whoever made the folder
    may not be whoever mends it.
    """
    for name in names:
        path = folder / name
        if not path.is_file():
            raise Refused(f"{_shown(path)} is not a plain file: put the file itself there")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise Refused(f"{_shown(path)} is a link that leads out of the folder: put the file itself there")


def _require_room(folder: Path, into: Path) -> None:
    """Refuse a place for the copy where it would not be alone, or would change the source."""
    place = into.resolve()
    if any(outer.exists() and outer.samefile(folder) for outer in (place, *place.parents)):
        raise Refused(f"{_shown(into)} lies in the dataset's own folder: name a new folder outside it")
    if place.exists() and not place.is_dir():
        raise Refused(f"{_shown(into)} is not a folder: name an empty or a new one")
    if place.exists() and any(place.iterdir()):
        raise Refused(f"{_shown(into)} is not empty: name an empty or a new folder")


def _left_behind(names: Iterable[str]) -> Iterator[Change]:
    """What is not copied; hidden files and uploaders' leftovers are no loss, and not reported."""
    strays = sorted(name for name in names if place_of(f"{ROOT}dataset/{name}"))
    yield from (Change(_shown(name), How.STRAY) for name in strays[:MOST_STRAYS])
    if more := len(strays[MOST_STRAYS:]):
        yield Change("", How.STRAY, more)


def _copy_mended(path: Path, into: Path) -> Iterable[Change]:
    """Copy a data file, mended."""
    mending = _Mending(into.name)
    with path.open("rb") as source, TemporaryFile(dir=into.parent) as spare, into.open("wb") as copy:
        is_utf16 = source.read(2) in _UTF16
        source.seek(0)
        if not _is_text(source, spare if is_utf16 else None):
            source.seek(0)
            shutil.copyfileobj(source, copy)
            return [Change(into.name, How.NOT_TEXT)]
        text = spare if is_utf16 else source
        text.seek(0)
        mending.copy(text, copy)
    return [*[Change(into.name, How.ENCODING)] * is_utf16, *mending.changes()]


def _is_text(source: BinaryIO, plain: BinaryIO | None) -> bool:
    """Read to the end: is it UTF-8, or UTF-16 when it is to be written down as UTF-8 in `plain`?

    Of a file in another encoding nothing is certain, not even what a line end is. UTF-16 with U+0000 is UTF-32.
    """
    pieces = iter(partial(source.read, _BLOCK), b"")
    try:
        for text in codecs.iterdecode(pieces, "utf-16" if plain else "utf-8"):
            if plain:
                if "\0" in text:
                    return False
                plain.write(text.encode())
    except UnicodeError:
        return False
    return True


@dataclass
class _Mending:
    """Mends one file, line by line.

    Rows are told apart by 128 bits of BLAKE2b: for two different ones to be taken for the same by chance, a million
    files a second would have to be mended for longer than the universe is old, and nobody can make two on purpose.
    """

    file: str
    begun: bool = False  # whether a line has been kept
    seen: set[bytes] = field(default_factory=set)
    counts: dict[How, int] = field(default_factory=dict)
    lines: dict[How, list[int]] = field(default_factory=dict)

    def copy(self, source: BinaryIO, copy: BinaryIO) -> None:
        """Copy to the end of the source. A line that is too long to be held is copied as it is, piece by piece."""
        number = 0
        while line := source.readline(LONGEST_LINE):
            number += 1
            if len(line) < LONGEST_LINE or line.endswith(b"\n"):
                copy.write(self._mended(number, line))
                continue
            self.begun = True
            copy.write(line)
            while not line.endswith(b"\n") and (line := source.readline(_BLOCK)):
                copy.write(line)

    def changes(self) -> list[Change]:
        """What was changed."""
        return [Change(self.file, how, count, tuple(self.lines[how])) for how, count in self.counts.items()]

    def _note(self, how: How, number: int) -> None:
        self.counts[how] = self.counts.get(how, 0) + 1
        if len(lines := self.lines.setdefault(how, [])) < MOST_LINES:
            lines.append(number)

    def _mended(self, number: int, line: bytes) -> bytes:
        """The line with its end, or nothing where it is left out."""
        end = b"\n" if line.endswith(b"\n") else b""
        line = line.removesuffix(b"\n")
        if not self.begun and line.startswith(codecs.BOM_UTF8):
            self._note(How.MARK, number)
            while line.startswith(codecs.BOM_UTF8):
                line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            self._note(How.BLANK, number)
            return b""
        if line.endswith(b"\r"):  # two of them where a text was converted twice
            self._note(How.LINE_END, number)
            line = line.rstrip(b"\r")
        is_first, self.begun = not self.begun, True
        if self.file.endswith(".tsv"):
            tabbed = _with_tabs(line, is_first=is_first)
            if tabbed != line:
                self._note(How.SPACES, number)
            line, row = tabbed, _label(tabbed)
        else:
            row = line if line.startswith(b"{") and line.endswith(b"}") else b""
        # A line such as `{}` may come often in a record written over several lines; one with an _id is a record.
        if row and self._seen_before(row) and (self.file.endswith(".tsv") or identity_in(line.decode())):
            self._note(How.DUPLICATE, number)
            return b""
        return line + end

    def _seen_before(self, row: bytes) -> bool:
        digest = blake2b(row, digest_size=16).digest()
        if digest in self.seen:
            return True
        if len(self.seen) < MOST_TOLD_APART:
            self.seen.add(digest)
        return False


def _with_tabs(line: bytes, *, is_first: bool) -> bytes:
    """The header or the label with tabs for its spaces, where they can be nothing else; or the line as it is.

    Of two words the second must not be a number: it could be the score, and the document be missing.
    """
    if is_first:
        return _HEADER if _LOOSE_HEADER.fullmatch(line) else line
    if b" " not in line or _AMBIGUOUS.search(line):
        return line
    words = line.split()
    in_order = _SCORE.fullmatch(words[2]) if len(words) == 3 else len(words) == 2 and not _NUMBER.fullmatch(words[1])
    return b"\t".join(words) if in_order else line


def _label(line: bytes) -> bytes:
    """What a label says, however its score is written (1 where it is left out); empty for what is no label."""
    cells = line.split(b"\t")
    score = cells[2] if len(cells) == 3 else b"1"
    if len(cells) not in {2, 3} or not all(cells[:2]) or not _SCORE.fullmatch(score):
        return b""
    return b"%b\t%b\t%d" % (cells[0], cells[1], int(score))


def _shown(name: object) -> str:
    return printable(shortened(str(name), _LONGEST_SHOWN))
