"""Text from outside, made safe to show, and to name things by."""

import hashlib
from urllib.parse import quote

_LONGEST_NAME = 240
TAB = "⇥"  # how a tab is shown: in one cell, and not to be taken for spaces


def printable(text: str) -> str:
    r"""The text with every control character and line end written as an escape such as `\x1b`: a terminal obeys none.

    `str.isprintable` also catches the invisible ones that reorder text (bidirectional overrides).
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def as_name(text: str) -> str:
    """The text as part of an id or of an object's name: percent-encoded; what is long is cut, and ends in a digest.

    Object names and Pub/Sub attributes may have 1,024 bytes; an id is encoded once more where it names an object.
    """
    encoded = quote(text, safe="")
    if len(encoded) <= _LONGEST_NAME:
        return encoded
    return f"{encoded[: _LONGEST_NAME - 17]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def shortened(text: str, most: int) -> str:
    """The text, cut to at most `most` characters, the last of them an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def as_words(name: str) -> str:
    """A name of ours, such as a state's, for people: `deploy_failed` is `deploy failed`."""
    return name.replace("_", " ")
