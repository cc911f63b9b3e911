"""Faults of bytes and lines, whatever is written on them."""

from support.examination import Told
from support.faults.fault import (
    CORPUS,
    HEADER,
    LABELS,
    QUERIES,
    RECORDS,
    SIZE,
    TEST,
    TRAINING,
    VALIDATION,
    Edit,
    Fault,
    Files,
    Line,
    document_at,
)

LONGEST_LINE = 4 * 1024 * 1024


def _behind(name: str, file: str, *lines: Line) -> Fault:
    return Fault(name=f"{name}, in {file}", edits=(Edit(file, lines),))


def _instead(name: str, file: str, *lines: Line) -> Fault:
    return Fault(name=f"{name}, in {file}", edits=(Edit(file, lines, instead=True),))


def _whole(name: str, change, *told: tuple[str, str, int, int], apart: str = "it is about the whole file") -> Fault:
    return Fault(name=name, change=change, told=tuple(Told(*each) for each in told), apart=apart)


def _each_line(file: str, change):
    def changed(files: Files) -> Files:
        lines = files[file].splitlines(keepends=True)
        return files | {file: b"".join(change(number, line) for number, line in enumerate(lines, 1))}

    return changed


def _whole_file(file: str, change):
    def changed(files: Files) -> Files:
        return files | {file: change(files[file])}

    return changed


def _crlf(number: int, line: bytes) -> bytes:
    return line.replace(b"\n", b"\r\n")


def _crlf_at(wanted: int):
    return lambda number, line: _crlf(number, line) if number in {wanted, wanted + 3} else line


def _blank_at(wanted: int):
    return lambda number, line: b"\n" + line if number == wanted else line


def _long(file: str, size: int) -> str:
    """A record that is in order but for its length in bytes; the spaces stand between two names."""
    letter = "d" if file == CORPUS else "q"
    begin, end = f'{{"_id": "{letter}#",', '"text": "long # alone"}'
    return f"{begin}{' ' * (size - len(begin) - len(end))}{end}"


# What the place's number takes is one digit, in the dataset of one fault.
LONGEST = {file: _long(file, LONGEST_LINE) for file in RECORDS}
_LAST_LABEL = SIZE + 1
_BROKEN_BYTES = {
    "a byte that is never UTF-8": "\udcff",
    "a letter in Latin-1": "\udce9t\udce9",
    "a letter in Windows-1252": "\udc93so\udc94",
    "a byte that goes on with nothing": "\udc80",
    "a slash written overlong in two bytes": "\udcc0\udcaf",
    "a slash written overlong in three bytes": "\udce0\udc80\udcaf",
    "U+0000 written overlong": "\udcc0\udc80",
    "half of a surrogate pair as bytes": "\udced\udca0\udc80",
    "a surrogate pair as bytes": "\udced\udca0\udcbd\udced\udcb8\udc80",
    "a character beyond U+10FFFF": "\udcf4\udc90\udc80\udc80",
    "a sequence that breaks off": "\udce2\udc82",
    "a sequence of four that breaks off": "\udcf0\udc9f\udc98",
    "a sequence of five": "\udcf8\udc88\udc80\udc80\udc80",
}
_NOT_UTF8 = (
    *(
        _behind(name, file, (f'{{"_id": "x#", "text": "é ¦{bad}"}}', "bytes-not-utf8"))
        for name, bad in _BROKEN_BYTES.items()
        for file in RECORDS
    ),
    *(_behind(name, file, (f"é¦{bad}\td#\t1", "bytes-not-utf8")) for name, bad in _BROKEN_BYTES.items() for file in LABELS),
    _behind("a byte that is never UTF-8 in a field of no use", CORPUS, ('{"_id": "x#", "no": "¦\udcff", "text": "t"}', "bytes-not-utf8")),
    _behind("a byte that is never UTF-8 in a name", QUERIES, ('{"_id": "x#", "te¦\udcffxt": "t"}', "bytes-not-utf8")),
    _behind("a byte that is never UTF-8 behind a record", QUERIES, ('{"_id": "x#", "text": "t"}¦\udcff', "bytes-not-utf8")),
    _behind("a byte that is never UTF-8 alone on its line", CORPUS, ("¦\udcff", "bytes-not-utf8")),
    _behind("a byte that is never UTF-8 alone on its line", TEST, ("¦\udcff", "bytes-not-utf8")),
    _behind("a byte that is never UTF-8 in a score", TRAINING, ("q#\td#\t¦\udcff", "bytes-not-utf8")),
    # The record is what it is but for one letter, so nothing is told of the labels that name it.
    _instead("a letter in Latin-1 in a record that labels name", CORPUS, ('{"_id": "d#", "text": "¦\udce9"}', "bytes-not-utf8")),
)  # fmt: skip

_UTF16 = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}


def _utf16(encoding: str, *, marked: bool = True):
    return lambda data: (_UTF16[encoding] if marked else b"") + data.decode().encode(encoding)


# In UTF-16 every second byte of a label is U+0000; little-endian, that of the last line end begins a line of its own.
# Nothing can be read, so no query is labelled.
_IN_UTF16 = (
    _whole(
        "labels in UTF-16, little-endian",
        _whole_file(VALIDATION, _utf16("utf-16-le")),
        ("bytes-not-utf8", VALIDATION, 1, 1),
        *(("bytes-control-character", VALIDATION, line, 1) for line in range(2, SIZE + 3)),
        ("labels-too-few-queries", VALIDATION, 0, 0),
    ),
    _whole(
        "labels in UTF-16, big-endian",
        _whole_file(VALIDATION, _utf16("utf-16-be")),
        ("bytes-not-utf8", VALIDATION, 1, 1),
        *(("bytes-control-character", VALIDATION, line, 1) for line in range(2, SIZE + 2)),
        ("labels-too-few-queries", VALIDATION, 0, 0),
    ),
    _whole(
        "labels in UTF-16 without a mark",
        _whole_file(VALIDATION, _utf16("utf-16-le", marked=False)),
        ("bytes-control-character", VALIDATION, 1, 2),
        *(("bytes-control-character", VALIDATION, line, 1) for line in range(2, SIZE + 3)),
        ("labels-too-few-queries", VALIDATION, 0, 0),
    ),
    _whole(
        "documents in UTF-16",  # none can be read, so that every label names one that is not there
        _whole_file(CORPUS, _utf16("utf-16-be")),
        ("bytes-not-utf8", CORPUS, 1, 1),
        *(("bytes-control-character", CORPUS, line, 1) for line in range(2, SIZE + 1)),
        *(
            ("labels-unknown-document", file, line, document_at(file, line))
            for file in LABELS
            for line in range(2, SIZE + 2)
        ),
        *(("labels-too-few-queries", file, 0, 0) for file in LABELS),
        ("labels-too-few-queries-in-all", "", 0, 0),
    ),
)

_MARKED = tuple(
    _whole(
        f"a byte-order mark, in {file}",
        _whole_file(file, lambda data: b"\xef\xbb\xbf" + data),
        ("bytes-bom", file, 1, 0),
        apart="" if file in {CORPUS, TEST} else "one in each kind of file will do",
    )
    for file in (*RECORDS, *LABELS)
)

_LINE_ENDS = (
    *(
        _whole(f"CR LF on every line, in {file}", _whole_file(file, lambda data: data.replace(b"\n", b"\r\n")), ("bytes-line-ends", file, 1, 0))
        for file in (*RECORDS, *LABELS)
    ),
    *(
        _whole(f"CR LF on two lines, the first line {line}, in {file}", _each_line(file, _crlf_at(line)), ("bytes-line-ends", file, line, 0))
        for line in (1, 2, 17, SIZE)
        for file in (CORPUS, TEST)
    ),
    _whole("CR LF on the last line only", _whole_file(TEST, lambda data: data.removesuffix(b"\n") + b"\r\n"), ("bytes-line-ends", TEST, _LAST_LABEL, 0)),
    _instead("CR LF behind a record", CORPUS, ('{"_id": "d#", "text": "crlf # here"}\r', "bytes-line-ends")),
    _instead("CR LF behind a label", TRAINING, ("q#\td#\t1\r", "bytes-line-ends")),
    _behind("CR LF behind a record that is broken", QUERIES, ('{"_id": "x#", "text": ¦}\r', "json-malformed", "bytes-line-ends")),
    _behind("two CRs before a line end", CORPUS, ('{"_id": "x#", "text": "t"}¦\r\r', "bytes-control-character", "bytes-line-ends")),
    _whole(
        "CR for all line ends but the header's, as on an old Macintosh",  # one line, on which no query can be read
        _whole_file(TEST, lambda data: data[:-1].replace(b"\n", b"\r").replace(b"\r", b"\n", 1) + b"\n"),
        ("bytes-control-character", TEST, 2, len("t0\td0\t1") + 1),
        ("labels-too-few-queries", TEST, 0, 0),
    ),
    _whole(
        "a CR at the end, and no LF",
        _whole_file(CORPUS, lambda data: data + b'{"_id": "x", "text": "t"}\r'),
        ("bytes-control-character", CORPUS, SIZE + 1, 26),
    ),
)  # fmt: skip

_CONTROLS = (
    *(
        _behind(f"a raw U+{ord(char):04X} in a text", file, (f'{{"_id": "x#", "text": "a¦{char}b"}}', "bytes-control-character"))
        for char in "\x00\x01\x08\x0b\x0c\r\x0e\x1b\x1f"
        for file in RECORDS
    ),
    *(
        _behind(f"a raw U+{ord(char):04X} in a label", file, (f"q#¦{char}\td#\t1", "bytes-control-character"))
        for char in "\x00\x01\x08\x0b\x0c\r\x1b\x1f"
        for file in LABELS
    ),
    _behind("a raw U+0000 between names", CORPUS, ('{"_id": "x#",¦\0 "text": "t"}', "bytes-control-character")),
    _behind("a raw U+0000 behind a record", CORPUS, ('{"_id": "x#", "text": "t"}¦\0', "bytes-control-character")),
    _behind("a raw CR between names", CORPUS, ('{"_id": "x#",¦\r "text": "t"}', "bytes-control-character")),
    _behind("a raw CR before a record", QUERIES, ('¦\r{"_id": "x#", "text": "t"}', "bytes-control-character")),
    _behind("a raw CR before a score", TEST, ("t#\td#\t¦\r1", "bytes-control-character")),
    _behind("a raw ESC in a title", QUERIES, ('{"_id": "x#", "title": "¦\x1b[31m", "text": "t"}', "bytes-control-character")),
    _behind("a raw ESC in an id", QUERIES, ('{"_id": "x#¦\x1b", "text": "t"}', "bytes-control-character")),
    _behind("two raw control characters, the first told", QUERIES, ('{"_id": "x#", "text": "¦\x02\x01"}', "bytes-control-character")),
    _behind("a raw U+0001 behind an emoji", CORPUS, ('{"_id": "x#", "text": "👩‍👩‍👧¦\x01"}', "bytes-control-character")),
)  # fmt: skip

_BLANK = (
    *(
        _whole(f"a blank line before line {line}, in {file}", _each_line(file, _blank_at(line)), ("bytes-blank-line", file, line, 0))
        for line in (1, 2, 20)
        for file in (CORPUS, TEST)
    ),
    *(
        _whole(f"a blank line at the end, in {file}", _whole_file(file, lambda data: data + b"\n"), ("bytes-blank-line", file, lines + 1, 0))
        for file, lines in ((CORPUS, SIZE), (QUERIES, 3 * SIZE), *((file, _LAST_LABEL) for file in LABELS))
    ),
    _whole("a line of spaces at the end, without a line end", _whole_file(CORPUS, lambda data: data + b"  "), ("bytes-blank-line", CORPUS, SIZE + 1, 0)),
    *(_behind("two blank lines", file, ("", "bytes-blank-line"), ("", "bytes-blank-line")) for file in (*RECORDS, *LABELS)),
    *(_behind("a line of spaces", file, ("   ", "bytes-blank-line")) for file in (*RECORDS, *LABELS)),
    *(_behind("a line of tabs", file, ("\t\t", "bytes-blank-line")) for file in (QUERIES, TRAINING)),
    *(
        _whole(
            f"nothing but CR LF before all, in {file}",
            _whole_file(file, lambda data: b"\r\n" + data),
            ("bytes-blank-line", file, 1, 0),
            ("bytes-line-ends", file, 1, 0),
        )
        for file in (CORPUS, QUERIES)
    ),
    _behind("a line that has only its CR LF", TEST, ("\r", "bytes-blank-line", "bytes-line-ends")),
)  # fmt: skip

_TOO_LONG = (
    *(
        Fault(
            name=f"a record of one byte more than 4 MiB, in {file}",
            edits=(Edit(file, ((line.replace(" ", "  ", 1), "bytes-line-too-long"),), instead=True),),
            apart="it is large",
        )
        for file, line in LONGEST.items()
    ),
    Fault(
        name="a label of 5 MiB",
        edits=(Edit(TRAINING, (("x" * 5 * 1024 * 1024, "bytes-line-too-long"),)),),
        apart="it is large",
    ),
    Fault(
        name="two lines too long, one behind the other",
        edits=(Edit(TEST, (("x" * 9 * 1024 * 1024, "bytes-line-too-long"), ("y" * 5 * 1024 * 1024, "bytes-line-too-long"))),),
        apart="it is large",
    ),
    _whole(
        "a line too long at the end, without a line end",
        _whole_file(TEST, lambda data: data + b"x" * (LONGEST_LINE + 1)),
        ("bytes-line-too-long", TEST, _LAST_LABEL + 1, 0),
        apart="it is large",
    ),
    _whole(
        "a line too long at the beginning, as a header",
        _whole_file(TEST, lambda data: data.replace(HEADER.encode(), b"h" * 2 * LONGEST_LINE, 1)),
        ("bytes-line-too-long", TEST, 1, 0),
        apart="it is large",
    ),
)  # fmt: skip

FAULTS = (*_NOT_UTF8, *_IN_UTF16, *_MARKED, *_LINE_ENDS, *_CONTROLS, *_BLANK, *_TOO_LONG)
