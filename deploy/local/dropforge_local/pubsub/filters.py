"""The filter language of subscriptions: expressions over a message's attributes.

    expression = term { AND term } | term { OR term }          AND and OR mix only in parentheses
    term       = [ NOT | - ] ( "(" expression ")" | comparison )
    comparison = attributes:KEY                                the attribute is present
               | attributes.KEY = "VALUE"   attributes.KEY != "VALUE"
               | hasPrefix(attributes.KEY, "VALUE")
    KEY        = an identifier, or a string in quotes

Source: "Filter messages from a subscription", https://cloud.google.com/pubsub/docs/subscription-message-filter
"""

import json
import re
from collections.abc import Callable, Mapping

from dropforge_local.pubsub.errors import InvalidArgument

Filter = Callable[[Mapping[str, str]], bool]

_MAX_BYTES = 256
_TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<mark>!=|[=():.,-])|(?P<word>[A-Za-z_][\w-]*))')


def compile_filter(text: str) -> Filter:
    """Turn a filter expression into a predicate over attributes; the empty expression lets everything through.

    Raises:
        InvalidArgument: the expression is malformed, or longer than 256 bytes.
    """
    if len(text.encode()) > _MAX_BYTES:
        raise InvalidArgument(f"A filter may have at most {_MAX_BYTES} bytes; this one has {len(text.encode())}.")
    return _Parser(text).parse() if text.strip() else lambda _: True


class _Parser:
    """Recursive descent, one method a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenize()
        self._at = 0

    def parse(self) -> Filter:
        parsed = self._expression()
        if self._peek():
            raise self._error(f"{self._peek()!r} is not expected here")
        return parsed

    def _tokenize(self) -> list[str]:
        tokens, at, text = [], 0, self._text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match:
                raise self._error(f"cannot read {text[at:].strip()[:20]!r}")
            tokens.append(match.group(match.lastgroup or 0))
            at = match.end()
        return tokens

    def _expression(self) -> Filter:
        terms = [self._term()]
        operator = self._peek()
        while self._peek() in {"AND", "OR"}:
            if self._next() != operator:
                raise self._error("AND and OR together need parentheses")
            terms.append(self._term())
        quantifier = any if operator == "OR" else all
        return terms[0] if len(terms) == 1 else lambda attributes: quantifier(term(attributes) for term in terms)

    def _term(self) -> Filter:
        if self._peek() in {"NOT", "-"}:
            self._next()
            negated = self._term()
            return lambda attributes: not negated(attributes)
        if self._peek() == "(":
            self._next()
            inner = self._expression()
            self._expect(")")
            return inner
        return self._prefix() if self._peek() == "hasPrefix" else self._comparison()

    def _prefix(self) -> Filter:
        for token in ("hasPrefix", "(", "attributes", "."):
            self._expect(token)
        key = self._key()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: key in attributes and attributes[key].startswith(prefix)

    def _comparison(self) -> Filter:
        self._expect("attributes")
        if self._peek() == ":":
            self._next()
            present = self._key()
            return lambda attributes: present in attributes
        self._expect(".")
        key = self._key()
        operator = self._next()
        if operator not in {"=", "!="}:
            raise self._error(f"{operator!r} is no comparison: use =, != or hasPrefix")
        value = self._string()
        if operator == "=":
            return lambda attributes: key in attributes and attributes[key] == value
        return lambda attributes: key not in attributes or attributes[key] != value

    def _key(self) -> str:
        if self._peek().startswith('"'):
            return self._string()
        word = self._next()
        if not word.isidentifier() and not word.replace("-", "_").isidentifier():
            raise self._error(f"{word!r} is no attribute key")
        return word

    def _string(self) -> str:
        token = self._next()
        if not token.startswith('"'):
            raise self._error(f"expected a string in quotes, not {token!r}")
        try:
            return str(json.loads(token))
        except ValueError:
            raise self._error(f"bad escape in {token}") from None

    def _peek(self) -> str:
        """The next token; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._error("it ends too early")
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if (found := self._next()) != token:
            raise self._error(f"expected {token!r}, not {found!r}")

    def _error(self, problem: str) -> InvalidArgument:
        return InvalidArgument(f"Invalid filter {self._text!r}: {problem}.")
