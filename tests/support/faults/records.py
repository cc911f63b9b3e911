"""Faults of corpus.jsonl and queries.jsonl: JSON, ids, texts, titles, fields."""

import sys

from support.faults.fault import CORPUS, QUERIES, RECORDS, Edit, Fault, Line

_COMMA_AT_END = "¦,}" if sys.version_info >= (3, 13) else ",¦}"  # where the parser stumbles
DEEPEST = 100  # levels, the record itself among them


def _record(name: str, *codes_and_lines: Line, files: tuple[str, ...] = RECORDS) -> tuple[Fault, ...]:
    """The same lines in each kind of file, behind those of the place; no label names them."""
    return tuple(Fault(name=f"{name}, in {file}", edits=(Edit(file, codes_and_lines),)) for file in files)


def _of_document(name: str, *lines: Line) -> tuple[Fault, ...]:
    """In place of the document, which labels name."""
    return (Fault(name=f"{name}, in place of a document", edits=(Edit(CORPUS, lines, instead=True),)),)


def _of_query(name: str, *lines: Line) -> tuple[Fault, ...]:
    return (Fault(name=f"{name}, in place of a query", edits=(Edit(QUERIES, lines, instead=True),)),)


def _malformed(name: str, *lines: str, files: tuple[str, ...] = (QUERIES,)) -> tuple[Fault, ...]:
    return _record(name, *((line, "json-malformed") for line in lines), files=files)


_MALFORMED = (
    *_malformed("a value that is not there", '{"_id": "x#", "text": ¦}', files=RECORDS),
    *_malformed("a comma at the end", '{"_id": "x#", "text": "t"' + _COMMA_AT_END, files=RECORDS),
    *_malformed("two objects on a line", '{"_id": "x#", "text": "t"}¦{"_id": "y#", "text": "u"}', files=RECORDS),
    *_malformed("two objects on a line, a space between", '{"_id": "x#", "text": "t"} ¦{"_id": "y#", "text": "u"}'),
    *_malformed("two objects on a line, a comma between", '{"_id": "x#", "text": "t"}¦, {"_id": "y#", "text": "u"}'),
    *_malformed("an object and a number", '{"_id": "x#", "text": "t"} ¦1'),
    *_malformed("a comma behind the record", '{"_id": "x#", "text": "t"}¦,'),
    *_malformed("a brace too many", '{"_id": "x#", "text": "t"}¦}'),
    *_malformed("a brace too few", '{"_id": "x#", "text": "t"¦'),
    *_malformed("a text that is not closed", '{"_id": "x#", "text": ¦"t}'),
    *_malformed("quotes within a text", '{"_id": "x#", "text": "He said "¦no""}'),
    *_malformed("an apostrophe for quotes", "{¦'_id': 'x#', 'text': 't'}"),
    *_malformed("typographic quotes", '{¦“_id”: “x#”, "text": "t"}'),
    *_malformed("a name without quotes", '{¦_id: "x#", "text": "t"}'),
    *_malformed("a comma too few", '{"_id": "x#" ¦"text": "t"}'),
    *_malformed("a comma too many", '{"_id": "x#",¦, "text": "t"}'),
    *_malformed("a colon too few", '{"_id" ¦"x#", "text": "t"}'),
    *_malformed("an equals sign for the colon", '{"_id"¦= "x#", "text": "t"}'),
    *_malformed("a comment", '{"_id": "x#", "text": "t"} ¦// a note'),
    *_malformed("a comment alone on its line", "¦// a note"),
    *_malformed("an array around the records", "[¦", "¦]"),
    *_malformed("a record over two lines", '{"_id": "x#",¦', '"text"¦: "t"}'),
    *_malformed("a text over two lines", '{"_id": "x#", "text": ¦"begins', '¦and ends"}'),
    *_malformed("no-break space around a record", '¦\u00a0{"_id": "x#", "text": "t"}'),
    *_malformed("no-break space behind a record", '{"_id": "x#", "text": "t"}¦\u00a0'),
    *_malformed("nothing but a no-break space", "¦\u00a0"),
    *_malformed("a byte-order mark within the file", '¦\ufeff{"_id": "x#", "text": "t"}', files=RECORDS),
    *_malformed("plain text", "¦Where is my card?"),
    *_malformed("a label", "¦q#\td#\t1"),
    *_malformed("a raw tab in a text", '{"_id": "x#", "text": "a¦\tb"}', files=RECORDS),
    *_malformed("an escape that is none", '{"_id": "x#", "text": "C:¦\\x"}'),
    *_malformed("an escaped apostrophe", '{"_id": "x#", "text": "it¦\\\'s"}'),
    *_malformed("an escape of three digits", '{"_id": "x#", "text": "\\¦u12f"}'),
    *_malformed("an escape of other letters", '{"_id": "x#", "text": "\\¦u12fg"}'),
    *_malformed("an escape of full-width digits", '{"_id": "x#", "text": "\\¦u\uff10\uff10\uff45\uff19"}'),
    *_malformed("a backslash at the end", '{"_id": "x#", "text": ¦"t\\"}'),
    *_malformed("Python's None", '{"_id": "x#", "text": "t", "no": ¦None}'),
    *_malformed("Python's True", '{"_id": "x#", "text": "t", "no": ¦True}'),
    *_malformed("a number with a leading zero", '{"_id": "x#", "text": "t", "no": 0¦7}'),
    *_malformed("a number with a plus", '{"_id": "x#", "text": "t", "no": ¦+7}'),
    *_malformed("a number that ends in its point", '{"_id": "x#", "text": "t", "no": 7¦.}'),
    *_malformed("a number that begins with its point", '{"_id": "x#", "text": "t", "no": ¦.7}'),
    *_malformed("a number in hexadecimal", '{"_id": "x#", "text": "t", "no": 0¦x7}'),
    *_malformed("a number of full-width digits", '{"_id": "x#", "text": "t", "no": ¦\uff17}'),
    *_malformed("a minus alone", '{"_id": "x#", "text": "t", "no": ¦-}'),
    *_malformed("NaN", '{"_id": "x#", "text": "t", "no": ¦NaN}', files=RECORDS),
    *_malformed("NaN for a text", '{"_id": "x#", "text": ¦NaN}'),
    *_malformed("Infinity", '{"_id": "x#", "text": "t", "no": ¦Infinity}'),
    *_malformed("minus Infinity", '{"_id": "x#", "text": "t", "no": [1, ¦-Infinity]}'),
    *_malformed("half of a surrogate pair, the first", '{"_id": "x#", "text": "a¦\\ud83d"}', files=RECORDS),
    *_malformed("half of a surrogate pair, the second", '{"_id": "x#", "text": "a¦\\ude00b"}'),
    *_malformed("half of a surrogate pair, in capitals", '{"_id": "x#", "text": "a¦\\uDBFF"}'),
    *_malformed("a surrogate pair the wrong way round", '{"_id": "x#", "text": "¦\\ude00\\ud83d"}'),
    *_malformed("a surrogate pair with a space within", '{"_id": "x#", "text": "¦\\ud83d \\ude00"}'),
    *_malformed("half of a surrogate pair in an id", '{"_id": "x#¦\\ud800", "text": "t"}'),
    *_malformed("half of a surrogate pair in a title", '{"_id": "x#", "title": "¦\\ud800", "text": "t"}'),
    *_malformed("half of a surrogate pair in a name", '{"_id": "x#", "¦\\udfff": 1, "text": "t"}'),
    *_malformed("half of a surrogate pair in a field of no use", '{"_id": "x#", "text": "t", "no": [{"a": "¦\\ud800"}]}'),
    *_malformed("half of a surrogate pair behind a whole one", '{"_id": "x#", "text": "\\ud83d\\ude00¦\\ud83d"}'),
    # What is not read has an id all the same: the labels that name it are in order.
    *_of_document("a comma at the end", ('{"_id": "d#", "text": "t"' + _COMMA_AT_END, "json-malformed")),
    *_of_query("a text that is not closed", ('{"text": "t", "_id": "q#", "title": ¦"}', "json-malformed")),
    *_of_document("an id with an escape, and a comma at the end", ('{"_id": "\\u0064#", "text": "t"' + _COMMA_AT_END, "json-malformed")),
)  # fmt: skip

_NOT_AN_OBJECT = tuple(
    fault
    for name, line in (
        ("an array", '["x#", "A text"]'),
        ("an array of objects", '[{"_id": "x#", "text": "t"}]'),
        ("an empty array", "[]"),
        ("a text", '"x#"'),
        ("an empty text", '""'),
        ("a number", "#"),
        ("a number with a fraction", "-#.5e3"),
        ("true", "true"),
        ("null", "null"),
    )
    for fault in _record(f"{name} for a record", (line, "json-not-an-object"))
)

_DUPLICATE_KEY = (
    *(
    fault
    for name, line in (
        ("_id twice", '{"_id": "x#", ¦"_id": "y#", "text": "t"}'),
        ("_id twice, the same", '{"_id": "x#", "text": "t", ¦"_id": "x#"}'),
        ("text twice", '{"_id": "x#", "text": "old", ¦"text": "new"}'),
        ("title twice", '{"_id": "x#", "title": "old", "text": "t", ¦"title": "new"}'),
        ("title twice, and once no text", '{"_id": "x#", "title": null, "text": "t", ¦"title": "new"}'),
        ("a field of no use twice", '{"_id": "x#", "no": 1, "text": "t", ¦"no": 2}'),
        ("a name of no letters twice", '{"": 1, "_id": "x#", "text": "t", ¦"": 2}'),
        ("the first escaped", '{"\\u005fid": "x#", ¦"_id": "y#", "text": "t"}'),
        ("a name beyond ASCII twice", '{"_id": "x#", "größe": 1, ¦"größe": 2, "text": "t"}'),
        ("spaces before its colon", '{"_id": "x#", "text": "old", ¦"text"  : "new"}'),
        ("a tab before its colon", '{"_id": "x#", "text": "old", ¦"text"\t: "new"}'),
        ("a colon in the text", '{"_id": "x#", "text": "a\\": b", ¦"text": "new: \\"c\\":"}'),
        ("nested", '{"_id": "x#", "text": "t", "no": {"a": 1, ¦"a": 2}}'),
        ("nested in an array", '{"_id": "x#", "text": "t", "no": [0, [{"b": 1}, {"a": {}, ¦"a": 2}]]}'),
        ("nested in a title", '{"_id": "x#", "text": "t", "title": {"a": 1, ¦"a": 2}}'),
        ("a name that ends in a backslash", '{"_id": "x#", "a\\\\": 1, "text": "t", ¦"a\\\\": 2}'),
        ("a name with quotes in it", '{"_id": "x#", "a\\"": 1, "text": "t", ¦"a\\"": 2}'),
        # The second can be told nowhere but where it stands, however it is written, and whatever else looks like it.
        ("the second escaped", '{"_id": "x#", ¦"\\u005fid": "y#", "text": "t"}'),
        ("both escaped", '{"t\\u0065xt": "old", "_id": "x#", ¦"te\\u0078t": "new"}'),
        ("its name for a value", '{"_id": "x#", ¦"_id": "_id", "text": "t"}'),
        ("a text that says its name", '{"_id": "x#", "no": 1, ¦"no": 2, "text": "no"}'),
    )
    for fault in _record(f"a name twice: {name}", (line, "json-duplicate-key"))
    ),
    *_record("a name three times", ('{"_id": "x#", "text": "1", ¦"text": "2", "text": "3"}', "json-duplicate-key")),
    *_of_document("text twice", ('{"_id": "d#", "text": "old", ¦"text": "new"}', "json-duplicate-key")),
    *_of_query("text twice", ('{"_id": "q#", "text": "old", ¦"text": "new"}', "json-duplicate-key")),
)  # fmt: skip


def _nested(levels: int) -> str:
    """A record of so many levels, itself the first."""
    return '{"_id": "x#", "text": "t", "no": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


_TOO_DEEP = (
    *_record("101 levels of arrays", (_nested(DEEPEST + 1), "json-too-deep")),
    *_record("101 levels of objects", ('{"_id": "x#", "text": "t", "no": ' + '{"a":' * DEEPEST + "1" + "}" * DEEPEST + "}", "json-too-deep")),
    *_record("a thousand levels", (_nested(1_000), "json-too-deep"), files=(CORPUS,)),
    *_record("a hundred thousand levels", (_nested(100_000), "json-too-deep"), files=(QUERIES,)),
    *_record("a hundred thousand levels without an end", ('{"_id": "x#", "text": ' + "[" * 100_000, "json-too-deep"), files=(CORPUS,)),
    *_record("101 levels for a title", ('{"_id": "x#", "text": "t", "title": ' + "[" * DEEPEST + "]" * DEEPEST + "}", "json-too-deep"), files=(CORPUS,)),
)  # fmt: skip

_TORN = (
    Fault(
        name="a record over two lines, and then two on one",
        edits=(
            Edit(
                QUERIES,
                (
                    ('{"_id": "x#",¦', "json-malformed"),
                    ('"text"¦: "t"}', "json-malformed"),
                    ('{"_id": "y#", "text": "t"}¦{"_id": "z#", "text": "u"}', "json-malformed"),
                ),
            ),
        ),
        apart="where another line is at fault, it cannot be taken for three in order",
    ),
)

FAULTS = (*_MALFORMED, *_TORN, *_NOT_AN_OBJECT, *_DUPLICATE_KEY, *_TOO_DEEP)
