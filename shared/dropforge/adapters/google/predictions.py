"""Vectors of many texts, from Vertex AI's REST method `predict`: several requests at once, at a pace.

Google's own session makes the calls, and `wire` reads the answers. The generated client makes a message of every
single number, a hundred times as slowly: 12 ms for five vectors of 768, against 0.1 ms, while no other thread runs.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import google.auth
import requests
from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type
from google.auth import exceptions as auth
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from dropforge import wire
from dropforge.adapters.google.faults import translated
from dropforge.domain.catalogue import LIMITS, PREDICTING
from dropforge.domain.content import Text
from dropforge.domain.errors import Missing, Refused, Unreadable

Vectors = list[list[float]]

_AT_ONCE = 8  # requests
_PATIENCE = 60.0  # seconds for one call
_PERSEVERANCE = 90.0  # seconds for which a request is tried again: quotas are by the minute
_DOCUMENT = "RETRIEVAL_DOCUMENT"  # the one task type with which a base model takes a title
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
# No model reads more: eight characters a token is twice what English has. The rest would only make requests large.
_LONGEST = 8 * LIMITS.most_tokens
_BYTES_A_TOKEN = 3  # an estimate on the safe side; a request that has too many all the same is halved

_again = Retry(
    predicate=if_exception_type(
        api.TooManyRequests,
        api.ServerError,
        auth.TransportError,
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
    ),
    initial=0.5,
    maximum=15.0,
    timeout=_PERSEVERANCE,
)


class Predictions:
    """Embeds texts with the models of one Vertex AI."""

    def __init__(self, address: str, a_minute: int) -> None:
        """Keep the address and the pace; nothing is asked yet.

        Args:
            address: The API's host; or, of a stand-in on this machine, its `http://` address.
            a_minute: Requests that the threads of this process send in a minute, at most.
        """
        self._address = address if address.startswith("http://") else f"https://{address}"
        self._throttle = Throttle(a_minute)

    def by_endpoint(self, endpoint: str, texts: Sequence[Text], task_type: str) -> Vectors:
        """See `ModelHost.embed`."""

        def ask(some: Sequence[Text]) -> Vectors:
            # A tuned model wants all three fields in each, however empty.
            instances = [
                {"content": text.text, "task_type": task_type, "title": text.title} for text in map(_readable, some)
            ]
            return self._ask(endpoint, {"instances": instances})

        return _all(ask, _requests(texts, PREDICTING.tuned_texts))

    def by_base(self, model: str, texts: Sequence[Text], task_type: str, dimensions: int | None) -> Vectors:
        """See `ModelHost.embed_by_base`.

        Args:
            model: The publisher model's resource name.
            texts: What to embed.
            task_type: What for.
            dimensions: The vectors' length; None for the model's own.
        """
        parameters = {"parameters": {"outputDimensionality": dimensions}} if dimensions else {}

        def ask(some: Sequence[Text]) -> Vectors:
            instances = [
                {"content": text.text, "task_type": task_type}
                | ({"title": text.title} if text.title and task_type == _DOCUMENT else {})
                for text in map(_readable, some)
            ]
            try:
                return self._ask(model, {"instances": instances} | parameters)
            except Missing as error:
                raise Refused(f"{error}: name a base model that Vertex AI still serves") from error
            except Refused as error:
                half = len(some) // 2
                if not half or "token" not in str(error):
                    raise
            return ask(some[:half]) + ask(some[half:])

        return _all(ask, _requests(texts, PREDICTING.base_texts, PREDICTING.base_tokens))

    def _ask(self, model: str, request: dict[str, Any]) -> Vectors:
        what, body = f"embedding with {model}", wire.encode(request)
        with translated(what):
            try:
                content = _again(self._post)(f"{self._address}/v1/{model}:predict", body)
            except api.RetryError as error:
                raise error.cause from error
        try:
            answer = wire.decode(content, _Answer, f"the answer of {model}")
        except Unreadable as error:
            raise Refused(f"{error}: it does not serve a model that embeds texts") from error
        vectors = [each if isinstance(each, list) else each.embeddings.values for each in answer.predictions]
        if len(vectors) != len(request["instances"]):
            raise Refused(f"{what}: {len(vectors)} vectors were answered for {len(request['instances'])} texts")
        return vectors

    def _post(self, url: str, body: bytes) -> bytes:
        self._throttle.keep()
        headers = {"Content-Type": "application/json"}
        answer = self._session.post(url, data=body, headers=headers, timeout=_PATIENCE)
        if answer.status_code != requests.codes.ok:
            raise api.from_http_response(answer)
        return bytes(answer.content)

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 - Google's session has no types
        if self._address.startswith("http://"):
            return AuthorizedSession(AnonymousCredentials())  # a token must never go over an unencrypted line
        credentials, _ = google.auth.default(scopes=_SCOPES)
        return AuthorizedSession(credentials)


class Throttle:
    """Lets `a_minute` requests through each minute, evenly spaced, whichever threads send them."""

    def __init__(self, a_minute: int) -> None:
        self._apart = 60 / a_minute  # seconds
        self._next = 0.0
        self._lock = threading.Lock()

    def keep(self) -> None:
        """Return when it is the caller's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._apart
        time.sleep(turn - now)


@dataclass(frozen=True, slots=True)
class _Values:
    values: list[float]


@dataclass(frozen=True, slots=True)
class _Embedding:
    embeddings: _Values


@dataclass(frozen=True, slots=True)
class _Answer:
    """A tuned endpoint answers bare vectors, a base model wraps them."""

    predictions: list[list[float] | _Embedding]


def _all(ask: Callable[[Sequence[Text]], Vectors], requests: Iterator[Sequence[Text]]) -> Vectors:
    """Ask several at once; the answers in the order of the requests. Once one has failed, no further one is begun."""
    pool = ThreadPoolExecutor(_AT_ONCE)  # it starts no thread before there is something to do
    try:
        return [vector for vectors in pool.map(ask, requests) for vector in vectors]
    finally:
        pool.shutdown(cancel_futures=True)


def _requests(texts: Sequence[Text], most: int, most_tokens: int | None = None) -> Iterator[Sequence[Text]]:
    """The texts in requests of at most `most` texts, and at most `most_tokens` tokens by our estimate."""
    begin = tokens = 0
    for place, text in enumerate(texts):
        size = _tokens(text) if most_tokens else 0
        if place > begin and (place - begin == most or (most_tokens and tokens + size > most_tokens)):
            yield texts[begin:place]
            begin, tokens = place, 0
        tokens += size
    if begin < len(texts):
        yield texts[begin:]


def _tokens(text: Text) -> int:
    readable = _readable(text)
    return 1 + len(readable.title.encode() + readable.text.encode()) // _BYTES_A_TOKEN


def _readable(text: Text) -> Text:
    """As much of a text as a model may read."""
    return Text(text.title[:_LONGEST], text.text[:_LONGEST])
