"""Asking a local server to fail, for as long as a test needs it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx


class Asked:
    """A retry test of a server, as `dropforge_local.faults` tells."""

    def __init__(self, url: str, wanted: Mapping[str, Any]) -> None:
        answer = httpx.post(f"{url}/retry_test", json=wanted)
        assert answer.status_code == 200, answer.text
        self.id: str = answer.json()["id"]
        self._url = f"{url}/retry_test/{self.id}"
        self._last: dict[str, Any] = answer.json()

    @property
    def headers(self) -> dict[str, str]:
        """What a request takes part by, if not everyone does."""
        return {"x-retry-test-id": self.id}

    @property
    def state(self) -> dict[str, Any]:
        """The test as the server tells it; as it last did, once it is deleted or the server is gone."""
        with suppress(httpx.TransportError):
            answer = httpx.get(self._url)
            if answer.status_code == 200:
                self._last = answer.json()
        return self._last

    @property
    def fired(self) -> dict[str, int]:
        """How often it has fired, by method."""
        return self.state["fired"]

    def delete(self) -> None:
        """Nothing fires any more. A server that was restarted has forgotten it, and one that was killed, too; not Vertex."""
        assert self.state
        with suppress(httpx.TransportError):
            httpx.delete(self._url)


@contextmanager
def faults(url: str, instructions: Mapping[str, Sequence[str]], **options: object) -> Iterator[Asked]:
    """Faults at the server of that address (of Pub/Sub: its REST face); they end with the block.

    Args:
        url: Such as `http://127.0.0.1:8461`.
        instructions: Lists of instructions by method.
        options: `everyone=True`, `only="conditional"`, `once_per="invocation"`, `of="topics-*"`.
    """
    asked = Asked(url, {"instructions": instructions, **options})
    try:
        yield asked
    finally:
        asked.delete()
