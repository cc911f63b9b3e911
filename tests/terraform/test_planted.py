"""The rules fail on mistakes: each of them is made in a copy of the module, planned, and complained of."""

import pytest
from terraform.deployment import EVERYTHING, copied
from terraform.planted import MISTAKES
from terraform.policies import RULES


def rounds():
    """The mistakes in as few rounds as there can be, so that not each takes a plan: in a round a rule has at most one."""
    made = []
    for mistake in MISTAKES:
        fits = (
            each for each in made if not any(mistake.rule is other.rule or _meets(mistake, other) for other in each)
        )
        into = next(fits, None)
        if into is None:
            made.append(into := [])
        into.append(mistake)
    return made


def _meets(one, other):
    """Whether one changes what the other is looking for."""
    return one.file == other.file and (one.old in other.old or other.old in one.old)


ROUND_OF = {mistake.name: number for number, each in enumerate(rounds()) for mistake in each}


@pytest.fixture(scope="module")
def plans(tmp_path_factory, terraform):
    """The plan of each round, made once."""
    made = {}

    def plan(number):
        if number not in made:
            copy = copied(tmp_path_factory.mktemp("planted"), terraform)
            for mistake in rounds()[number]:
                copy.change(mistake.file, mistake.old, mistake.new)
            made[number] = copy.plan("production", **EVERYTHING | {"console_actions": False})  # it hides what it allows
        return made[number]

    return plan


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_complained_of(mistake, plans):
    complaints = list(mistake.rule(plans(ROUND_OF[mistake.name])))
    assert any(mistake.of in complaint for complaint in complaints), complaints


def test_every_rule_fails_on_something():
    assert {mistake.rule for mistake in MISTAKES} == set(RULES)
