"""What people do in the console, in a real browser: look on, find, try, copy, ask."""

import re

import pytest
from browser.scene import broken

AGES = 70_000  # milliseconds, more than lie between two looks


def soon(page, wanted):
    """Let the page's time go on until something is there: what it asks for in between takes real time."""
    for _ in range(300):
        if page.locator(wanted).count():
            return
        page.clock.fast_forward(AGES)
        page.wait_for_timeout(50)
    pytest.fail(f"there is no {wanted}")


class TestLive:
    def test_a_run_that_gets_on_is_shown_without_a_reload(self, scene, opened):
        run = scene.started("live-one")
        with opened("/", timed=True) as page:
            page.fill("#dataset", "half a na")
            page.evaluate("window.untouched = true")
            assert page.locator(f"#flying #run-{run}").is_visible()
            scene.finish(run)
            soon(page, f"#past #run-{run}")
            assert page.input_value("#dataset") == "half a na"
            assert page.evaluate("[document.activeElement.id, window.untouched]") == ["dataset", True]
            assert re.fullmatch(r"\d in flight", page.locator("#said").text_content())

    def test_where_people_are_stays_while_a_page_changes(self, scene, opened):
        run = scene.started("live-two")
        with opened(f"/runs/{run}", timed=True) as page:
            link = page.get_by_role("link", name="report.json").last
            link.focus()
            page.evaluate("window.held = document.activeElement")
            scene.finish(run)
            soon(page, ".standing .state.good")
            assert page.locator("#gain").is_visible(), "what is new came in above"
            assert page.evaluate("document.activeElement === window.held")
            assert page.locator("#said").text_content() == f"{run}: deployed"
            assert page.locator("#live").is_hidden(), "nothing more changes"

    def test_an_answer_that_does_not_come_is_said(self, scene, opened):
        with opened(f"/runs/{scene.running}", timed=True, wrong=True) as page:
            page.route("**/*", lambda route: route.abort())
            soon(page, "#live.lost")
            assert page.locator("#said").text_content() == "Out of date: no answer, trying again"
            page.unroute_all()
            soon(page, "#live:not(.lost)")
            assert page.locator("#said").text_content() == "Up to date again"


def test_a_command_is_copied(scene, opened):
    with opened(f"/runs/{scene.deployed}") as page:
        page.locator(".copy").first.click()
        page.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == f"dropforge show {scene.deployed}"
        assert page.locator("#said").text_content() == "Copied"


def test_runs_are_found_by_their_state_and_their_datasets_name(scene, opened):
    with opened("/") as page:
        page.get_by_role("link", name="Needs attention").click()
        page.locator(f"#run-{scene.withheld}").wait_for()
        assert page.locator(f"#run-{scene.deployed}").count() == 0
        page.fill("#dataset", "bro")
        page.get_by_role("button", name="Find").click()
        page.wait_for_url("**/?state=attention&dataset=bro")
        assert page.locator("tbody tr").count() == 1
        page.get_by_role("link", name=scene.rejected).click()
        page.get_by_role("heading", name=scene.rejected, level=1).wait_for()


def test_what_is_long_past_is_on_further_pages(scene, opened):
    for number in range(50):
        scene.dropped(f"many-{number}", broken())
    with opened("/") as page:
        first = set(page.locator("#past tbody tr").evaluate_all("(rows) => rows.map((row) => row.id)"))
        page.get_by_role("link", name="Older").click()
        page.get_by_role("link", name="Newest").wait_for()
        further = set(page.locator("#past tbody tr").evaluate_all("(rows) => rows.map((row) => row.id)"))
        assert (len(first), first & further) == (50, set())
        assert f"run-{scene.former}" in further
        assert page.locator("#live").is_hidden(), "what is past stays as it is"


def test_two_models_are_tried_side_by_side(opened):
    with opened("/datasets/topics") as page:
        page.get_by_role("link", name="Try it").click()
        page.fill("#q", "query 7")
        page.keyboard.press("Enter")
        page.locator(".found").wait_for()
        for model in ("base", "tuned"):
            hits = page.locator(f"section[aria-labelledby=by-{model}] li")
            assert hits.count() == 10
            assert hits.first.get_by_text("document 7", exact=True).is_visible()


class TestActions:
    def test_a_run_is_cancelled_by_its_button_and_says_why(self, scene, opened):
        run = scene.started("unwanted")
        with opened(f"/runs/{run}") as page:
            page.get_by_role("link", name="Cancel").click()
            page.fill("#reason", "the wrong corpus")
            page.get_by_role("button", name="Cancel").click()
            page.get_by_text("the wrong corpus").wait_for()
            assert page.url == f"{scene.url}/runs/{run}"
        assert scene.standing(run).stop.reason == "the wrong corpus"

    def test_readers_are_pointed_back_from_the_datasets_page(self, scene, opened):
        with opened("/datasets/topics") as page:
            page.get_by_role("link", name="Point readers here").click()
            page.get_by_role("button", name="Point readers here").click()
            page.locator(".standing", has_text="readers use it").wait_for()
            assert page.url == f"{scene.url}/runs/{scene.former}"
        assert scene.world.aliases.of("topics").run == scene.former

    def test_another_sites_page_cannot_press_it(self, scene, chromium):
        run = scene.started("wanted")
        forged = f'<form method="post" action="{scene.url}/runs/{run}/cancel"><button>Win a prize</button></form>'
        page = chromium.new_page()
        page.route("http://elsewhere.test/", lambda route: route.fulfill(body=forged, content_type="text/html"))
        page.goto("http://elsewhere.test/")
        with page.expect_response(f"{scene.url}/runs/{run}/cancel") as answered:
            page.get_by_role("button").click()
        page.get_by_text("This request did not come from a page of the console").wait_for()
        page.close()
        assert answered.value.status == 403
        assert scene.standing(run).stop is None
