"""A command says at once that the stack it works with is gone, and what to do."""

import pytest
from support.servers import free_port

from dropforge.bootstrap import Ports
from dropforge.cli import place
from dropforge.cli.watch import _following
from dropforge.domain.errors import Misconfigured
from dropforge.settings import load

ENVIRONMENT = {"DROPFORGE_PROJECT": "p", "DROPFORGE_DROP_BUCKET": "drop", "DROPFORGE_STATE_BUCKET": "state"}


@pytest.fixture
def gone(monkeypatch, tmp_path):
    """The address of a stack that was stopped."""
    storage = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(place, "_BACK_SECONDS", 0.3)
    monkeypatch.setattr(place, "_PAUSE_SECONDS", 0.1)
    return storage


@pytest.fixture
def lost():
    """The state bucket of a command, in the midst of its work."""
    return Ports(load(ENVIRONMENT), lost=place._require_back).state


def test_a_follower_tells_of_a_stack_that_is_stopped_and_how_to_go_on(gone, lost):
    with pytest.raises(place.Stopped) as told, _following("dropforge watch topics"):
        lost.read("runs/topics/run.json")
    assert str(told.value) == (
        f"the stack whose storage is {gone} was stopped; what is in flight goes on when it is up again: "
        "`dropforge local up`, then `dropforge watch topics`"
    )


def test_a_listing_tells_it_too(gone, lost):
    with pytest.raises(place.Stopped):
        list(lost.list("runs/"))


def test_a_server_that_is_back_in_a_moment_is_waited_for(gone, monkeypatch):
    answers = iter([False, False, True])
    monkeypatch.setattr(place, "_answers", lambda _: next(answers))
    place._require_back()


def test_a_terminal_that_names_a_stack_of_before_is_told_so(gone, monkeypatch, tmp_path):
    (tmp_path / ".dropforge").mkdir()
    place.STACK.write_text("STORAGE_EMULATOR_HOST=http://127.0.0.1:8471\n")
    monkeypatch.setattr(place, "_answers", lambda url: url != gone)
    with pytest.raises(Misconfigured, match="names a stack that is gone: `eval"):
        place.require_running()


def test_where_none_runs_here_either_it_is_to_be_started(gone):
    with pytest.raises(Misconfigured, match="is not running: start it again with `dropforge local up`"):
        place.require_running()
