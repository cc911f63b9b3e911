"""How the console's pages look and are scripted, as far as a machine can tell: contrast, and nothing that the policy forbids."""

import re
from itertools import product
from pathlib import Path

import pytest

from dropforge import console

TEMPLATES = Path(console.__file__).parent / "templates"
STYLE = (TEMPLATES / "style.css").read_text()
TOKENS = {name: (light, dark) for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#\w+), (#\w+)\);", STYLE)}
AA = 4.5  # https://www.w3.org/TR/WCAG22/#contrast-minimum
GROUNDS = ("paper", "card", "raised")
TEXTS = [
    *product(("ink", "soft", "link", "good", "bad", "busy"), GROUNDS),
    *((tone, f"{tone}-ground") for tone in ("good", "bad", "busy")),
    ("paper", "ink"),  # the tab that is chosen
    ("ink", "bad-ground"),
]


def luminance(colour):
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    digits = colour.removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXTS)
def test_text_can_be_read(text, ground, scheme):
    assert contrast(TOKENS[text][scheme], TOKENS[ground][scheme]) >= AA


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_the_edge_of_what_can_be_used_is_seen(ground, scheme):
    """https://www.w3.org/TR/WCAG22/#non-text-contrast."""
    assert contrast(TOKENS["edge"][scheme], TOKENS[ground][scheme]) >= 3


def test_no_colour_stands_outside_the_tokens():
    rules = STYLE[STYLE.index("}") :]
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)|\brgb|\bhsl", rules) == []


def test_no_template_has_what_the_policy_forbids():
    """Expect no script, style or handler in the page: the browser would refuse it, and say so to nobody."""
    forbidden = re.compile(
        r"<style|\sstyle=|\son\w+=|javascript:|<script(?! src=\"/)|\|safe\b|https?://(?!www\.w3\.org)"
    )
    found = {page.name: forbidden.findall(page.read_text()) for page in TEMPLATES.glob("*.html")}
    assert {name: words for name, words in found.items() if words} == {}
