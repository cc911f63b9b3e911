"""Datasets to which something happened, for hypothesis: mostly in order, with a few mishaps of bytes, lines and words."""

import json
from collections.abc import Sequence

from hypothesis import strategies as st
from support.faults.texts import prose
from support.obvious import CORPUS, HEADER, QUERIES, TEST, TRAINING, VALIDATION

Files = dict[str, bytes]

LONG = 200  # bytes of a line; somewhat fewer than from which on texts are compared by their likeness
DOCUMENTS, LABELS = 12, 12  # of documents, and of labels in each file
NAMES = (CORPUS, QUERIES, TRAINING, TEST, VALIDATION)


def clean() -> dict[str, list[bytes]]:
    """The lines of a dataset in order, but for there being few test queries in it."""
    label = {TRAINING: "q", TEST: "t", VALIDATION: "v"}
    written = {
        CORPUS: [f'{{"_id": "d{n}", "title": "t{n}", "text": "{_said_of(n)}"}}' for n in range(DOCUMENTS)],
        QUERIES: [f'{{"_id": "{k}{n}", "text": "Query {k}, {n}"}}' for k in label.values() for n in range(LABELS)],
        **{file: [HEADER] + [f"{k}{n}\td{n}\t1" for n in range(LABELS)] for file, k in label.items()},
    }
    return {file: [f"{line}\n".encode() for line in lines] for file, lines in written.items()}


def _said_of(number: int) -> str:
    """One document in six is long: such texts are compared in another way."""
    return f"Document {number}" if number % 6 else prose(number, 2 * LONG)


def is_long(line: bytes) -> bool:
    """Whether what stands on a line, or stood there before some of it was lost, may be compared in that way."""
    return len(line) >= LONG


# Words

_LETTERS = st.sampled_from(
    [*'aB7 .,:{}[]"\\/\t\n\r\b\f\0\x01\x1f\x7f', *"\xe9\u0301ßﬁ\uff21語😀\u200d\u2028\x85\ufeff"]
)
_TEXTS = st.one_of(
    st.sampled_from(
        ["Document 3", "document, 3!", "Query q, 1", "QUERY T 2", "_id", "text", "", " ", "\u3000", "a: b"]
    ),
    st.text(_LETTERS, max_size=8),
    st.text(max_size=5),
)
_IDS = st.one_of(
    st.sampled_from(["d1", "q1", "t2", "v3", "x", "D1", " d1", "d1 ", "", "7"]),
    st.text(_LETTERS, min_size=1, max_size=4),
)


@st.composite
def _string(draw: st.DrawFn, text: str) -> str:
    """A text as JSON, some of its characters written as escapes that need not be."""
    if not draw(st.booleans()):
        return json.dumps(text, ensure_ascii=draw(st.booleans()))
    return '"' + "".join(_letter(char, escaped=draw(st.integers(0, 3)) == 0) for char in text) + '"'


def _letter(char: str, *, escaped: bool) -> str:
    if not escaped:
        return json.dumps(char, ensure_ascii=False)[1:-1]
    return "".join(f"\\u{unit:04x}" for unit in memoryview(char.encode("utf-16-le")).cast("H"))


_SPACE = st.sampled_from(["", "", "", " ", " ", "  ", "\t", " \t"])
_SCALARS = st.sampled_from(
    ["7", "-1.5e3", "1e999", "null", "true", "NaN", "-Infinity", "01", '"\\ud800"', '"\\ud83d\\ude00"', '""', "'x'"]
)
_NESTED = st.sampled_from(
    [
        "[]",
        "{}",
        '{"a": 1, "b": 2}',
        '{"a": 1, "a": 2}',
        '[{"_id": "d1"}, {"a": [{}]}]',
        '[[{"a": 1, "\\u0061": 2}]]',
        '{"_id": "d2", "text": "t"}',
        "[" * 99 + "]" * 99,
        "[" * 100 + "]" * 100,
        '{"a":' * 50 + "[]" + "}" * 50,
    ]
)
_FIELDS = st.sampled_from(["_id", "_id", "text", "text", "title", "Title", "id", "no", "", 'a"', "a\\", "a:"])


@st.composite
def _value(draw: st.DrawFn, name: str) -> str:
    usual = _IDS if name == "_id" else _TEXTS
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(_SCALARS)
    return draw(_NESTED) if kind == 1 else draw(_string(draw(usual)))


@st.composite
def _record(draw: st.DrawFn) -> str:
    """A record, mostly in order: the names that it needs, and perhaps others or the same once more."""
    names = draw(st.permutations(["_id", "text", *draw(st.lists(_FIELDS, max_size=2))]))
    names = names[: draw(st.sampled_from([len(names)] * 4 + [1]))]
    between = draw(_SPACE), draw(_SPACE), draw(_SPACE)
    pairs = [f"{draw(_string(name))}{between[0]}:{between[1]}{draw(_value(name))}" for name in names]
    return f"{between[2]}{{{between[0]}{f',{between[1]}'.join(pairs)}{between[0]}}}{between[2]}"


_CELLS = st.one_of(
    st.sampled_from(
        ["q1", "t1", "v1", "q2", "d1", "d2", "d3", "Q1", "q1 ", '"q1"', '"d1"', '"', '""', "'d1'", "x", "", "é"]
    ),
    st.text(_LETTERS.filter(lambda char: char not in "\t\n"), max_size=3),
)
_SCORES = st.sampled_from(
    ["0", "1", "1", "2", "00", "01", "-1", "0.5", "1e3", "", "\uff11", "9" * 9, "9" * 10, " 1", "x", '"1"']
)


@st.composite
def _label(draw: st.DrawFn) -> str:
    """A label, mostly of queries and documents that are there."""
    if draw(st.integers(0, 3)):
        query = draw(st.sampled_from("qtv")) + str(draw(st.integers(0, LABELS)))
        cells = [query, f"d{draw(st.integers(0, DOCUMENTS))}", draw(_SCORES)]
    else:
        cells = [draw(_CELLS), draw(_CELLS), draw(_SCORES)]
    cells = [*cells, draw(_CELLS)][: draw(st.sampled_from([3, 3, 3, 3, 2, 2, 1, 4]))]
    return draw(st.sampled_from(["\t"] * 8 + [" ", ",", "\t\t"])).join(cells)


_HEADERS = st.sampled_from(
    [HEADER, HEADER.upper(), HEADER.replace("\t", " "), HEADER.replace("\t", ","), f"{HEADER}\t", f" {HEADER}", "query-id\tcorpus-id", "q1\td1"]
)  # fmt: skip

# Mishaps

_BYTES = st.sampled_from(
    [
        *(bytes([byte]) for byte in b'\x00\x01\x0b\x0c\x1b\x7f\x80\xc3\xff\t\r\n "\\{}[],:0-'),
        b"\r\n",
        b"\n\n",
        b" \n",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        "\u2028".encode(),
        "\u0085".encode(),
        "😀".encode(),
        b"\\u0000",
        b"\\ud83d",
        b"\\b",
        b'\\"',
        b'":',
        b'" :',
        b"}{",
    ]
)


@st.composite
def mishaps(draw: st.DrawFn, most: int = 5) -> dict[str, list[bytes]]:
    """The lines of each file, ends included, after up to so many mishaps of lines and of bytes."""
    files = clean()
    if draw(st.integers(0, 3)) == 0:
        del files[VALIDATION]
    for _ in range(draw(st.integers(0, most))):
        file = draw(st.sampled_from(sorted(files)))
        lines = files[file]
        place = draw(st.integers(0, len(lines) - 1))
        happens = draw(st.sampled_from(_MISHAPS))
        lines[place : place + 1] = happens(draw, file, place, lines)
    last = files[draw(st.sampled_from(sorted(files)))]
    if draw(st.integers(0, 3)) == 0:
        last[-1] = last[-1].rstrip(b"\r\n") or b"x"
    return files


def _rewritten(draw: st.DrawFn, file: str, place: int, lines: Sequence[bytes]) -> list[bytes]:
    kind = _record() if file in {CORPUS, QUERIES} else _label() if place else _HEADERS
    others = draw(st.sampled_from([[], [], [lines[place]]]))
    return [draw(kind).encode("utf-8", "replace") + b"\n", *others]


def _reworded(draw: st.DrawFn, file: str, place: int, lines: Sequence[bytes]) -> list[bytes]:
    """The same written in another way."""
    try:
        record = json.loads(lines[place])
        pairs = [*record.items(), *draw(st.sampled_from([[], [], [("no", draw(_TEXTS))]]))]
    except (ValueError, AttributeError):
        cells = lines[place].removesuffix(b"\t1\n")
        return [lines[place] if cells == lines[place] else cells + draw(st.sampled_from([b"\n", b"\t2\n", b"\t01\n"]))]
    between, around = draw(_SPACE), draw(_SPACE)
    written = (
        f"{draw(_string(name))}{between}:{around}{draw(_string(value)) if isinstance(value, str) else json.dumps(value)}"
        for name, value in draw(st.permutations(pairs))
    )
    return [f"{around}{{{between}{f',{around}'.join(written)}{around}}}{between}\n".encode("utf-8", "replace")]


def _put_in(draw: st.DrawFn, file: str, place: int, lines: Sequence[bytes]) -> list[bytes]:
    at = draw(st.integers(0, len(lines[place]) - 1))
    return [lines[place][:at] + draw(_BYTES) + lines[place][at:]]


def _struck(draw: st.DrawFn, file: str, place: int, lines: Sequence[bytes]) -> list[bytes]:
    """Some of a line's bytes are left out; where it is its end, two lines become one."""
    at = draw(st.integers(0, len(lines[place]) - 1))
    return [lines[place][:at] + lines[place][at + draw(st.sampled_from([1, 1, 2, 5])) :] or b" \n"]


def _flipped(draw: st.DrawFn, file: str, place: int, lines: Sequence[bytes]) -> list[bytes]:
    at = draw(st.integers(0, len(lines[place]) - 1))
    return [lines[place][:at] + bytes([lines[place][at] ^ 1 << draw(st.integers(0, 7))]) + lines[place][at + 1 :]]


def _moved(draw: st.DrawFn, file: str, place: int, lines: Sequence[bytes]) -> list[bytes]:
    """Another line of the file comes as well, before this one or instead of it."""
    other = lines[draw(st.integers(0, len(lines) - 1))]
    return draw(st.sampled_from([[other], [other, lines[place]], [lines[place], lines[place]], []])) or [b"\n"]


_MISHAPS = [_reworded] * 4 + [_rewritten] * 3 + [_put_in] * 2 + [_struck, _flipped, _moved]


def joined(lines: dict[str, list[bytes]]) -> Files:
    """The files; none ends in a CR without its LF."""
    files = {file: b"".join(each) for file, each in lines.items()}
    return {file: data + b"\n" if data.endswith(b"\r") else data for file, data in files.items()}
