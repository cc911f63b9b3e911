"""Text from outside, made safe to show, and to name things by."""

import hashlib
import re
from datetime import timedelta
from urllib.parse import quote

_LONGEST_NAME = 240
# An access token of Google's, a signed token, a token of Slack's, what a header carries, the address of a webhook in Slack.
_SECRETS = re.compile(
    r"\bya29\.[\w.-]+|\bxox[a-z]-[\w-]+|\bey[\w-]{6,500}\.ey[\w-]+\.[\w-]*|(?<=\bbearer )[\w.~+/=-]{6,}"
    r"|(?<=\bhooks\.slack\.com/)[\w/-]+|(?<=/services/)T\w+/B\w+/\w+",
    re.IGNORECASE | re.ASCII,
)
# CI runners obey `##[command]` and `##vso[command]` anywhere in a line of a log: the second mark is written as an escape.
COMMAND = re.compile(r"(?<=#)#(?=\w*\[)")
ESCAPED_MARK = r"\x23"
TAB = "⇥"  # how a tab is shown: in one cell, and not to be taken for spaces


def printable(text: str) -> str:
    r"""The text with every control character and line end written as an escape such as `\x1b`: a terminal obeys none.

    `str.isprintable` also catches the invisible ones that reorder text (bidirectional overrides).
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def harmless(text: str) -> str:
    """The text with nothing in it that a terminal or a CI runner would obey."""
    return COMMAND.sub(lambda _: ESCAPED_MARK, printable(text))


def as_name(text: str) -> str:
    """The text as part of an id or of an object's name: percent-encoded; what is long is cut, and ends in a digest.

    Object names and Pub/Sub attributes may have 1,024 bytes; an id is encoded once more where it names an object.
    """
    encoded = quote(text, safe="")
    if len(encoded) <= _LONGEST_NAME:
        return encoded
    return f"{encoded[: _LONGEST_NAME - 17]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def without_secrets(text: str) -> str:
    """The text of an error that is not ours, without what would let its reader in: tokens, and addresses of webhooks."""
    return _SECRETS.sub("(not shown)", text)


def shortened(text: str, most: int) -> str:
    """The text, cut to at most `most` characters, the last of them an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def as_span(time: timedelta) -> str:
    """A time in its largest whole unit: `5 s`, `10 min`, `3 h`, `2 d`; a negative one counts as none."""
    seconds = max(int(time.total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def as_words(name: str) -> str:
    """A name of ours, such as a state's, for people: `deploy_failed` is `deploy failed`."""
    return name.replace("_", " ")
