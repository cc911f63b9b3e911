"""The console's pages in a real browser: at two widths, light and dark, with and without scripts, for keyboards and screen readers."""

import re
from itertools import product

import pytest
from browser.conftest import SIZES
from support.servers import eventually

PAGES = {
    "runs": "/",
    "attention": "/?state=attention",
    "nothing": "/?dataset=nobody",
    "deployed": "/runs/{deployed}",
    "rejected": "/runs/{rejected}",
    "withheld": "/runs/{withheld}",
    "failed": "/runs/{failed}",
    "running": "/runs/{running}",
    "waiting": "/runs/{waiting}",
    "dataset": "/datasets/topics",
    "try": "/datasets/topics/try?q=query+7",
    "japanese": "/datasets/faq-ja/try?q=日本の首都はどこですか。7",
    "health": "/health",
    "retire": "/runs/{former}/retire",
    "lost": "/runs/nobody",
}
LOOKS = list(product(SIZES, ("light", "dark")))
BUSIEST = {"runs", "deployed", "rejected", "dataset"}  # looked at in every way; the others in two
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
REACHED = "a, button, summary, input:not([type=hidden]), textarea, [tabindex='0']"


def address(scene, name):
    return PAGES[name].format_map(vars(scene))


def complaints(page):
    """What keeps somebody out, by axe-core: the rule and the places."""
    found = page.evaluate("(standards) => axe.run({runOnly: standards, resultTypes: ['violations']})", STANDARDS)
    return [(broken["help"], [node["html"] for node in broken["nodes"]]) for broken in found["violations"]]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_wherever_it_is_looked_at(name, scene, opened, axe, pictures):
    """Expect no error, no sideways scroll, nothing that keeps somebody out, and no text of a dataset at work."""
    with opened(address(scene, name), wrong=name == "lost") as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        page.evaluate(axe)
        for size, scheme in LOOKS if name in BUSIEST else (LOOKS[0], LOOKS[-1]):
            page.set_viewport_size(SIZES[size])
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=pictures / f"{name}-{size}-{scheme}.jpg", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
            assert complaints(page) == [], f"{size}, {scheme}"
        assert page.locator("h1").count() == 1
        assert "caught" not in page.title()


@pytest.mark.parametrize("name", [*sorted(BUSIEST), "try", "retire"])
def test_a_page_needs_no_script(name, scene, opened):
    with opened(address(scene, name), scripts=False) as bare:
        assert bare.locator(".copy:visible, #live:visible").count() == 0
        without = bare.locator("main").inner_text()
    with opened(address(scene, name)) as page:
        assert re.sub(r"\s+|Copy", "", page.locator("main").inner_text()) == re.sub(r"\s+", "", without)


@pytest.mark.parametrize("name", ["runs", "deployed", "dataset", "try", "retire"])
def test_a_keyboard_reaches_everything_and_shows_where_it_is(name, scene, opened):
    with opened(address(scene, name)) as page:
        page.evaluate("(all) => document.querySelectorAll(all).forEach((each, n) => { each.n = n; })", REACHED)
        wanted = page.evaluate(
            "(all) => [...document.querySelectorAll(all)].filter((each) => each.checkVisibility()).map((each) => each.n)",
            REACHED,
        )
        reached = []
        for _ in wanted:
            page.keyboard.press("Tab")
            number, is_shown, what = page.evaluate(
                """() => {
                    const on = document.activeElement, style = getComputedStyle(on), box = on.getBoundingClientRect();
                    const isInside = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
                    return [on.n, isInside && style.outlineStyle !== "none", on.outerHTML];
                }"""
            )
            assert is_shown, f"nothing shows that it is on {what}"
            reached.append(number)
        assert reached == wanted, "each once, in the order of the page"


def test_the_frame_is_skipped_by_keyboard(scene, opened):
    with opened(address(scene, "deployed")) as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_what_gets_into_a_page_does_not_run(opened):
    """Given a piece of script that slipped in, expect the policy to keep it from running."""
    with opened("/", wrong=True) as page:
        page.evaluate(
            """() => {
                window.refused = [];
                document.addEventListener("securitypolicyviolation", (each) => refused.push(each.effectiveDirective));
                const script = document.createElement("script");
                script.textContent = "window.caught = true";
                document.body.append(script);
                document.body.insertAdjacentHTML("beforeend", '<img src="/nowhere.png" onerror="window.caught = true">');
            }"""
        )
        # Not by `wait_for_function`: the policy refuses what that evaluates, too.
        eventually(lambda: set(page.evaluate("window.refused")) == {"script-src-elem", "script-src-attr"})
        assert page.evaluate("window.caught") is None
