"""What people ask for in the console: only where the operator lets them, only on its own pages, and on record."""

from dataclasses import replace

import pytest
from flask import Request
from support.data import dataset
from support.world import ENVIRONMENT, World
from werkzeug.test import Client

from dropforge import bootstrap
from dropforge.console.pages import respond
from dropforge.domain.errors import NotPermitted, Unavailable
from dropforge.domain.runs import State
from dropforge.settings import Operator, load

BROWSER = Client(Request.application(respond))
OURS = {"Sec-Fetch-Site": "same-origin"}
MORE = b'{"_id": "more", "text": "More"}\n'


def world_with(**wanted):
    settings = load(ENVIRONMENT)
    return World(replace(settings, operator=replace(Operator(), **wanted)))


@pytest.fixture
def world():
    world = world_with(console_actions=True)
    before = bootstrap.use(world)
    yield world
    bootstrap.use(before)


def ask(path, headers=OURS, reason=""):
    return BROWSER.post(path, data={"reason": reason}, headers=headers)


def submitted(world):
    world.land(world.put("topics", dataset()))
    world.react()
    return world.only_run().id


def twice(world):
    """A dataset whose readers were moved to a second space; gives the runs of the first and the second."""
    files = dataset()
    world.deploy("topics", files)
    world.deploy("topics", files | {"corpus.jsonl": files["corpus.jsonl"] + MORE})
    alias = world.aliases.of("topics")
    return alias.previous.run, alias.run


class TestWhatIsAskedFor:
    def test_a_run_is_cancelled_and_it_is_on_record_why(self, world):
        run = submitted(world)
        answer = ask(f"/runs/{run}/cancel", reason=" wrong\ncorpus ")
        assert (answer.status_code, answer.location) == (303, f"/runs/{run}")
        stop = world.ledger.wanted(run).stop
        assert (stop.by, stop.reason, stop.at) == ("somebody in the console", "wrong corpus", world.ledger.clock())
        assert "Cancellation asked for by somebody in the console" in BROWSER.get(f"/runs/{run}").text

    def test_another_attempt_is_shown_once_it_has_begun(self, world):
        run = submitted(world)
        ask(f"/runs/{run}/cancel")
        world.finish_jobs()
        world.watch()
        answer = ask(f"/runs/{run}/rerun", reason="once more")
        assert answer.location == f"/runs/{run}-a2"
        assert world.ledger.wanted(f"{run}-a2").reason == "once more"

    def test_a_retired_model_is_approved(self, world):
        world.deploy("topics", dataset() | {"tuning.yaml": b"deploy: manual\n"})
        run = world.only_run()
        assert run.state is State.WITHHELD
        assert ask(f"/runs/{run.id}/approve").status_code == 303
        assert world.only_run().state is State.DEPLOYING

    def test_readers_are_pointed_back(self, world):
        first, second = twice(world)
        assert ask(f"/runs/{first}/rollback", reason="worse answers").status_code == 303
        alias = world.aliases.of("topics")
        assert (alias.run, alias.request.reason) == (first, "worse answers")
        assert f'id="space-{second}"' in BROWSER.get("/datasets/topics").text

    def test_a_former_space_is_retired_by_the_next_sweeps(self, world):
        first, _ = twice(world)
        assert ask(f"/runs/{first}/retire").status_code == 303
        for _ in range(3):
            world.sweep()
        assert world.ledger.wanted(first).state is State.RETIRED

    def test_the_space_of_readers_is_not_retired(self, world):
        first, second = twice(world)
        answer = ask(f"/runs/{second}/retire")
        assert (answer.status_code, "readers of topics are pointed to" in answer.text) == (409, True)
        assert [left.run for left in world.aliases.left()] == [first]

    def test_what_cannot_be_any_more_says_so(self, world):
        run = submitted(world)
        answer = ask(f"/runs/{run}/approve")
        assert answer.status_code == 409
        assert "only a model that is not served can be approved" in answer.text


class TestItsPage:
    def test_it_says_what_will_happen_and_changes_nothing(self, world):
        run = submitted(world)
        page = BROWSER.get(f"/runs/{run}/cancel").text
        assert "costs nothing more" in page
        assert '<form class="card asking" method="post">' in page
        assert world.ledger.wanted(run).stop is None

    def test_it_is_linked_where_it_can_be_asked_for(self, world):
        run = submitted(world)
        page = BROWSER.get(f"/runs/{run}").text
        assert f'href="/runs/{run}/cancel"' in page
        assert f'href="/runs/{run}/approve"' not in page
        assert BROWSER.get(f"/runs/{run}/approve").status_code == 409

    @pytest.mark.parametrize("path", ["/runs/nobody/cancel", "/runs/{run}/delete", "/runs/{run}/report.json"])
    def test_nothing_else_can_be_asked_for(self, world, path):
        run = submitted(world)
        assert ask(path.format(run=run)).status_code == 404

    def test_without_the_operators_word_there_is_none(self):
        world = world_with()
        before = bootstrap.use(world)
        try:
            run = submitted(world)
            answers = [BROWSER.get(f"/runs/{run}/cancel"), ask(f"/runs/{run}/cancel")]
            page = BROWSER.get(f"/runs/{run}").text
        finally:
            bootstrap.use(before)
        assert [answer.status_code for answer in answers] == [404, 404]
        assert f"/runs/{run}/cancel" not in page
        assert world.ledger.wanted(run).stop is None


class TestStrangers:
    @pytest.mark.parametrize("site", [None, "cross-site", "same-site", "none", "SAME-ORIGIN"])
    def test_another_sites_page_cannot_ask(self, world, site):
        run = submitted(world)
        named = {"Origin": "http://localhost", "Host": "localhost"} | ({"Sec-Fetch-Site": site} if site else {})
        answer = ask(f"/runs/{run}/cancel", headers=named)
        assert (answer.status_code, "open the console, and ask there" in answer.text) == (403, True)
        assert world.ledger.wanted(run).stop is None

    def test_a_form_of_any_size_is_not_read(self, world):
        run = submitted(world)
        assert ask(f"/runs/{run}/cancel", reason="x" * 20_000).status_code == 413
        assert world.ledger.wanted(run).stop is None

    def test_a_reason_of_several_lines_is_kept_as_far_as_there_is_room(self, world):
        run = submitted(world)
        assert ask(f"/runs/{run}/cancel", reason="x" * 150 + "\r\n" + "y" * 150).status_code == 303
        reason = world.ledger.wanted(run).stop.reason
        assert (len(reason), reason[149:152]) == (300, "x y")

    def test_a_reason_is_escaped_wherever_it_is_shown(self, world):
        run = submitted(world)
        ask(f"/runs/{run}/cancel", reason="<script>alert(1)</script>\x1b[2J")
        page = BROWSER.get(f"/runs/{run}").text
        assert "<script>alert" not in page
        assert "\x1b" not in page


class Doorkeeper:
    """Believes the header of this name, or fails as it is told to."""

    def __init__(self, error=None):
        self.error = error

    def who(self, headers):
        if self.error:
            raise self.error
        return headers["x-visitor"]


class TestWhoAsks:
    def test_the_proxys_word_goes_on_record(self, world):
        world.doorkeeper = Doorkeeper()
        run = submitted(world)
        ask(f"/runs/{run}/cancel", headers=OURS | {"X-Visitor": "ada@acme.example"})
        assert world.ledger.wanted(run).stop.by == "ada@acme.example"

    @pytest.mark.parametrize(
        ("error", "status"), [(NotPermitted("sign in anew"), 403), (Unavailable("try again"), 503)]
    )
    def test_nobody_it_does_not_know_may_ask(self, world, error, status):
        world.doorkeeper = Doorkeeper(error)
        run = submitted(world)
        answer = ask(f"/runs/{run}/cancel")
        assert (answer.status_code, str(error) in answer.text) == (status, True)
        assert world.ledger.wanted(run).stop is None
