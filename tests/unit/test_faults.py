"""Google's errors become ours, by what the caller should do."""

import pytest
import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from dropforge.adapters.google.faults import translated
from dropforge.domain.errors import (
    Conflict,
    DropforgeError,
    Exhausted,
    Misconfigured,
    Missing,
    NotPermitted,
    Refused,
    Unavailable,
)


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


SIGNED = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.aHVudGVyMg"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("rejected: {'Authorization': 'Bearer hunter2=='}", "rejected: {'Authorization': 'Bearer (not shown)'}"),
        ("authorization: bearer hunter2, x", "authorization: bearer (not shown), x"),
        ("the token ya29.a0Af_hunter2-x has expired", "the token (not shown) has expired"),
        ("invalid_auth for xoxb-17-hunter2", "invalid_auth for (not shown)"),
        (f"GET /x?access_token={SIGNED}&alt=json", "GET /x?access_token=(not shown)&alt=json"),
        ("POST https://hooks.slack.com/services/T0/B0/hunter2: 404", "POST https://hooks.slack.com/(not shown): 404"),
        (
            "Max retries exceeded with url: /services/T0/B0/hunter2 (x)",
            "Max retries exceeded with url: /services/(not shown) (x)",
        ),
        ("the bearer of gs://topics/eye.eyes.tsv", "the bearer of gs://topics/eye.eyes.tsv"),
    ],
)
def test_the_words_of_an_error_are_passed_on_without_its_secrets(told, shown):
    for theirs in (api.BadRequest(told), requests.ConnectionError(told), auth.RefreshError(told)):
        with pytest.raises(DropforgeError) as caught, translated("reading x"):
            raise theirs
        assert str(caught.value) == f"reading x: {shown}"
        assert "hunter2" not in str(caught.value)


def test_a_bug_stays_a_bug():
    with pytest.raises(KeyError), translated("reading x"):
        raise KeyError("x")
