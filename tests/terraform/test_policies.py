"""Every rule holds, whether nothing or everything is asked for."""

import pytest
from terraform.policies import RULES


def by_name(rule):
    return rule.__name__


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_when_nothing_is_asked_for(rule, plain):
    assert list(rule(plain)) == []


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_when_everything_is_asked_for(rule, full):
    assert list(rule(full)) == []
