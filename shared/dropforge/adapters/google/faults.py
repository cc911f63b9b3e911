"""Google's errors, translated where they enter: the rest of Dropforge knows only its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

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
from dropforge.domain.text import without_secrets

# The most telling first: each is matched by class, and some are subclasses of others.
_TRANSLATIONS: tuple[tuple[type[Exception], type[DropforgeError]], ...] = (
    (api.PreconditionFailed, Conflict),
    (api.NotFound, Missing),
    (api.TooManyRequests, Exhausted),
    (api.Forbidden, NotPermitted),
    (api.Unauthorized, Misconfigured),
    (api.AlreadyExists, Conflict),
    (api.Conflict, Conflict),
    (api.ClientError, Refused),
    (api.GoogleAPIError, Unavailable),
    (auth.DefaultCredentialsError, Misconfigured),
    (auth.GoogleAuthError, Unavailable),
    (requests.RequestException, Unavailable),
    (TimeoutError, Unavailable),
    (ConnectionError, Unavailable),
)

# States that pass: a service agent that is just being made, a resource that another operation holds, a lost race.
_PASSING = frozenset({"FAILED_PRECONDITION", "ABORTED", "CANCELLED"})


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise our errors instead of Google's, with their words and without the secrets that these may hold.

    Args:
        what: What was being done, for the message: `reading gs://bucket/name`.
    """
    try:
        yield
    except tuple(theirs for theirs, _ in _TRANSLATIONS) as error:
        ours = next(ours for theirs, ours in _TRANSLATIONS if isinstance(error, theirs))
        if _status(error) in _PASSING:
            ours = Unavailable
        told = without_secrets(str(getattr(error, "message", None) or error))
        raise ours(f"{what}: {told}") from error


def _status(error: Exception) -> str:
    """The canonical status that a REST answer names beside its HTTP code: 400 and 409 stand for several."""
    response = getattr(error, "response", None)
    try:
        return str(response.json()["error"]["status"]) if response is not None else ""
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""
