"""Reports, made on the spot: a representative one, and such as a hostile dataset could cause."""

from hypothesis import strategies as st

from dropforge.domain.findings import Findings, Report

# What terminals, CI runners, Markdown, Slack and JSON could take for something else than text.
HOSTILE = (
    "\x1b[2J\x1b]0;title\x07",
    "\u009b31m",
    "\u202egnp.exe",
    "\r\n",
    "\u2028::error::x",
    "::error file=a,line=1::x",
    "  ::add-mask::a ",
    "%0A::set-output name=a::b",
    "##[error]x",
    "###[command]x",
    "##vso[task.setvariable variable=a]b",
    "`", "```", "``` \n- item", "\\`",
    "<img src=x onerror=alert(1)>", "<!-- x -->", "&lt;",
    "[text](https://evil.example)", "![x](https://evil.example)", "<https://evil.example>", "https://evil.example",
    "@team", "#1", "GH-1", "| a | b |", "$`x`$", "# heading", "- item", "*bold*", "_id_",
    "<!channel>", "<@U123>", "<https://evil.example|click>",
    '"', "\\", "\0", "\t", ",", ":", "\ud800",
    "日本語", "e\u0301", "\U0001f600",
)  # fmt: skip
texts = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=20), max_size=8).map("".join)


def broken() -> Report:
    """What is told of a folder with a bit of everything."""
    findings = Findings()
    findings.rows.update({"corpus.jsonl": 1, "queries.jsonl": 12_345, "training_label.tsv": 80, "test_label.tsv": 40})
    add = findings.add
    line = (
        '{"_id": "d3", "title": "日本語のタイトル", "text": "What one has to know of "topic" 3, in a sentence or two."}'
    )
    add("json-malformed", "corpus.jsonl", 4, "not JSON: a comma or the end is missing", column=68, source=line)
    add("bytes-blank-line", "corpus.jsonl", 12)
    for number, name in ((6, "D4"), (1207, "doc55")):
        what = f'"{name}" is no _id in corpus.jsonl' + ('; did you mean "d4"?' if name == "D4" else "")
        add("labels-unknown-document", "training_label.tsv", number, what, source=f"q4\t{name}\t2")
    what = 'the score is "0.5", not a whole number from 0 up'
    add("labels-score", "test_label.tsv", 21, what, column=9, source="q19\td19\t0.5")
    what = '"batchsize" is no setting; did you mean batch_size?'
    hint = "Use one of base_model, task_type, batch_size, train_steps, output_dimensionality, deploy."
    add("tuning-unknown-key", "tuning.yaml", 2, what, hint=hint, column=1, source="batchsize: 64")
    add("folder-missing-file", "queries.jsonl", 0, 'queries.jsonl is not there; was "Queries.jsonl" meant to be it?')
    what = "1 of 40 test queries are in training_label.tsv too"
    add("test-queries-trained-on", "test_label.tsv", 0, what)
    add("folder-unknown-file", "notes.txt", 0, "not a file of a dataset")
    return findings.report()


def hostile(text: str, column: int = 0) -> Report:
    """What could be told of a dataset in which this text stands everywhere."""
    findings = Findings()
    findings.rows["test_label.tsv"] = 1
    for code in ("labels-unknown-document", "test-queries-trained-on", "folder-unknown-file"):
        findings.add(code, text, 7, text, hint=text, column=column, source=text)
    findings.add("labels-score", text, 0, text)
    return findings.report()


def many(count: int) -> Report:
    """So many errors of one code, and some others once."""
    findings = Findings()
    for number in range(count):
        findings.add("labels-unknown-document", "test_label.tsv", number + 2, source=f"q{number}\tdoc\t1")
    for code in ("id-missing", "text-long", "text-duplicate", "record-unknown-field"):
        findings.add(code, "corpus.jsonl", 1)
    return findings.report()


def clean() -> Report:
    """Nothing is told."""
    findings = Findings()
    findings.rows.update({"corpus.jsonl": 20, "queries.jsonl": 1, "training_label.tsv": 1, "test_label.tsv": 40})
    return findings.report()
