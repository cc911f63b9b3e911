"""Datasets that are unusual but in order, by what is unusual: nothing may be told of them."""

import json
from collections.abc import Callable

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
    Dataset,
    Files,
)
from support.faults.folder import MANIFEST, listed
from support.faults.lines import LONGEST
from support.faults.texts import LONGEST_TEXTS, SCRIPTS, prose

from dropforge.domain.catalogue import Limits
from dropforge.domain.tuning import Tuning
from dropforge.settings import Operator

D7 = b'{"_id": "d7", "title": "Title 7", "text": "Document 7 says what can be said of harbours and of number 7"}'
MULTILINGUAL = b"base_model: text-multilingual-embedding-002\n"


def with_document(line: str) -> Files:
    """The clean dataset with another seventh document."""
    files = Dataset().files
    assert D7 in files[CORPUS], "the document must really be replaced"
    return files | {CORPUS: files[CORPUS].replace(D7, line.encode())}


def with_labels(file: str, *rows: str) -> Files:
    """The clean dataset with other labels in one file."""
    return Dataset().files | {file: "".join(f"{row}\n" for row in (HEADER, *rows)).encode()}


def changed(file: str, old: bytes, new: bytes) -> Files:
    """The clean dataset with something else in one file, each time that it stands there."""
    files = Dataset().files
    assert old in files[file], "there must really be a change"
    return files | {file: files[file].replace(old, new)}


def with_id(identity: str) -> Files:
    """The clean dataset with another id for a document, in every file that names it."""
    files = Dataset().files
    written = json.dumps(identity, ensure_ascii=False)
    files[CORPUS] = files[CORPUS].replace(b'"_id": "d7"', f'"_id": {written}'.encode())
    return files | {file: files[file].replace(b"\td7\t", f"\t{identity}\t".encode()) for file in LABELS}


def _without_scores() -> Files:
    files = Dataset().files
    return files | {file: files[file].replace(b"\t1\n", b"\n") for file in LABELS}


def _ids_that_are_alike() -> Files:
    files = Dataset().files
    ids = ["a", "A", "\xe0", "a\u0300", "\uff41"]
    files[CORPUS] += "".join(
        f'{{"_id": "{each}", "text": "text {place}"}}\n' for place, each in enumerate(ids)
    ).encode()
    files[TRAINING] += "".join(f"q{place}\t{each}\t1\n" for place, each in enumerate(ids)).encode()
    return files


def _at_the_limit_of_a_line(file: str) -> Files:
    line = LONGEST[file].replace("#", "7").encode()
    files = Dataset().files
    old = next(each for each in files[file].splitlines() if each.startswith(line[:11]))
    return files | {file: files[file].replace(old, line)}


def _without_validation() -> Files:
    files = Dataset().files
    del files[VALIDATION]
    files[TEST] += b"".join(b"v%d\td%d\t1\n" % (n, n) for n in range(SIZE))
    return files


def _split_by_the_operator() -> Files:
    files = Dataset().files
    files[TRAINING] += files.pop(TEST).removeprefix(HEADER.encode() + b"\n")
    return files


def _split() -> Files:
    return _split_by_the_operator() | {"tuning.yaml": b"test_labels: split\n"}


def _short_beside_long(text: str) -> Files:
    files = with_document(f'{{"_id": "d7", "text": {text}}}')
    return files | {CORPUS: files[CORPUS].replace(b"Document 8 ", prose(80, 400).encode())}


def _signs_only() -> Files:
    files = Dataset().files
    lines = [
        f'{{"_id": "{identity}", "text": "{text}"}}\n' for identity, text in (("x", "!?"), ("y", "..."), ("z", "??"))
    ]
    files[QUERIES] += "".join(lines).encode()
    return files | {file: files[file] + f"{query}\td1\t1\n".encode() for file, query in zip(LABELS, "xyz", strict=True)}


def _with_manifest() -> Files:
    files = Dataset().files
    return files | {MANIFEST: json.dumps({"files": listed(files)}).encode()}


_RECORDS = (
    '{"text":"close together","_id":"d7"}',
    '  {  "_id"  :  "d7"  ,  "text"  :  "apart"  }  ',
    '\t{\t"_id"\t:\t"d7",\t"text" :\t"with tabs"\t}\t',
    '{"text": "first", "title": "t", "_id": "d7"}',
    '{"title": "", "_id": "d7", "text": "an empty title"}',
    '{"_id": "d7", "text": "   spaces around   ", "title": " "}',
    r'{"_id": "d7", "text": "\" \\ \/ \n \r \t \u0041 \u00e9 \u00E9 \u2028 \uffff \ud83d\ude00 \uDBFF\uDFFF"}',
    r'{"_id": "\u00647", "text": "an escaped id"}',
    r'{"\u005fid": "d7", "te\u0078t": "escaped names", "t\u0069tle": "t"}',
    r'{"_id": "d7", "text": "C:\\new\\table \\u0000 \\u0001 \\ud800 \\b \\f"}',
    r'{"_id": "d7", "text": "it ends in a backslash\\"}',
    r'{"_id": "d7", "text": "\\\\", "title": "\\\\\\"}',
    r'{"_id": "d7", "text": "tab \u0009, line end \u000a and CR \u000D as numbers"}',
    r'{"_id": "d7", "text": "a \"name\": a value, \"_id\": \"d8\""}',
    r'{"_id": "d7", "text": "\"_id\": \"\\u0000\", \"text\":"}',
    '{"_id": "d7", "text": "braces } { and }{ and [ ] , : "}',
    '{"_id": "d7", "text": "a colon: \'quoted\' : and ` : \\":"}',
    '{"_id": "d7", "text": "NaN, Infinity, null"}',
    '{"_id": "d7", "text": "½ ﬁ ²  no-break thin\u2009 and\u3000wide spaces"}',
    '{"_id": "d7", "text": "ends of lines of other worlds: \u0085 \u2028 \u2029"}',
    '{"_id": "d7", "text": "invisible: \ufeff \u200b \u200d \u00ad \u202e"}',
    '{"_id": "d7", "text": "no characters: \ufffd \uffff \ue000 \U0010ffff"}',
    '{"_id": "d7", "text": "👩‍👩‍👧 🏳️‍🌈 👍🏽 🇩🇪 1️⃣ 😀😀😀😀"}',
    '{"_id": "d7", "text": "e\u0301 n\u0303 o\u0308\u0304 z\u0335\u0321\u0322\u0327"}',
    '{"_id": "d7", "text": "Ångström, Łódź, Đà Nẵng, İstanbul, ǅ, ẞ"}',
    '{"_id": "d7", "text": "two Greek letters: αβ, and αβ, and π"}',
    '{"_id": "d7", "text": "∀x ∈ Z: ⌈x⌉ ≥ x → ← ■□ ①②③ ™ €"}',
    '{"_id": "d7", "text": "0"}',
    '{"_id": "d7", "text": "."}',
    '{"_id": "d7", "text": "😀"}',
    '{"_id": "d7", "text": "What is q number 9 about", "title": "What is q number 9 about"}',
)

_IDS = (
    "7", "null", "0x7", "d 7", "d:7", "d,7", "d-7_7.7/7#7", "D8", "d7\u0301", "é", "e\u0301", "文書7", "وثيقة", "😀", "👩‍👩‍👧",
    'the 5" one', '"begins with a quote', 'ends with a quote"', "it's", "C:\\7", "d\u00ad7", " d7 ", "x" * 512, "😀" * 512, "é" * 512, "\u00ad" * 512, "d\u00ad 7",
)  # fmt: skip

_SETTINGS = (
    b"",
    b"# nothing but a remark\n",
    b"batch_size: 64",
    b"batch_size: 64\r\ndeploy: always\r\n",
    b"\xef\xbb\xbfbatch_size: 64\n",
    b"---\nbatch_size: 0x40 # a remark\n...\n",
    b'{"batch_size": 64, "train_steps": 31}\n',
    b"'batch_size': 1\ntask_type: \"CLUSTERING\"\n",
    b"batch_size: 1023\ntrain_steps: 1000000\noutput_dimensionality: 768\nlearning_rate_multiplier: 100\n",
    b"batch_size: 1\ntrain_steps: 31\noutput_dimensionality: 1\nlearning_rate_multiplier: 0.001\ntest_labels: file\n",
    b"base_model: text-embedding-004\ntask_type: QUESTION_ANSWERING\ndeploy: unless_worse\n",
)

_MADE: dict[str, Callable[[], Files]] = {
    "no line end at the end": lambda: {file: data.removesuffix(b"\n") for file, data in Dataset().files.items()},
    "scores left out of every label": _without_scores,
    "a score left out of one label": lambda: changed(TEST, b"\td9\t1\n", b"\td9\n"),
    "scores of zero beside others": lambda: with_labels(
        TRAINING, *(row for n in range(SIZE) for row in (f"q{n}\td{n}\t1", f"q{n}\td{(n + 1) % SIZE}\t0"))
    ),
    "several documents a query, in any order": lambda: with_labels(
        TRAINING, *(f"q{n}\td{(n + k) % SIZE}\t{k}" for k in (1, 2, 3) for n in range(SIZE))
    ),
    "ids that are alike, but not the same": _ids_that_are_alike,
    "a short text, escaped, beside a long one": lambda: _short_beside_long('"\\u00e9"'),
    "a text of one letter beside a long one": lambda: _short_beside_long('"x"'),
    "a text without letters beside a long one": lambda: _short_beside_long('"!\\/"'),
    "texts of signs only, which say nothing of each other": _signs_only,
    "titles that are the same": lambda: changed(CORPUS, b"Title 8", b"Title 7"),
    "a document in another script of more than a hundred": lambda: changed(QUERIES, b"What is t number 7 about", "Где карта".encode()),
    "a document that has almost half of the training labels": lambda: with_labels(
        TRAINING, *(f"q{n}\td{n if n < 22 else 5}\t1" for n in range(SIZE))
    ),
    "no validation labels": _without_validation,
    "no test labels, for they are split off": _split,
    "thirty test queries": lambda: Dataset(30).files,
    "a manifest that is right": _with_manifest,
    "a manifest of no files": lambda: Dataset().files | {MANIFEST: b'{"files": []}'},
}  # fmt: skip
_MADE |= {f"a record: {line}": lambda line=line: with_document(line) for line in _RECORDS}
_MADE |= {f"an id: {identity[:20]}": lambda identity=identity: with_id(identity) for identity in _IDS}
_MADE |= {f"settings: {text}": lambda text=text: Dataset().files | {"tuning.yaml": text} for text in _SETTINGS}
_MADE |= {
    f"a score: {score}": lambda score=score: changed(TEST, b"\td9\t1\n", f"\td9\t{score}\n".encode())
    for score in ("2", "01", "000000001", "999999999")
}
_MADE |= {
    f"{script}, for a model of many languages": lambda text=text: with_document(f'{{"_id": "d7", "text": "{text}"}}') | {"tuning.yaml": MULTILINGUAL}
    for script, text in SCRIPTS.items()
}  # fmt: skip
_MADE |= {
    f"as many bytes as are read, {letters}": lambda text=text: with_document(f'{{"_id": "d7", "text": "{text}"}}')
    for letters, text in LONGEST_TEXTS.items()
}
_MADE |= {f"a line of 4 MiB, in {file}": lambda file=file: _at_the_limit_of_a_line(file) for file in RECORDS}
_MADE |= {
    f"left by an uploader: {name}": lambda name=name: Dataset().files | {name: b"x"}
    for name in (".DS_Store", "corpus.jsonl.part", "queries.jsonl~", "test_label.tsv.tmp")
}

_JUST_ENOUGH = Limits(
    fewest_queries=3 * SIZE,
    most_queries=3 * SIZE,
    fewest_documents=SIZE,
    most_documents=SIZE,
    most_labels=3 * SIZE,
    most_bytes=sum(map(len, Dataset().files.values())),
    fewest_labelled_queries_in_a_file=SIZE,
    fewest_labelled_queries_in_all=3 * SIZE,
)
VARIANTS: dict[str, tuple[Callable[[], Files], Operator]] = {name: (made, Operator()) for name, made in _MADE.items()}
VARIANTS["as much as the limits take, and as little"] = lambda: Dataset().files, Operator(limits=_JUST_ENOUGH)
VARIANTS["no test labels, for the operator has them split off"] = (
    _split_by_the_operator,
    Operator(tuning=Tuning(test_labels="split")),
)
