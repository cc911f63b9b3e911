"""A server that answers for a project as Google's REST interfaces do, on this machine: whatever a test puts into it.

Shapes: https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet,
https://cloud.google.com/resource-manager/reference/rest/v1/projects (get, getIamPolicy, testIamPermissions),
https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/testIamPermissions,
https://cloud.google.com/storage/docs/json_api/v1/notifications/list and .../buckets/getIamPolicy,
https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/getIamPolicy,
https://cloud.google.com/docs/quotas/reference/rest/v1/projects.locations.services.quotaInfos/list,
https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/get;
errors: https://cloud.google.com/apis/design/errors#http_mapping
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from dropforge.adapters.google.project import Addresses, GoogleProject

FORBIDDEN = (403, {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Permission denied."}})
NOT_FOUND = (404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "It does not exist."}})


@dataclass
class Google:
    """What it answers.

    Attributes:
        answers: By verb and path: a status with a body, or a body.
        enabled: Which APIs are.
        allowed: Which permissions the caller has.
        quotas: The entries of the list of quotas, in pages of one.
        asked: The verb, path and query of every request.
        tokens: What came in the header `Authorization`.
    """

    answers: dict[str, object] = field(default_factory=dict)
    enabled: set[str] = field(default_factory=set)
    allowed: set[str] = field(default_factory=set)
    quotas: list[dict] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def respond(self, verb: str, target: str, body: dict) -> tuple[int, dict]:
        parts = urlsplit(target)
        path, query = unquote(parts.path), parse_qs(parts.query)
        self.asked.append((verb, path, query))
        if given := self.answers.get(f"{verb} {path}"):
            return given if isinstance(given, tuple) else (200, given)
        match verb, path.rpartition("/")[2].rpartition(":")[2]:
            case "GET", "batchGet":
                names = query["names"]
                assert len(names) <= 30, "a single request gets at most 30 services"
                states = [{"name": name, "state": self._state(name)} for name in names]
                return 200, {"services": states}
            case "POST", "testIamPermissions":
                held = [each for each in body["permissions"] if each in self.allowed]
                return 200, {"permissions": held} if held else {}
            case "GET", "quotaInfos":
                place = int(query.get("pageToken", ["0"])[0])
                more = {"nextPageToken": str(place + 1)} if place + 1 < len(self.quotas) else {}
                return 200, {"quotaInfos": self.quotas[place : place + 1], **more}
        return NOT_FOUND

    def _state(self, name: str) -> str:
        return "ENABLED" if name.rpartition("/")[2] in self.enabled else "DISABLED"


@contextmanager
def google() -> Iterator[tuple[Google, GoogleProject]]:
    """The server's state, and the adapter that asks it."""
    answering = Google()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict) -> None:
            answering.tokens.extend(self.headers.get_all("Authorization", []))
            status, answer = answering.respond(self.command, self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        here = f"http://127.0.0.1:{server.server_port}"
        yield answering, GoogleProject("p", Addresses(**dict.fromkeys((each.name for each in fields(Addresses)), here)))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
