"""A browser, and the console's pages over a Dropforge in memory, served as the function serves them."""

import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from browser.scene import Scene
from flask import Request
from werkzeug.serving import make_server

from dropforge import bootstrap
from dropforge.console.pages import respond

if TYPE_CHECKING:
    from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It runs as whoever runs the tests, root too, shows nothing, and asks nobody for updates.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 375, "height": 740}}


@pytest.fixture(scope="session")
def chromium():
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"there is no Chromium: install Debian's package `chromium` (looked for {', '.join(NAMES)})")
    driver = pytest.importorskip("playwright.sync_api", reason="tests/browser/requirements.txt is not installed")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def scene():
    """What the pages show: runs in every state. Tests change it by runs of their own."""
    made = Scene()
    before = bootstrap.use(made.world)
    server = make_server("127.0.0.1", 0, Request.application(respond), threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    made.url = f"http://127.0.0.1:{server.port}"
    yield made
    server.shutdown()
    serving.join()
    server.server_close()
    bootstrap.use(before)


@pytest.fixture
def opened(chromium, scene):
    """What opens a page, for a `with`; an error in it, or a request to anybody else, fails the test.

    Its arguments: whether scripts run; whether the page's time stands under the test's hand (`soon`); whether errors are
    the point.
    """

    @contextmanager
    def opening(path: str, *, scripts: bool = True, timed: bool = False, wrong: bool = False) -> "Iterator[Page]":
        context = chromium.new_context(viewport=SIZES["desktop"], java_script_enabled=scripts)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=scene.url)
        page = context.new_page()
        if timed:
            page.clock.install()
        told, elsewhere = [], []
        page.on("console", lambda message: told.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith(scene.url + "/") or elsewhere.append(asked.url))
        try:
            page.goto(scene.url + path)
            yield page
            assert elsewhere == [], "it asks nobody else"
            assert wrong or told == []
        finally:
            context.close()

    return opening


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Where screenshots are left, for whoever wants to look: they are not compared."""
    return tmp_path_factory.mktemp("pages")
