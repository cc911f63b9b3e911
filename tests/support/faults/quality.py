"""Faults of the whole: too little, too much, leaks, labels that lean to one side, what no label names."""

from collections.abc import Callable

from support.examination import Told
from support.faults.fault import (
    CORPUS,
    HEADER,
    LABELS,
    QUERIES,
    SIZE,
    TEST,
    TRAINING,
    VALIDATION,
    Dataset,
    Edit,
    Fault,
    Files,
)

from dropforge.domain.catalogue import Limits
from dropforge.settings import Operator


def _limited(name: str, told: Told, **limits: int) -> Fault:
    return Fault(name=name, told=(told,), operator=Operator(limits=Limits(**limits)), apart="the limits are for all")


def _kept(file: str, labels: int) -> Callable[[Files], Files]:
    """Only so many labels of a file."""

    def changed(files: Files) -> Files:
        return files | {file: b"".join(files[file].splitlines(keepends=True)[: labels + 1])}

    return changed


def _each(*changes: Callable[[Files], Files]) -> Callable[[Files], Files]:
    def changed(files: Files) -> Files:
        for change in changes:
            files = change(files)
        return files

    return changed


def _labelled(file: str, *rows: str) -> Callable[[Files], Files]:
    return lambda files: files | {file: "".join(f"{row}\n" for row in (HEADER, *rows)).encode()}


_TOO_SMALL = "a dataset of other sizes"
_SIZES = (
    Fault(
        name="eight documents, and eight queries of each kind",
        size=8,
        # So few test queries are too few to tell anything, too.
        told=(Told("size-rows", CORPUS, 0, 0), Told("test-too-few-queries", TEST, 0, 0)),
        apart=_TOO_SMALL,
    ),
    Fault(
        name="two documents, and six queries in all",
        size=2,
        # None of the files has enough.
        told=(
            Told("size-rows", CORPUS, 0, 0),
            Told("size-rows", QUERIES, 0, 0),
            *(Told("labels-too-few-queries", file, 0, 0) for file in LABELS),
            Told("labels-too-few-queries-in-all", "", 0, 0),
            Told("test-too-few-queries", TEST, 0, 0),
        ),
        apart=_TOO_SMALL,
    ),
    _limited("one document too few", Told("size-rows", CORPUS, 0, 0), fewest_documents=SIZE + 1),
    _limited("one document too many", Told("size-rows", CORPUS, 0, 0), most_documents=SIZE - 1),
    _limited("one query too few", Told("size-rows", QUERIES, 0, 0), fewest_queries=3 * SIZE + 1),
    _limited("one query too many", Told("size-rows", QUERIES, 0, 0), most_queries=3 * SIZE - 1),
    _limited("one label too many", Told("size-labels", "", 0, 0), most_labels=3 * SIZE - 1),
    _limited("too many labels already in the first file", Told("size-labels", "", 0, 0), most_labels=SIZE - 1),
    Fault(
        name="too many labels, and few of them in the first file",
        change=_kept(TRAINING, 5),
        told=(Told("size-labels", "", 0, 0),),
        operator=Operator(limits=Limits(most_labels=20)),
        apart="the limits are for all",
    ),
    Fault(
        name="a label of a document that is not there, where there are as many as may be",
        edits=(Edit(TEST, (("t#\t¦x#\t1", "labels-unknown-document"),), instead=True),),
        operator=Operator(limits=Limits(most_documents=SIZE, most_queries=3 * SIZE, most_labels=3 * SIZE)),
        apart="the limits are for all",
    ),
    Fault(
        name="a label of a query that is not there, where there are as many as may be",
        edits=(Edit(TEST, (("¦x#\td#\t1", "labels-unknown-query"),), instead=True),),
        operator=Operator(limits=Limits(most_documents=SIZE, most_queries=3 * SIZE, most_labels=3 * SIZE)),
        apart="the limits are for all",
    ),
    _limited("one byte too many", Told("size-bytes", "", 0, 0), most_bytes=sum(map(len, Dataset().files.values())) - 1),
)

_TOO_FEW = (
    Fault(
        name="labels of two validation queries",
        change=_kept(VALIDATION, 2),
        told=(Told("labels-too-few-queries", VALIDATION, 0, 0),),
        apart="it is about the whole file",
    ),
    Fault(
        name="three labels of two training queries",
        change=_labelled(TRAINING, "q1\td1\t1", "q1\td2\t1", "q2\td2\t1"),
        told=(Told("labels-too-few-queries", TRAINING, 0, 0),),
        apart="it is about the whole file",
    ),
    Fault(
        name="labels of three validation queries, one of them with a score of 0",
        change=_labelled(VALIDATION, "v1\td1\t1", "v1\td2\t1", "v2\td2\t1", "v3\td3\t0"),
        told=(Told("labels-too-few-queries", VALIDATION, 0, 0), Told("labels-only-zero", VALIDATION, 5, 0)),
        apart="it is about the whole file",
    ),
    *(
        Fault(
            name=f"nothing but a header in {file}",
            change=_labelled(file),
            told=(Told("labels-too-few-queries", file, 0, 0),),
            apart="it is about the whole file",
        )
        for file in LABELS
    ),
    Fault(
        name="labels of eight queries in all",
        change=_each(_kept(TRAINING, 3), _kept(TEST, 3), _kept(VALIDATION, 2)),
        # Two are too few in one file as well, and three for a test.
        told=(
            Told("labels-too-few-queries-in-all", "", 0, 0),
            Told("labels-too-few-queries", VALIDATION, 0, 0),
            Told("test-too-few-queries", TEST, 0, 0),
        ),
        apart="it is about the whole file",
    ),
    Fault(
        name="29 test queries",  # the others' queries have no labels
        change=_kept(TEST, 29),
        told=(Told("test-too-few-queries", TEST, 0, 0), Told("queries-unlabelled", QUERIES, 0, 0)),
        apart="it is about the whole file",
    ),
)

_LEAKS = (
    Fault(
        name="a training query in the test labels",
        edits=(Edit(TEST, (("q#\td#\t1", "test-queries-trained-on"),)),),
    ),
    Fault(
        name="a test query in the training labels, for another document",
        edits=(
            Edit(TRAINING, ("t#\td@\t2",)),
            Edit(TEST, (("t#\td#\t1", "test-queries-trained-on"),), instead=True),
        ),
    ),
    Fault(
        name="a training query in the validation labels",
        edits=(Edit(VALIDATION, (("q#\td#\t1", "validation-queries-trained-on"),)),),
    ),
    *(
        Fault(
            name=f"a test query with the text of a training query{how}",
            # The same text stands twice in queries.jsonl, at the second of them.
            edits=(
                Edit(QUERIES, ('{"_id": "q#", "text": "Where\'s the # card?"}', (f'{{"_id": "y#", "text": "{text}"}}', "text-duplicate")), instead=True),
                Edit(TEST, (("y#\td#\t1", "test-texts-trained-on"),)),
            ),
        )
        for how, text in (
            ("", "Where's the # card?"),
            (" but for its case", "WHERE'S THE # CARD?"),
            (" but for its spaces", "  Where's   the\\t# card ? "),
            (" but for its punctuation", "wheres the # card"),
            (" but for its title", 'Where\'s the # card?", "title": "a title'),
        )
    ),
)  # fmt: skip

_SKEW = (
    Fault(
        name="one document that holds more than half of the training labels",
        change=_labelled(TRAINING, *(f"q{n}\td{n if n < 19 else 5}\t1" for n in range(SIZE))),
        told=(Told("label-skew", TRAINING, 0, 0),),
        apart="it is about the whole file",
    ),
    Fault(
        name="one document that holds all of twenty training labels",  # the other queries have none
        change=_labelled(TRAINING, *(f"q{n}\td5\t1" for n in range(20))),
        told=(Told("label-skew", TRAINING, 0, 0), Told("queries-unlabelled", QUERIES, 0, 0)),
        apart="it is about the whole file",
    ),
    Fault(
        name="one query that holds more than half of the training labels",
        change=_labelled(TRAINING, *(f"q{n}\td{n}\t1" for n in range(1, SIZE)), *(f"q0\td{n}\t1" for n in range(SIZE))),
        told=(Told("label-skew", TRAINING, 0, 0),),
        apart="it is about the whole file",
    ),
)  # fmt: skip

_UNLABELLED = "notes are told only where there is no error"
_NOTES = (
    Fault(
        name="a query without a label",
        edits=(Edit(QUERIES, ('{"_id": "x#", "text": "nobody asks #"}',)),),
        told=(Told("queries-unlabelled", QUERIES, 0, 0),),
        apart=_UNLABELLED,
    ),
    Fault(
        name="a document without a label",
        edits=(Edit(CORPUS, ('{"_id": "x#", "text": "nobody needs #"}',)),),
        told=(Told("documents-unlabelled", CORPUS, 0, 0),),
        apart=_UNLABELLED,
    ),
    Fault(
        name="a document whose only label has a score of 0",
        edits=(Edit(CORPUS, ('{"_id": "x#", "text": "nobody needs #"}',)), Edit(TEST, ("t#\tx#\t0",))),
        told=(Told("documents-unlabelled", CORPUS, 0, 0),),
        apart=_UNLABELLED,
    ),
)

FAULTS = (*_SIZES, *_TOO_FEW, *_LEAKS, *_SKEW, *_NOTES)
