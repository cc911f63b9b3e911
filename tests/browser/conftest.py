"""A browser, and the console's pages over a Dropforge in memory, served as the function serves them."""

import threading
from contextlib import contextmanager

import pytest
from browser.chromium import NAMES, options
from browser.scene import Scene
from flask import Request
from werkzeug.serving import make_server

from dropforge import bootstrap
from dropforge.console.pages import respond

SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 375, "height": 740}}


def _needed(module):
    return pytest.importorskip(module, reason="tests/browser/requirements.txt is not installed: `make test` does it")


@pytest.fixture(scope="session")
def chromium():
    start = options()
    if start is None:
        pytest.skip(f"there is no Chromium: install Debian's package `chromium` (looked for {', '.join(NAMES)})")
    with _needed("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(**start)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe():
    """axe-core, the script that finds what keeps somebody out of a page."""
    return _needed("axe_playwright_python.base").AXE_SCRIPT


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
    def opening(path: str, *, scripts: bool = True, timed: bool = False, wrong: bool = False):
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
