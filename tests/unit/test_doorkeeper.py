"""Who stands at the console's door: only what Identity-Aware Proxy's key signed for this console is believed."""

import base64
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from dropforge.adapters.google.doorkeeper import IdentityAwareProxy
from dropforge.domain.errors import NotPermitted, Unavailable
from dropforge.wire import as_text

AUDIENCE = "/projects/1/locations/us-central1/services/console"
KEY, ANOTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
SAID = {"iss": "https://cloud.google.com/iap", "aud": AUDIENCE, "email": "ada@acme.example", "sub": "1"}


@pytest.fixture(scope="module")
def keys():
    """Where the proxy's public key is published, in the form in which Google publishes it."""
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    class Published(BaseHTTPRequestHandler):
        def do_GET(self):
            body = as_text({"one": pem.decode()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Published)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def signed(key=KEY, algorithm="ES256", age=0, **said):
    now = int(time.time()) - age
    head = as_text({"alg": algorithm, "typ": "JWT", "kid": "one"}).encode()
    body = as_text({"iat": now, "exp": now + 600} | SAID | said).encode()
    text = part(head) + b"." + part(body)
    r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
    return (text + b"." + part(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


def test_whom_the_proxy_let_in_is_known(keys):
    headers = {"x-goog-iap-jwt-assertion": signed()}
    assert IdentityAwareProxy(AUDIENCE, keys).who(headers) == "ada@acme.example"


@pytest.mark.parametrize(
    "assertion",
    [
        "",
        "not.a.token",
        signed(ANOTHER),
        signed(algorithm="none"),
        signed(age=3600),
        signed(aud="/projects/1/locations/us-central1/services/another"),
        signed(iss="https://accounts.google.com"),
        signed(email=""),
        signed(email=None),
    ],
    ids=["none", "no token", "another key", "no algorithm", "old", "for another", "by another", "no address", "null"],
)
def test_whatever_else_is_said_is_not_believed(keys, assertion):
    headers = {
        "x-goog-iap-jwt-assertion": assertion,
        "x-goog-authenticated-user-email": "accounts.google.com:eve@acme.example",
    }
    with pytest.raises(NotPermitted):
        IdentityAwareProxy(AUDIENCE, keys).who(headers)


def test_without_the_keys_nobody_can_be_known():
    headers = {"x-goog-iap-jwt-assertion": signed()}
    with pytest.raises(Unavailable):
        IdentityAwareProxy(AUDIENCE, "http://127.0.0.1:1/").who(headers)
