"""Which names buckets and objects may have, and how object names are matched.

Sources: "About Cloud Storage buckets" (naming), "About Cloud Storage objects" (naming), "Objects: list" (matchGlob).
"""

import re
import sys

from dropforge_local.storage.errors import Invalid

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_LONGEST_LABEL = 63
_LONGEST_OBJECT_NAME = 1024
_BEHIND_ALL_NAMES = chr(sys.maxunicode) * _LONGEST_OBJECT_NAME
_GLOB_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\{[^{}]*\}|\[[^\]]+\]|.", re.DOTALL)
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_GLOB_SPECIAL = re.compile(r"[*?\[{]")


def check_bucket_name(name: object) -> str:
    """The name, if a bucket may have it.

    Raises:
        Invalid: it may not.
    """
    if (
        not isinstance(name, str)
        or not _BUCKET.fullmatch(name)
        or any(not 1 <= len(label) <= _LONGEST_LABEL for label in name.split("."))
        or _IP_ADDRESS.fullmatch(name)
        or name.startswith("goog")
        or "google" in name
    ):
        raise Invalid(f"Invalid bucket name: {name!r}.")
    return name


def check_object_name(name: object) -> str:
    """The name, if an object may have it: 1 to 1024 bytes of UTF-8 with no line breaks.

    Raises:
        Invalid: it may not.
    """
    if not isinstance(name, str) or not name:
        raise Invalid("Required object name: give it as `name`.")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise Invalid("Invalid object name: it is not valid Unicode.") from None
    if size > _LONGEST_OBJECT_NAME:
        raise Invalid(f"Invalid object name: {size} bytes of UTF-8, {_LONGEST_OBJECT_NAME} are allowed.")
    if name in {".", ".."} or "\r" in name or "\n" in name or name.startswith(".well-known/acme-challenge/"):
        raise Invalid(f"Invalid object name: {name!r}.")
    return name


def just_behind(prefix: str) -> str:
    """The first string after all names that start with the prefix.

    Code point order is also the byte order of UTF-8, which is the order of a listing.
    """
    for end in range(len(prefix), 0, -1):
        following = ord(prefix[end - 1]) + 1
        if 0xD800 <= following <= 0xDFFF:  # surrogates are no characters
            following = 0xE000
        if following <= sys.maxunicode:
            return prefix[: end - 1] + chr(following)
    return _BEHIND_ALL_NAMES


def glob_prefix(glob: str) -> str:
    """What every name that matches the glob starts with."""
    special = _GLOB_SPECIAL.search(glob)
    return glob[: special.start()] if special else glob


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A regular expression for `fullmatch`: `*` and `?` stop at slashes, `**` does not, `{a,b}` and `[a-z]` choose.

    Raises:
        Invalid: the glob is malformed.
    """
    try:
        return re.compile(_translated(glob), re.DOTALL)
    except re.error:
        raise Invalid(f"Invalid value for matchGlob: {glob!r}.") from None


def _translated(glob: str) -> str:
    return "".join(_translated_token(token) for token in _GLOB_TOKEN.findall(glob))


def _translated_token(token: str) -> str:
    if token in _WILDCARDS:
        return _WILDCARDS[token]
    if len(token) > 1 and token[0] == "{":
        return "(?:" + "|".join(_translated(choice) for choice in token[1:-1].split(",")) + ")"
    if len(token) > 1 and token[0] == "[":
        negated = token[1] in "!^"
        return "[" + ("^" if negated else "") + re.sub(r"[\\\[^&~|]", r"\\\g<0>", token[1 + negated : -1]) + "]"
    return re.escape(token)
