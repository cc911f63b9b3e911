"""The machine's own Chromium, as it is started here."""

import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It runs as whoever runs the tests, root too, shows nothing, and asks nobody for updates.
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


def options() -> dict[str, Any] | None:
    """What Playwright starts it by; None where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    return {"executable_path": path, "args": _FLAGS} if path else None
