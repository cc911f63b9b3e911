"""Faults of the label files: headers, columns, ids, scores, pairs."""

from support.examination import Told
from support.faults.fault import (
    CORPUS,
    HEADER,
    LABELS,
    LETTER,
    QUERIES,
    SIZE,
    TEST,
    TRAINING,
    VALIDATION,
    Edit,
    Fault,
    Files,
    Line,
)


def _label(name: str, *lines: Line, files: tuple[str, ...] = (TRAINING, TEST)) -> tuple[Fault, ...]:
    """The same lines in more than one file, behind the label of the place; `%` begins the ids of its queries."""
    return tuple(
        Fault(name=f"{name}, in {file}", edits=(Edit(file, tuple(_of(file, line) for line in lines)),))
        for file in files
    )


def _of(file: str, line: Line) -> Line:
    if isinstance(line, str):
        return line.replace("%", LETTER[file])
    return (line[0].replace("%", LETTER[file]), *line[1:])


def _headed(header: str, file: str = TEST):
    def changed(files: Files) -> Files:
        return files | {file: files[file].replace(HEADER.encode(), header.encode(), 1)}

    return changed


def _header(name: str, header: str, file: str = TEST, apart: str = "there is one header in a file") -> Fault:
    return Fault(
        name=f"a header {name}, in {file}",
        change=_headed(header, file),
        told=(Told("labels-header", file, 1, 0),),
        apart=apart,
    )


def _without_header(files: Files) -> Files:
    return files | {TRAINING: files[TRAINING].removeprefix(HEADER.encode() + b"\n")}


def _comma_separated(files: Files) -> Files:
    return files | {VALIDATION: files[VALIDATION].replace(b"\t", b",")}


_HEADERS = (
    _header("with spaces", "query-id corpus-id score"),
    _header("with spaces, as wide as tabs", "query-id    corpus-id    score"),
    _header("with commas", "query-id,corpus-id,score", apart=""),
    _header("with semicolons", "query-id;corpus-id;score"),
    _header("with two tabs", "query-id\t\tcorpus-id\tscore"),
    _header("with a tab at its end", "query-id\tcorpus-id\tscore\t"),
    _header("with a space at its end", "query-id\tcorpus-id\tscore "),
    _header("with a space at its beginning", " query-id\tcorpus-id\tscore", VALIDATION),
    _header("in another order", "corpus-id\tquery-id\tscore", TRAINING, apart=""),
    _header("in yet another order", "query-id\tscore\tcorpus-id"),
    _header("with underscores", "query_id\tcorpus_id\tscore", VALIDATION, apart=""),
    _header("in capitals", "Query-ID\tCorpus-ID\tScore"),
    _header("of other names", "query\tdoc\trelevance", TRAINING),
    _header("of TREC's columns", "query-id\t0\tcorpus-id\tscore"),
    _header("of one column more", "query-id\tcorpus-id\tscore\tnote"),
    _header("without a score", "query-id\tcorpus-id"),
    _header("of one name", "query-id"),
    _header("in quotes", '"query-id"\t"corpus-id"\t"score"'),
    _header("behind a hash", "# query-id\tcorpus-id\tscore"),
    Fault(
        name="no header",  # the label in its place counts as one: its query would be missed otherwise
        change=_without_header,
        told=(Told("labels-header", TRAINING, 1, 0),),
        apart="all lines move up by one",
    ),
    Fault(
        name="no header, and just enough labels",  # which they would not be, were the first not counted
        change=lambda files: files | {VALIDATION: b"v1\td1\t1\nv2\td2\t1\nv3\td3\t1\n"},
        told=(Told("labels-header", VALIDATION, 1, 0),),
        apart="it is about the whole file",
    ),
    # A header within the file is read as a label: of a query and a document that are not there, with no score.
    *_label(
        "a header a second time",
        ("¦query-id\t¦corpus-id\t¦score", "labels-unknown-query", "labels-unknown-document", "labels-score"),
    ),
    Fault(
        name="commas for all tabs",  # no line can be read, so none of the file's queries is labelled
        change=_comma_separated,
        told=(
            Told("labels-header", VALIDATION, 1, 0),
            *(Told("labels-columns", VALIDATION, line, 0) for line in range(2, SIZE + 2)),
            Told("labels-too-few-queries", VALIDATION, 0, 0),
        ),
        apart="it is about the whole file",
    ),
)

_COLUMNS = tuple(
    fault
    for name, line in (
        ("one column", "%#"),
        ("four columns", "%#\td#\t1\t2"),
        ("five columns", "%#\tQ0\td#\t1\trun"),
        ("a tab at the end", "%#\td#\t1\t"),
        ("a tab at the beginning", "\t%#\td#\t1"),
        ("two tabs between", "%#\t\td#\t1"),
        ("spaces for tabs", "%# d# 1"),
        ("several spaces for tabs", "%#    d#    1"),
        ("commas for tabs", "%#,d#,1"),
        ("semicolons for tabs", "%#;d#;1"),
        ("the two characters of an escaped tab", "%#\\td#\\t1"),
        ("a record", '{"_id": "x#", "text": "t"}'),
        ("a remark", "// nothing"),
    )
    for fault in _label(name, (line, "labels-columns"))
)

# As many tabs as if each line had one fewer, or one more.
_UNEVEN = (
    *_label("four columns before two", ("%#\td#\t1\t2", "labels-columns"), "%#\td@"),
    *_label("two columns before four", "%#\td@", ("%#\td#\t1\t2", "labels-columns")),
    *_label("five columns before one", ("%#\td#\t1\t2\t3", "labels-columns"), ("%#", "labels-columns")),
    *_label("one column before five", ("%#", "labels-columns"), ("%#\td#\t1\t2\t3", "labels-columns")),
    # And ids that are numbers, so that each cell could be another's.
    *(
        Fault(
            name=f"{name}, of numbers",
            edits=(
                Edit(CORPUS, ('{"_id": "#", "text": "number # alone"}',)),
                Edit(QUERIES, ('{"_id": "#", "text": "which number is #"}',)),
                Edit(TEST, lines),
            ),
            apart="where another line is at fault, it cannot be taken for one in order",
        )
        for name, lines in (
            ("two columns before four", ("#\td@", ("#\t#\t1\t2", "labels-columns"))),
            ("four columns before two", (("t#\t#\t1\t2", "labels-columns"), "#\t#")),
        )
    ),
)

_EMPTY_ID = tuple(
    fault
    for name, line in (
        ("no query", "¦\td#\t1"),
        ("no query and no score", "¦\td#"),
        ("no document", "%#\t¦\t1"),
        ("no document and no score", "%#\t¦"),
        ("neither query nor document", "¦\t\t1"),
    )
    for fault in _label(name, (line, "labels-empty-id"))
)

# What is in the quotes is known, and no pair twice: nothing else can be told.
_QUOTED = tuple(
    fault
    for name, line in (
        ("a query in quotes", '¦"%#"\td@\t1'),
        ("a document in quotes", '%#\t¦"d@"\t1'),
        ("both in quotes", '¦"%#"\t"d@"\t1'),
        ("both in quotes, without a score", '¦"%#"\t"d@"'),
    )
    for fault in _label(name, (line, "labels-quoted"))
)

_SCORE = tuple(
    fault
    for name, score in (
        ("less than 0", "-1"),
        ("minus 0", "-0"),
        ("a half", "0.5"),
        ("one with a fraction", "1.0"),
        ("a thousand with an exponent", "1e3"),
        ("nothing", ""),
        ("a space", " "),
        ("a full-width digit", "\uff11"),
        ("an Arabic digit", "٣"),
        ("a superscript", "²"),
        ("a Roman numeral", "Ⅳ"),
        ("a plus", "+1"),
        ("with a space before", " 1"),
        ("with a space behind", "1 "),
        ("with a no-break space behind", "1\u00a0"),
        ("hexadecimal", "0x1"),
        ("with an underscore", "1_0"),
        ("with a thousands separator", "1,000"),
        ("of ten digits", "4294967297"),
        ("of a hundred digits", "9" * 100),
        ("of five thousand digits", "9" * 5_000),
        ("in quotes", '"1"'),
        ("a word", "relevant"),
        ("true", "true"),
        ("nan", "nan"),
        ("inf", "inf"),
    )
    for fault in _label(f"a score: {name}", (f"%#\td@\t¦{score}", "labels-score"))
)

_UNKNOWN = (
    *(
    fault
    for name, query, document in (
        ("another query", "%#x", "d#"),
        ("another document", "%#", "d#x"),
        ("a query in capitals", "{capital}#", "d#"),
        ("a document in capitals", "%#", "D#"),
        ("a query with a space behind", "%# ", "d#"),
        ("a query with a space before", " %#", "d#"),
        ("a document with a space behind", "%#", "d# "),
        ("a document with a no-break space", "%#", "d#\u00a0"),
        ("a document with a zero-width space", "%#", "\u200bd#"),
        ("a document with a mark on it", "%#", "d#\u0301"),
        ("a document with a full-width letter", "%#", "\uff44#"),
        ("a document with a zero before its number", "%#", "d0#"),
        ("a document with DEL", "%#", "d#\x7f"),
        ("a query in apostrophes", "'%#'", "d#"),
        ("a query with one quote before it", '"%#', "d#"),
        ("a document with one quote behind it", "%#", 'd#"'),
        ("a document with quotes within", "%#", 'd"#"'),
        ("an emoji for a document", "%#", "😀"),
        ("a document that is only a query", "%#", "%#"),
        ("a query that is only a document", "d#", "d#"),
        ("nothing but a space for a query", " ", "d#"),
    )
    for fault in _label(
        name,
        (f"¦{query.replace('{capital}', 'X')}\t{document}\t1", "labels-unknown-query")
        if document == "d#"
        else (f"{query}\t¦{document}\t1", "labels-unknown-document"),
    )
    ),
    *_label("a query that is there, in capitals", ("¦Q#\td#\t1", "labels-unknown-query"), files=(TRAINING,)),
    # Two names, and neither is known.
    *_label("query and document the wrong way round", ("¦d#\t¦%#\t1", "labels-unknown-query", "labels-unknown-document")),
    *_label("a label of a dataset that is another", ("¦x#\t¦y#\t0", "labels-unknown-query", "labels-unknown-document")),
)  # fmt: skip

_PAIRS = (
    *_label("a label twice", ("%#\td#\t1", "labels-duplicate"), files=LABELS),
    *_label("a label twice, once without its score", ("%#\td#", "labels-duplicate")),
    *_label("a label twice, once with a zero before its score", ("%#\td#\t01", "labels-duplicate")),
    *_label("a label three times", ("%#\td#\t1", "labels-duplicate"), ("%#\td#\t1", "labels-duplicate")),
    *_label(
        "a label twice, other labels between",
        "%#\td@\t1",
        ("%#\td#\t1", "labels-duplicate"),
        ("%#\td@\t1", "labels-duplicate"),
    ),
    *_label("two scores", ("%#\td#\t2", "labels-conflict"), files=LABELS),
    *_label("a score, and 0", ("%#\td#\t0", "labels-conflict")),
    *_label("two scores, neither left out", "%#\td@\t2", ("%#\td@\t3", "labels-conflict")),
    *_label("a score left out, and another", "%#\td@", ("%#\td@\t3", "labels-conflict")),
    *_label("three labels, two scores", ("%#\td#\t2", "labels-conflict"), ("%#\td#\t1", "labels-duplicate")),
    *(
        Fault(
            name=f"a label that is there far before, in {file}",
            edits=(Edit(file, ((f"{letter}#\td#\t1", "labels-duplicate"),), ahead=20),),
            apart="it takes twenty places",
        )
        for file, letter in LETTER.items()
    ),
)

_ONLY_ZERO = (
    # The queries are answered in another file: so that a note of queries without labels is not told too.
    *_label(
        "a query of another file, and its only score is 0", ("q#\td#\t0", "labels-only-zero"), files=(TEST, VALIDATION)
    ),
    *_label(
        "a query of another file, and all its scores are 0",
        ("q#\td#\t0", "labels-only-zero"),
        "q#\td@\t00",
        files=(TEST,),
    ),
    *_label(
        "two queries of another file, and all their scores are 0",
        ("t#\td#\t0", "labels-only-zero"),
        "t@\td#\t0",
        files=(TRAINING,),
    ),
    Fault(
        name="a query whose only score is 0",  # and so it is one without labels
        edits=(Edit(TRAINING, (("q#\td#\t0", "labels-only-zero"),), instead=True),),
        told=(Told("queries-unlabelled", QUERIES, 0, 0),),
        apart="notes are told only where there is no error",
    ),
)

FAULTS = (*_HEADERS, *_COLUMNS, *_UNEVEN, *_EMPTY_ID, *_QUOTED, *_SCORE, *_UNKNOWN, *_PAIRS, *_ONLY_ZERO)
