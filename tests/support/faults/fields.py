"""Faults of what a record says: its id, text, title, and fields of no use."""

from support.faults.fault import CORPUS, QUERIES, RECORDS, TEST, Edit, Fault, Line


def _record(name: str, *lines: Line, files: tuple[str, ...] = RECORDS) -> tuple[Fault, ...]:
    """The same lines in each kind of file, behind those of the place; no label names them."""
    return tuple(Fault(name=f"{name}, in {file}", edits=(Edit(file, lines),)) for file in files)


def _labelled(name: str, line: str, *codes: str) -> tuple[Fault, ...]:
    """In place of a document, and of a query, that labels name: nothing else can be told. `%` begins its id."""
    return tuple(
        Fault(name=f"{name}, in {file}", edits=(Edit(file, ((line.replace("%", letter), *codes),), instead=True),))
        for file, letter in ((CORPUS, "d"), (QUERIES, "q"))
    )


_ID_MISSING = (
    *(
        fault
        for name, line in (
            ("no id", '{"text": "t #"}'),
            ("no id, but a title", '{"text": "t #", "title": "t"}'),
            ("a number for an id", '{"_id": ¦7, "text": "t #"}'),
            ("a number with a fraction for an id", '{"_id": ¦7.5, "text": "t #"}'),
            ("null for an id", '{"text": "t #", "_id": ¦null}'),
            ("true for an id", '{"_id": ¦true, "text": "t #"}'),
            ("a list for an id", '{"_id": ¦["x#"], "text": "t #"}'),
            ("an object for an id", '{"_id": ¦{"_id": "x#"}, "text": "t #"}'),
            ("an empty id", '{"_id": ¦"", "text": "t #"}'),
            ("no id, but a title that is called so", '{"title": "_id", "text": "t #"}'),
        )
        for fault in _record(name, (line, "id-missing"))
    ),
    # The field that has the id is of no use, which is told too.
    *_record("an id under another name", ('{"id#": "x", "text": "t #"}', "record-unknown-field", "id-missing")),
    # Nor is there a text.
    *_record("an empty record", ("{}", "id-missing", "text-missing")),
    *_record("a record with a title only", ('{"title": "t"}', "id-missing", "text-missing")),
)

_ID_UNUSABLE = tuple(
    fault
    for name, escape in (
        ("a tab", "\\t"),
        ("a tab as a number", "\\u0009"),
        ("a line end", "\\n"),
        ("a CR", "\\r"),
        ("U+0000", "\\u0000"),
        ("U+001F", "\\u001F"),
        ("DEL", "\\u007f"),
        ("DEL as it is", "\x7f"),
        ("a backspace", "\\b"),
        ("a form feed", "\\f"),
    )
    for fault in _record(f"an id with {name}", (f'{{"_id": ¦"x{escape}#", "text": "t #"}}', "id-unusable"))
)

_ID_TOO_LONG = tuple(
    fault
    for name, identity in (
        ("more than 512 letters", "x" * 512 + "#"),
        ("more than 512 letters of two bytes", "é" * 512 + "#"),
        ("more than 512 emoji", "😀" * 512 + "#"),
        ("more than 512 letters, all of them escaped", "\\u00e9" * 512 + "#"),
        ("a thousand letters, a text in the wrong place", "a text in the wrong place " * 40 + "#"),
    )
    for fault in _record(f"an id of {name}", ('{"_id": ¦"' + identity + '", "text": "t #"}', "id-too-long"))
)

_ID_DUPLICATE = (
    *_record("an id twice", '{"_id": "x#", "text": "t #"}', ('{"_id": "x#", "text": "u #"}', "id-duplicate")),
    *_record(
        "an id three times",
        '{"_id": "x#", "text": "t #"}',
        ('{"_id": "x#", "text": "u #"}', "id-duplicate"),
        '{"_id": "y#", "text": "v #"}',
        ('{"_id": "x#", "text": "w #"}', "id-duplicate"),
    ),
    *_record(
        "an id twice, once escaped",
        '{"_id": "xé#", "text": "t #"}',
        ('{"_id": "\\u0078\\u00e9#", "text": "u #"}', "id-duplicate"),
    ),
    *_record(
        "an emoji for an id twice, once escaped",
        '{"_id": "😀#", "text": "t #"}',
        ('{"text": "u #", "_id": "\\ud83d\\ude00#"}', "id-duplicate"),
    ),
    *(
        Fault(
            name=f"an id that another record has, far before, in {file}",
            edits=(Edit(file, (f'{{"_id": "{letter}#", "text": "again #"}}',), instead=True),
                   Edit(file, ((f'{{"_id": "{letter}#", "text": "and again #"}}', "id-duplicate"),), ahead=9)),
            apart="it takes ten places",
        )
        for file, letter in ((CORPUS, "d"), (QUERIES, "q"))
    ),
    *_record(
        "an id that a record has which is broken",
        ('{"_id": "x#", "text": ¦}', "json-malformed"),
        ('{"_id": "x#", "text": "u #"}', "id-duplicate"),
    ),
)  # fmt: skip

_TEXT_MISSING = (
    *(
        fault
        for name, line in (
            ("no text", '{"_id": "x#"}'),
            ("no text but a title", '{"_id": "x#", "title": "t"}'),
            ("an empty text", '{"_id": "x#", "text": ¦""}'),
            ("a text of a space", '{"_id": "x#", "text": ¦" "}'),
            ("a text of escaped white space", '{"_id": "x#", "text": ¦"\\n\\t\\u0020\\r"}'),
            ("a text of no-break spaces", '{"_id": "x#", "text": ¦"\u00a0\\u00a0"}'),
            ("a text of an ideographic space", '{"text": ¦"\u3000", "_id": "x#"}'),
            ("null for a text", '{"_id": "x#", "text": ¦null}'),
            ("a number for a text", '{"_id": "x#", "text": ¦7}'),
            ("a list for a text", '{"_id": "x#", "text": ¦["t"]}'),
            ("an object for a text", '{"_id": "x#", "text": ¦{"en": "t"}}'),
            ("false for a text", '{"_id": "x#", "text": ¦false}'),
            ("no text, but a title that is called so", '{"title": "text", "_id": "x#"}'),
        )
        for fault in _record(name, (line, "text-missing"))
    ),
    *_labelled("an empty text that labels name", '{"_id": "%#", "text": ¦""}', "text-missing"),
    *_record(
        "a number for a text, behind one that is nested",
        ('{"no#": {"text": "t"}, "_id": "x#", "text": ¦7}', "text-missing", "record-unknown-field"),
    ),
    Fault(
        name="no text in a training query, and none in a test query",  # which is not to say that they are the same
        edits=(
            Edit(
                QUERIES,
                (('{"_id": "q#", "text": ¦""}', "text-missing"), ('{"_id": "y#", "text": ¦""}', "text-missing")),
                instead=True,
            ),
            Edit(TEST, ("y#\td#\t1",)),
        ),
    ),
    # The field that has the text is of no use, which is told too.
    *_record("a text under another name", ('{"_id": "x#", "body#": "t"}', "record-unknown-field", "text-missing")),
)

_TEXT_NUL = (
    *_labelled("U+0000 in a text", '{"_id": "%#", "text": "before #¦\\u0000after"}', "text-nul"),
    *_labelled("nothing but U+0000 for a text", '{"_id": "%#", "text": "¦\\u0000"}', "text-nul"),
    *_labelled("U+0000 in a title", '{"_id": "%#", "title": "a¦\\u0000", "text": "nul # title"}', "text-nul"),
    *_labelled("U+0000 behind a path", '{"_id": "%#", "text": "C:\\\\# ¦\\u0000"}', "text-nul"),
    *_record("U+0000 in a title and a text", ('{"_id": "x#", "title": "¦\\u0000", "text": "¦\\u0000 #"}', "text-nul", "text-nul")),
)  # fmt: skip

_ESCAPES = (
    "\\u0001",
    "\\u0008",
    "\\b",
    "\\f",
    "\\u000b",
    "\\u000B",
    "\\u000c",
    "\\u000e",
    "\\u0010",
    "\\u001b",
    "\\u001F",
)
_TEXT_CONTROL = (
    *(
        fault
        for place, escape in enumerate(_ESCAPES)
        for fault in _labelled(f"{escape} in a text", f'{{"_id": "%#", "text": "{place} a #¦{escape}b"}}', "text-control-character")
    ),
    *_labelled("a backspace in a title", '{"_id": "%#", "title": "a¦\\b", "text": "a # title"}', "text-control-character"),
    *_labelled("a backspace at the end of a text", '{"text": "at # end¦\\b", "_id": "%#"}', "text-control-character"),
    *_labelled("a terminal's sequence", '{"_id": "%#", "text": "¦\\u001b[31mred #\\u001b[0m"}', "text-control-character"),
    *_labelled("a backspace behind a backslash", '{"_id": "%#", "text": "\\\\¦\\b #"}', "text-control-character"),
    # Other escapes before it, and what only looks like one, are not where it stands.
    *_labelled("a backspace where nobody sees it", '{"_id": "%#", "text": "' + "far " * 50 + '#¦\\b"}', "text-control-character"),
    *_labelled("a backspace behind a path", '{"_id": "%#", "text": "C:\\\\bin # ¦\\b"}', "text-control-character"),
    *_labelled("a backspace behind a tab as a number", '{"_id": "%#", "text": "t\\u0009#¦\\b"}', "text-control-character"),
)  # fmt: skip

_TITLE = tuple(
    fault
    for name, value in (
        ("null", "null"),
        ("a number", "7"),
        ("a list", '["t"]'),
        ("an object", '{"en": "t"}'),
        ("true", "true"),
    )
    for fault in _labelled(
        f"{name} for a title", f'{{"_id": "%#", "title": ¦{value}, "text": "{name} for # title"}}', "title-not-text"
    )
)

_UNKNOWN = "record-unknown-field"
_UNKNOWN_FIELD = (
    *_labelled("a field of no use", '{"_id": "%#", "text": "one # field", "no#": 1}', _UNKNOWN),
    *_labelled("a title with a capital", '{"_id": "%#", "text": "one # title", "Title": "t"}', _UNKNOWN),
    *_labelled("two such fields", '{"c#": 1, "_id": "%#", "text": "two # fields", "b#": [{"a": {}}, null]}', _UNKNOWN, _UNKNOWN),
    *_labelled("a field of no name", '{"_id": "%#", "text": "no # name", "": 1}', _UNKNOWN),
    *_labelled("a number beyond all bounds", '{"_id": "%#", "text": "a # number", "n#": -1e999}', _UNKNOWN),
    *_labelled("a field whose name is escaped", '{"_id": "%#", "text": "an # escape", "\\u0065#": 1}', _UNKNOWN),
    *_labelled("a field that is nested a hundred levels deep", '{"_id": "%#", "text": "a # hundred", "h#": ' + "[" * 99 + "]" * 99 + "}", _UNKNOWN),
    *_labelled("names that are nested", '{"_id": "%#", "text": "nested # names", "m#": {"_id": 1, "text": [{"a": 1}, {"a": 2}]}}', _UNKNOWN),
    Fault(
        name="a field of no use on many lines",  # told once
        edits=(
            Edit(CORPUS, (('{"_id": "d#", "text": "one # field", "doc_id": 1}', _UNKNOWN),), instead=True),
            Edit(CORPUS, ('{"_id": "d@", "text": "the @ field", "doc_id": 1}',), instead=True, ahead=1),
        ),
    ),
    Fault(
        name="more fields of no use than anybody reads",  # the first twenty by name are told
        edits=(
            Edit(
                QUERIES,
                (('{"_id": "q#", "text": "all # fields"' + "".join(f', "f{n:02}": 1' for n in range(30)) + "}", *[_UNKNOWN] * 20),),
                instead=True,
            ),
        ),
        apart="it leaves no room for another's",
    ),
)  # fmt: skip

FAULTS = (
    *_ID_MISSING,
    *_ID_UNUSABLE,
    *_ID_TOO_LONG,
    *_ID_DUPLICATE,
    *_TEXT_MISSING,
    *_TEXT_NUL,
    *_TEXT_CONTROL,
    *_TITLE,
    *_UNKNOWN_FIELD,
)
