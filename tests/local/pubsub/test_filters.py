"""The filter language of subscriptions."""

import pytest

from dropforge_local.pubsub.errors import InvalidArgument
from dropforge_local.pubsub.filters import compile_filter

MATCHING = [
    ("", {}),
    ("attributes:kind", {"kind": ""}),
    ('attributes:"odd/key"', {"odd/key": "x"}),
    ('attributes.kind = "a"', {"kind": "a"}),
    ('attributes.kind="a"', {"kind": "a"}),
    ('attributes.my-kind = "a"', {"my-kind": "a"}),
    (r'attributes.kind = "say \"a\""', {"kind": 'say "a"'}),
    ('attributes.kind != "a"', {"kind": "b"}),
    ('attributes.kind != "a"', {}),
    ('hasPrefix(attributes.kind, "al")', {"kind": "alpha"}),
    ("NOT attributes:kind", {}),
    ("-attributes:kind", {}),
    ("attributes:a AND attributes:b AND attributes:c", {"a": "", "b": "", "c": ""}),
    ("attributes:a OR attributes:b", {"b": ""}),
    ("attributes:a AND (attributes:b OR attributes:c)", {"a": "", "c": ""}),
    ("NOT (attributes:a AND attributes:b)", {"a": ""}),
]

NOT_MATCHING = [
    ("attributes:kind", {}),
    ('attributes.kind = "a"', {"kind": "A"}),
    ('attributes.kind = "a"', {}),
    ('attributes.kind != "a"', {"kind": "a"}),
    ('hasPrefix(attributes.kind, "al")', {"kind": "beta"}),
    ('hasPrefix(attributes.kind, "")', {}),
    ("attributes:a AND attributes:b", {"a": ""}),
    ("attributes:a OR attributes:b", {"c": ""}),
    ("NOT attributes:a AND attributes:b", {"a": "", "b": ""}),
]

MALFORMED = [
    "kind",
    "attributes",
    "attributes.kind",
    "attributes.kind = a",
    'attributes.kind < "a"',
    'attributes.kind = "a',
    'attributes.kind = "\\x"',
    "attributes:a attributes:b",
    "attributes:a AND",
    "attributes:a AND attributes:b OR attributes:c",
    "(attributes:a",
    "attributes:a)",
    'hasPrefix(attributes.kind "a")',
    "attributes:" + "a" * 256,
]


@pytest.mark.parametrize(("text", "attributes"), MATCHING)
def test_a_filter_lets_through_what_matches(text, attributes):
    assert compile_filter(text)(attributes) is True


@pytest.mark.parametrize(("text", "attributes"), NOT_MATCHING)
def test_a_filter_keeps_out_what_does_not(text, attributes):
    assert compile_filter(text)(attributes) is False


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_filter_is_refused(text):
    with pytest.raises(InvalidArgument):
        compile_filter(text)
