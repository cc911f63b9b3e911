"""Markdown says what was found, and makes nothing of a dataset's text: no link, mention, image or HTML."""

import pytest
from hypothesis import example, given
from markdown_it import MarkdownIt
from support.reports import HOSTILE, broken, clean, hostile, many, texts

from dropforge.domain.rules import RULES
from dropforge.reports.markdown import code_span, markdown

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = {"paragraph", "heading", "bullet_list", "list_item", "inline"}
OUR_INLINE = {"text", "code_inline", "strong_open", "strong_close", "softbreak"}


def require_code(written):
    """All that a dataset can influence is code; gives how many items the lists have, and the pieces of code."""
    blocks = PARSER.parse(written)
    assert {block.type.removesuffix("_open").removesuffix("_close") for block in blocks} <= OURS
    pieces = [piece for block in blocks if block.type == "inline" for piece in block.children]
    assert {piece.type for piece in pieces} <= OUR_INLINE
    ours = " ".join(part for rule in RULES.values() for part in (rule.title, rule.mend))
    for piece in pieces:
        if piece.type == "text":
            assert not set(piece.content) & set("<>@#|*$") - set(ours), piece.content
            assert "://" not in piece.content
    return sum(block.type == "list_item_open" for block in blocks), [
        piece.content for piece in pieces if piece.type == "code_inline"
    ]


def test_a_broken_folder_reads_so():
    written = markdown(broken())
    assert written.startswith(
        "### Dataset rejected: 7 errors, 1 warning, 1 note in 4 files, 12,346 records and 120 labels\n"
    )
    assert "\n**Error** `labels-unknown-document`, 2 times: A label of a document that is not there. " in written
    assert '\n- `training_label.tsv:6` `"D4" is no _id in corpus.jsonl; did you mean "d4"?`\n' in written
    assert written.endswith("\n- `notes.txt` `not a file of a dataset`")
    items, _ = require_code(written)
    assert items == 9


def test_errors_come_first():
    written = markdown(broken())
    assert written.index("**Error**") < written.index("**Warning**") < written.index("**Note**")


def test_a_clean_folder_reads_so():
    assert markdown(clean()) == "### Dataset accepted: no findings in 4 files, 21 records and 41 labels"


def test_it_fits_into_a_comment_whatever_was_found():
    assert len(markdown(hostile("x" * 100_000))) < 65_536
    written = markdown(many(3_000))
    assert len(written) < 65_536
    assert "- and 2,961 more" in written


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_made_of_hostile_text(text):
    written = markdown(hostile(f"{text} a {text}b{text}"))
    items, _ = require_code(written)
    assert items == 4, "no text begins an item of its own"


@given(texts)
def test_nothing_is_made_of_any_text(text):
    items, _ = require_code(markdown(hostile(text)))
    assert items == 4


@example(" ")
@example("`")
@example(" a")
@given(texts.filter(lambda text: text.isprintable() and 0 < len(text) < 300))
def test_code_reads_as_the_text_that_it_was(text):
    [block] = [block for block in PARSER.parse(f"- {code_span(text)}") if block.type == "inline"]
    [piece] = block.children
    assert (piece.type, piece.content.replace(r"\x23", "#")) == ("code_inline", text.replace(r"\x23", "#"))
