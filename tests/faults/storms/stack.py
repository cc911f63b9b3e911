"""A stack in a storm: it is asked again for as long as it takes, wherever its servers are by then."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
from faults.storms.folders import folder
from support.servers import eventually
from support.stack import PROJECT, Stack

LOCATION = f"{PROJECT}/locations/us-central1"
TOPOLOGY = json.loads((Path(__file__).parents[3] / "deploy" / "topology.json").read_bytes())
PUBLIC = [name for name, topic in TOPOLOGY["topics"].items() if topic["public"]]
_VARIABLES = {
    "storage": "STORAGE_EMULATOR_HOST",
    "pubsub": "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB",
    "vertex": "DROPFORGE_VERTEX_ENDPOINT",
    "slack": "DROPFORGE_SLACK_URL",
}
_PATIENCE = 120  # seconds for a server to come back, on a machine that has much else to do
_UPLOADERS = 8


@dataclass(frozen=True)
class Part:
    """A process that the supervisor keeps, as it stood a moment ago."""

    name: str
    url: str
    process: psutil.Process | None


class StormyStack(Stack):
    """A stack whose servers may be gone at any moment."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._client = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=100))

    def down(self) -> None:
        super().down()
        self._client.close()

    def url(self, server: str) -> str:
        """Where a local server is now; no slash at the end."""
        return self.variables[_VARIABLES[server]].partition("/services/")[0].rstrip("/")

    def ask(self, server: str, method: str, path: str, **options: Any) -> httpx.Response:
        """A server's answer to a request that may be made twice."""

        def answered() -> httpx.Response | None:
            with suppress(httpx.TransportError):
                answer = self._client.request(method, f"{self.url(server)}{path}", **options)
                return answer if answer.status_code < 500 else None

        return eventually(answered, seconds=_PATIENCE, otherwise=lambda: f"{method} {server}{path} was not answered")

    def parts(self) -> list[Part]:
        """Everything that runs, and the supervisor itself."""
        record = json.loads((self.home / ".dropforge" / "stack.json").read_bytes())
        supervisor = Part("supervisor", "", _process(record["supervisor"]))
        return [supervisor, *(Part(one["name"], one["url"], _process(one["identity"])) for one in record["processes"])]

    # Dropping

    def drop_many(self, names: Iterable[str], *, deploy: str = "always", within: float = 0) -> float:
        """Drop a folder of each name, evenly spread over `within` seconds or as fast as can be; says how long it took."""
        began, wanted = time.monotonic(), list(names)

        def drop(number: int) -> None:
            time.sleep(max(0.0, began + within * number / len(wanted) - time.monotonic()))
            for name, data in folder(wanted[number], deploy=deploy).items():
                self._upload(f"datasets/{wanted[number]}/{name}", data)

        with ThreadPoolExecutor(_UPLOADERS) as pool:
            list(pool.map(drop, range(len(wanted))))
        return time.monotonic() - began

    def _upload(self, name: str, data: bytes) -> None:
        # Made once: where the answer was lost, the file must not be replaced by itself, which would be another drop.
        query = {"uploadType": "media", "name": name, "ifGenerationMatch": "0"}
        headers = {"x-goog-gcs-idempotency-token": uuid4().hex}
        path = "/upload/storage/v1/b/dropforge-drop/o"
        answer = self.ask("storage", "POST", path, params=query, headers=headers, content=data)
        assert answer.status_code in {200, 412}, answer.text

    # Looking

    def objects(self, prefix: str, bucket: str = "dropforge-state") -> list[dict[str, Any]]:
        """The resources of a bucket's objects below a prefix."""
        return list(self._pages("storage", f"/storage/v1/b/{bucket}/o", "items", {"prefix": prefix}))

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """Vertex's own list of a kind, such as `pipelineJobs`."""
        return list(self._pages("vertex", f"/v1/{LOCATION}/{kind}", kind, {"pageSize": "100"}))

    def messages(self) -> list[str]:
        """The headline of every message that Slack took, the newest last."""
        return [message["text"] for message in self.ask("slack", "GET", "/_local/messages").json()]

    def is_idle(self) -> bool:
        """Whether no event is on its way to a function, but for ticks, of which there is always one."""
        waiting = self.ask("pubsub", "GET", "/_local/status").json()
        pushed = {name.rpartition("/")[2]: backlog for name, backlog in waiting.items()}
        owed = sum(one["backlog"] for name, one in pushed.items() if name.partition(".")[2] in PUBLIC)
        return not owed and not self.ask("storage", "GET", "/_local/outbox").json()["pending"]

    def log_lines(self, holding: str) -> int:
        """How many lines of all logs hold this; logs are cut down when they grow beyond a megabyte."""
        logs = (self.home / ".dropforge" / "logs").glob("*.log")
        return sum(line.count(holding) > 0 for log in logs for line in log.read_text(errors="replace").splitlines())

    def _pages(self, server: str, path: str, field: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            page = self.ask(server, "GET", path, params=query | ({"pageToken": token} if token else {})).json()
            yield from page.get(field, [])
            token = page.get("nextPageToken", "")
            if not token:
                return


@contextmanager
def stormy_stack(home: Path) -> Iterator[StormyStack]:
    """A stack in a folder, up; nothing of it is left running."""
    stack = StormyStack(home)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def _process(identity: dict[str, Any] | None) -> psutil.Process | None:
    if identity is None:
        return None
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(identity["pid"])
        if abs(process.create_time() - identity["created"]) < 2:  # a number may be another's by now
            return process
    return None
