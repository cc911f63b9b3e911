"""Requests for vectors go where they may: a token never goes over a line that others can read."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import google.auth
import pytest
from google.oauth2.credentials import Credentials

from dropforge.adapters.google.predictions import Predictions
from dropforge.domain.content import Text

ENDPOINT = "projects/p/locations/us-central1/endpoints/topics"


@contextmanager
def answering():
    """A server that answers every text with a vector: its address, and the path and the headers of all requests."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append((self.path, self.headers))
            instances = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            content = json.dumps({"predictions": [[1.0, 0.0]] * len(instances)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def token(monkeypatch):
    """Credentials are there, as on anybody's machine who has logged in."""
    monkeypatch.setattr(google.auth, "default", lambda **_: (Credentials("ya29.hunter2"), "p"))
    return "ya29.hunter2"


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("address", ["http://vertex.example", "here"])
def test_no_token_goes_over_an_open_line(monkeypatch, address):
    """Given an address that is not encrypted, of this machine or of another, expect the texts to go there, and no token."""
    with answering() as (here, asked):
        for name in ("http_proxy", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        if address != "here":
            monkeypatch.setenv("http_proxy", here)  # stands for the other machine
        predictions = Predictions(here if address == "here" else address, 6_000)
        assert predictions.by_endpoint(ENDPOINT, [Text("", "a text")], "DEFAULT") == [[1.0, 0.0]]
    [(path, headers)] = asked
    assert path.endswith(f"/v1/{ENDPOINT}:predict")
    assert headers.get_all("Authorization") is None
    assert "hunter2" not in str(headers)


def test_a_token_goes_where_the_line_is_encrypted(token):
    predictions = Predictions("us-central1-aiplatform.googleapis.com", 6_000)
    assert predictions._address.startswith("https://")
    assert predictions._session.credentials.token == token
