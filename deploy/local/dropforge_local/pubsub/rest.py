"""The REST face: the same methods as JSON over HTTP, for `gcloud pubsub` and curl."""

import json
import re
from http import HTTPStatus

from google.protobuf import json_format
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dropforge_local.pubsub.errors import InvalidArgument, PubsubError
from dropforge_local.pubsub.protos import Proto
from dropforge_local.pubsub.service import PUBLISHER, SUBSCRIBER, Service

_STATUS = {
    "ALREADY_EXISTS": HTTPStatus.CONFLICT,
    "FAILED_PRECONDITION": HTTPStatus.BAD_REQUEST,
    "INVALID_ARGUMENT": HTTPStatus.BAD_REQUEST,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
}
_METHODS = PUBLISHER | SUBSCRIBER

# What is called: HTTP verb, path, method, and the field of its request that the path's name goes into.
# Source: "Cloud Pub/Sub API", https://cloud.google.com/pubsub/docs/reference/rest
_PROJECT, _TOPIC, _SUBSCRIPTION, _SNAPSHOT = (
    rf"(projects/[^/]+{rest})" for rest in ("", "/topics/[^/:]+", "/subscriptions/[^/:]+", "/snapshots/[^/:]+")
)
_PATHS = [
    (verb, re.compile(path), method, field)
    for verb, path, method, field in (
        ("PUT", _TOPIC, "CreateTopic", "name"),
        ("GET", _TOPIC, "GetTopic", "topic"),
        ("PATCH", _TOPIC, "UpdateTopic", "topic.name"),
        ("DELETE", _TOPIC, "DeleteTopic", "topic"),
        ("POST", f"{_TOPIC}:publish", "Publish", "topic"),
        ("GET", f"{_PROJECT}/topics", "ListTopics", "project"),
        ("GET", f"{_TOPIC}/subscriptions", "ListTopicSubscriptions", "topic"),
        ("GET", f"{_TOPIC}/snapshots", "ListTopicSnapshots", "topic"),
        ("PUT", _SUBSCRIPTION, "CreateSubscription", "name"),
        ("GET", _SUBSCRIPTION, "GetSubscription", "subscription"),
        ("PATCH", _SUBSCRIPTION, "UpdateSubscription", "subscription.name"),
        ("DELETE", _SUBSCRIPTION, "DeleteSubscription", "subscription"),
        ("POST", f"{_SUBSCRIPTION}:pull", "Pull", "subscription"),
        ("POST", f"{_SUBSCRIPTION}:acknowledge", "Acknowledge", "subscription"),
        ("POST", f"{_SUBSCRIPTION}:modifyAckDeadline", "ModifyAckDeadline", "subscription"),
        ("POST", f"{_SUBSCRIPTION}:modifyPushConfig", "ModifyPushConfig", "subscription"),
        ("POST", f"{_SUBSCRIPTION}:seek", "Seek", "subscription"),
        ("POST", f"{_SUBSCRIPTION}:detach", "DetachSubscription", "subscription"),
        ("GET", f"{_PROJECT}/subscriptions", "ListSubscriptions", "project"),
        ("PUT", _SNAPSHOT, "CreateSnapshot", "name"),
        ("GET", _SNAPSHOT, "GetSnapshot", "snapshot"),
        ("PATCH", _SNAPSHOT, "UpdateSnapshot", "snapshot.name"),
        ("DELETE", _SNAPSHOT, "DeleteSnapshot", "snapshot"),
        ("GET", f"{_PROJECT}/snapshots", "ListSnapshots", "project"),
    )
]


def routes(service: Service) -> list[Route]:
    """Where the service answers: `/v1/...` as Google's does, `/` for health, `/_local/status` for figures."""

    async def call(request: Request) -> Response:
        try:
            method, message = _read(request.method, request.path_params["path"], await _fields(request))
            return JSONResponse(json_format.MessageToDict(await service.call(method, message)))
        except PubsubError as error:
            return _error(_STATUS[error.status], error.status, str(error))
        except LookupError:
            return _error(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"No such method: {request.method} {request.url.path}")

    async def health(_: Request) -> Response:
        return JSONResponse({"service": "pubsub"})

    async def status(_: Request) -> Response:
        return JSONResponse(service.state.status())

    verbs = ["GET", "PUT", "POST", "PATCH", "DELETE"]
    return [Route("/", health), Route("/_local/status", status), Route("/v1/{path:path}", call, methods=verbs)]


def method_of(request: Request) -> str | None:
    """The name of the method that a request calls; None if there is no such method."""
    try:
        return _find(request.method, request.url.path.removeprefix("/v1/"))[0]
    except LookupError:
        return None


async def _fields(request: Request) -> dict[str, object]:
    """The request's JSON body and its query parameters, which share one space of names."""
    body = await request.body()
    try:
        fields = json.loads(body or "{}")
    except ValueError as error:
        raise InvalidArgument(f"The request's body is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidArgument("The request's body is no JSON object.")
    return {**request.query_params, **fields}


def _read(verb: str, path: str, fields: dict[str, object]) -> tuple[str, Proto]:
    """The method that is meant, and its request.

    Raises:
        LookupError: no method has this verb and path.
        InvalidArgument: the fields are not those of its request.
    """
    method, field, name = _find(verb, path)
    message = _METHODS[method][0]()
    try:
        json_format.ParseDict(fields, message, ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise InvalidArgument(f"Invalid JSON for {method}: {error}") from error
    owner, _, last = field.rpartition(".")
    setattr(getattr(message, owner) if owner else message, last, name)
    return method, message


def _find(verb: str, path: str) -> tuple[str, str, str]:
    """The method that has this verb and path, the field of its request for the path's name, and that name.

    Raises:
        LookupError: there is none.
    """
    for known_verb, pattern, method, field in _PATHS:
        if verb == known_verb and (match := pattern.fullmatch(path)):
            return method, field, match[1]
    raise LookupError(path)


def _error(code: HTTPStatus, status: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, "status": status}}, status_code=code)
