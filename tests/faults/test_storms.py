"""Small storms over the processes of a whole stack; the full ones are run by hand: `python -m faults.storms`."""

import os

import pytest
from faults.storms.listener import Listener
from faults.storms.register import SMALL, STORMS
from faults.storms.stack import stormy_stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    before = dict(os.environ)
    try:
        with stormy_stack(tmp_path_factory.mktemp("storms")) as stack:
            yield stack
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def listener(stack):
    with Listener(stack) as listener:
        yield listener


@pytest.mark.parametrize("name", STORMS)
def test_nothing_is_lost_and_nothing_done_twice(stack, listener, name):
    STORMS[name](stack, listener, name, **SMALL[name])
