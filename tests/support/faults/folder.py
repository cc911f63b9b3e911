"""Faults of the folder: files that are not there, that mean nothing, that are empty or packed; the manifest."""

import base64
import gzip
import json
from collections.abc import Callable

import google_crc32c
from support.examination import Told
from support.faults.fault import (
    CORPUS,
    LABELS,
    QUERIES,
    RECORDS,
    SIZE,
    TEST,
    TRAINING,
    VALIDATION,
    Fault,
    Files,
    document_at,
)

from dropforge.domain.tuning import Tuning
from dropforge.settings import Operator

MANIFEST = "MANIFEST.json"


def _fault(
    name: str, change: Callable[[Files], Files], *told: tuple[str, str], apart: str = "it is about the folder"
) -> Fault:
    return Fault(name=name, change=change, told=tuple(Told(code, file, 0, 0) for code, file in told), apart=apart)


def _without(*names: str) -> Callable[[Files], Files]:
    return lambda files: {name: data for name, data in files.items() if name not in names}


def _renamed(old: str, new: str) -> Callable[[Files], Files]:
    return lambda files: {new if name == old else name: data for name, data in files.items()}


def _with(name: str, data: bytes) -> Callable[[Files], Files]:
    return lambda files: files | {name: data}


def _packed(*names: str) -> Callable[[Files], Files]:
    return lambda files: {name: gzip.compress(data) if name in names else data for name, data in files.items()}


# What the labels name cannot be looked up in a file that is not there: nothing is told of it.
_MISSING = (
    *(_fault(f"no {file}", _without(file), ("folder-missing-file", file)) for file in RECORDS),
    _fault("no training labels", _without(TRAINING), ("folder-missing-file", TRAINING)),
    _fault("no test labels", _without(TEST), ("folder-missing-file", TEST)),
    _fault("neither documents nor queries", _without(*RECORDS), *(("folder-missing-file", file) for file in RECORDS)),
    _fault("no labels at all", _without(*LABELS), ("folder-missing-file", TRAINING), ("folder-missing-file", TEST)),
    *(
        _fault(f"{new} for {old}", _renamed(old, new), ("folder-missing-file", old), ("folder-unknown-file", new))
        for old, new in (
            (CORPUS, "Corpus.jsonl"),
            (CORPUS, "corpus.json"),
            (CORPUS, "corpus.jsonl.gz"),
            (CORPUS, "corpus (1).jsonl"),
            (QUERIES, "query.jsonl"),
            (QUERIES, "QUERIES.JSONL"),
            (TRAINING, "train_label.tsv"),
            (TRAINING, "training_labels.tsv"),
            (TEST, "test_label.csv"),
            (TEST, "test-label.tsv"),
            (TEST, "test_label.tsv.txt"),
            (TEST, "something else"),
        )
    ),
)

_UNKNOWN = (
    *(
        _fault(f"a file called {name}", _with(name, b"nothing"), ("folder-unknown-file", name), apart="")
        for name in ("notes.txt", "validation_labels.tsv", "TUNING.yaml", "tuning.yml", "manifest.json", "Ünlü.csv", "\u202etxt.exe")
    ),
    _fault("validation labels that are called otherwise, and so are not read",
           _renamed(VALIDATION, "val_label.tsv"), ("folder-unknown-file", "val_label.tsv"), ("queries-unlabelled", QUERIES)),
    Fault(
        name="more strange files than anybody reads",  # the first twenty are told
        change=lambda files: files | {f"strange-{number:02}": b"x" for number in range(30)},
        told=tuple(Told("folder-unknown-file", f"strange-{number:02}", 0, 0) for number in range(20)),
        apart="it leaves no room for others",
    ),
)  # fmt: skip

_EMPTY = (
    # Nothing that the labels name is there, and no file of them has a query with a document.
    *(
        _fault(
            f"an empty {file}",
            _with(file, b""),
            ("bytes-empty", file),
            ("size-rows", file),
            *(("labels-too-few-queries", labels) for labels in LABELS),
            ("labels-too-few-queries-in-all", ""),
        )
        for file in RECORDS
    ),
    *(_fault(f"an empty {file}", _with(file, b""), ("bytes-empty", file)) for file in LABELS),
)
_DANGLING = {CORPUS: "labels-unknown-document", QUERIES: "labels-unknown-query"}
_EMPTY = tuple(
    Fault(
        name=fault.name,
        change=fault.change,
        told=fault.told
        + tuple(
            Told(_DANGLING[each.file], file, line, document_at(file, line) if each.file == CORPUS else 1)
            for each in fault.told
            if each.code == "bytes-empty" and each.file in _DANGLING
            for file in LABELS
            for line in range(2, SIZE + 2)
        ),
        apart=fault.apart,
    )
    for fault in _EMPTY
)

_ENCODED = (
    *(
        Fault(
            name=f"{file} stored with a Content-Encoding",
            change=_packed(file),
            told=(Told("bytes-encoded", file, 0, 0),),
            encoded=frozenset({file}),
            apart="nothing is read then",
        )
        for file in (*RECORDS, *LABELS)
    ),
    Fault(
        name="two files stored with a Content-Encoding",
        change=_packed(CORPUS, TEST),
        told=(Told("bytes-encoded", CORPUS, 0, 0), Told("bytes-encoded", TEST, 0, 0)),
        encoded=frozenset({CORPUS, TEST}),
        apart="nothing is read then",
    ),
)


def listed(files: Files) -> list[dict[str, object]]:
    """What a manifest lists of files."""
    return [
        {
            "name": name,
            "size": len(data),
            "crc32c": base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode(),
        }
        for name, data in files.items()
    ]


def _manifest(change: Callable[[list[dict[str, object]]], object]) -> Callable[[Files], Files]:
    """With a manifest that was right before it was changed."""

    def changed(files: Files) -> Files:
        entries = listed(files)
        change(entries)
        return files | {MANIFEST: json.dumps({"files": entries}).encode()}

    return changed


_MANIFEST = (
    *(
        _fault(f"a manifest that is {what}", _with(MANIFEST, data), ("manifest-unreadable", MANIFEST), apart=apart)
        for what, data, apart in (
            ("no JSON", b"corpus.jsonl 1234", ""),
            ("cut off", b'{"files": [{"name": "corpus.jsonl", "si', "there is one manifest"),
            ("a list", b"[]", "there is one manifest"),
            ("an object without files", b"{}", "there is one manifest"),
            ("null", b"null", "there is one manifest"),
            ("without checksums", b'{"files": [{"name": "corpus.jsonl", "size": 1}]}', "there is one manifest"),
            ("of sizes in quotes", b'{"files": [{"name": "a", "size": "1", "crc32c": ""}]}', "there is one manifest"),
            ("not UTF-8", b'{"files": [{"name": "\xff", "size": 1, "crc32c": ""}]}', "there is one manifest"),
            ("nested too deeply", b'{"files": ' + b"[" * 50_000, "there is one manifest"),
            ("too large", b'{"files": []}' + b" " * 256 * 1024, "there is one manifest"),
            ("empty", b"", "there is one manifest"),
        )
    ),
    Fault(
        name="a manifest stored with a Content-Encoding",
        change=_manifest(lambda _: None),
        told=(Told("manifest-unreadable", MANIFEST, 0, 0),),
        encoded=frozenset({MANIFEST}),
        apart="there is one manifest",
    ),
    *(
        _fault(f"a manifest {what}", _manifest(change), ("manifest-mismatch", MANIFEST), apart="there is one manifest")
        for what, change in (
            ("of another size", lambda entries: entries[0].update(size=1)),
            ("of another checksum", lambda entries: entries[-1].update(crc32c="AAAAAA==")),
            ("of a file that is not there", lambda entries: entries.append({"name": "x", "size": 1, "crc32c": "AAAAAA=="})),
            ("of files that lie deeper", lambda entries: entries[1].update(name="topics/queries.jsonl")),
        )
    ),
    _fault("a manifest in which two files are wrong", _manifest(lambda entries: [entry.update(size=7) for entry in entries[1:3]]),
           ("manifest-mismatch", MANIFEST), ("manifest-mismatch", MANIFEST)),
)  # fmt: skip

_SPLIT = (
    Fault(
        name="validation labels only, where test labels are split off",
        change=_without(TRAINING, TEST),
        told=(Told("folder-missing-file", TRAINING, 0, 0),),
        operator=Operator(tuning=Tuning(test_labels="split")),
        apart="it is about the folder",
    ),
)

FAULTS = (*_MISSING, *_UNKNOWN, *_EMPTY, *_ENCODED, *_MANIFEST, *_SPLIT)
