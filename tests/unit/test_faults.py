"""Google's errors become ours, by what the caller should do."""

import pytest
import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from dropforge.adapters.google.faults import translated
from dropforge.domain.errors import Conflict, Exhausted, Misconfigured, Missing, NotPermitted, Refused, Unavailable


def answered(code, status):
    """An error as the REST transport raises it."""
    response = requests.Response()
    response.status_code = code
    response._content = f'{{"error": {{"code": {code}, "status": "{status}", "message": "told"}}}}'.encode()
    response.request = requests.Request("POST", "http://127.0.0.1/v1/x").prepare()
    return api.from_http_response(response)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (api.PreconditionFailed("x"), Conflict),
        (api.NotFound("x"), Missing),
        (answered(429, "RESOURCE_EXHAUSTED"), Exhausted),
        (api.ResourceExhausted("x"), Exhausted),
        (answered(403, "PERMISSION_DENIED"), NotPermitted),
        (answered(401, "UNAUTHENTICATED"), Misconfigured),
        (answered(409, "ALREADY_EXISTS"), Conflict),
        (answered(409, "ABORTED"), Unavailable),
        (answered(400, "INVALID_ARGUMENT"), Refused),
        (answered(400, "FAILED_PRECONDITION"), Unavailable),
        (answered(503, "UNAVAILABLE"), Unavailable),
        (api.RetryError("x", None), Unavailable),
        (auth.DefaultCredentialsError("x"), Misconfigured),
        (auth.RefreshError("x"), Unavailable),
        (requests.ConnectionError("x"), Unavailable),
        (TimeoutError("x"), Unavailable),
    ],
)
def test_each_error_is_sorted(theirs, ours):
    with pytest.raises(ours, match=r"^reading x: ") as caught, translated("reading x"):
        raise theirs
    assert type(caught.value) is ours


def test_a_bug_stays_a_bug():
    with pytest.raises(KeyError), translated("reading x"):
        raise KeyError("x")
