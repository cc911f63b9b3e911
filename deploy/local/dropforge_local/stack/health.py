"""Does a server answer?"""

import http.client
import socket

from dropforge_local.serving import HOST

# A first answer can wait for imports on a busy machine; a probe that gave up sooner would only add to the queue.
_PATIENCE_SECONDS = 10


def accepts(port: int) -> bool:
    """Whether something accepts TCP connections on the port of 127.0.0.1."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(port: int) -> bool:
    """Whether `GET /` is answered, and not with a 5xx.

    A 4xx will do: a function that takes events has nothing to say to a GET, but it is there.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
