"""Text from outside, made safe to show."""

TAB = "⇥"  # how a tab is shown: in one cell, and not to be taken for spaces


def printable(text: str) -> str:
    r"""The text with every control character and line end written as an escape such as `\x1b`: a terminal obeys none.

    `str.isprintable` also catches the invisible ones that reorder text (bidirectional overrides).
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shortened(text: str, most: int) -> str:
    """The text, cut to at most `most` characters, the last of them an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
