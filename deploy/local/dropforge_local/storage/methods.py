"""Which method of the JSON API a request calls, by the name that Google gives it.

Paths are read from the raw request line, because `%2F` in an object's name is not a separator.
"""

from urllib.parse import unquote

from starlette.requests import Request

from dropforge_local.faults.instructions import DELIVERY, REQUEST, UPLOAD
from dropforge_local.storage.errors import Invalid, NotFound
from dropforge_local.storage.preconditions import Preconditions
from dropforge_local.storage.uploads import Uploads

_BY_VERB = {"GET": "get", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
_BY_PATH = {"compose": "compose", "moveTo": "move", "copyTo": "copy", "rewriteTo": "rewrite"}

INSERT = "storage.objects.insert"
NOTIFICATION = "notification"
FAULTS = {
    "storage.buckets.getStorageLayout": REQUEST,
    "storage.buckets.insert": REQUEST,
    "storage.buckets.list": REQUEST,
    "storage.objects.list": REQUEST,
    **{f"storage.buckets.{verb}": REQUEST for verb in _BY_VERB.values()},
    **{f"storage.objects.{verb}": REQUEST for verb in (*_BY_VERB.values(), *_BY_PATH.values())},
    INSERT: UPLOAD,
    NOTIFICATION: DELIVERY,
}
"""What can be made to go wrong, and how."""


def segments(request: Request) -> list[str]:
    """The path of a request, cut at its slashes and decoded.

    Raises:
        Invalid: it is not percent-encoded UTF-8.
    """
    path = request.scope["raw_path"].removeprefix(b"/resumable")  # which gsutil puts in front of uploads
    try:
        return [unquote(segment, errors="strict") for segment in path.decode("ascii").split("/")[1:]]
    except UnicodeDecodeError:
        raise Invalid("Invalid path: it is not percent-encoded UTF-8.") from None


def method_of(request: Request) -> str | None:
    """The method's name; None if there is no such method."""
    try:
        path = segments(request)
    except Invalid:
        return None
    match request.method, path:
        case "GET", ["download", "storage", "v1", "b", _, "o", _]:
            method = "storage.objects.get"
        case "POST" | "PUT", ["upload", "storage", "v1", "b", _, "o"]:
            method = INSERT
        case verb, ["storage", "v1", "b"]:
            method = {"GET": "storage.buckets.list", "POST": "storage.buckets.insert"}.get(verb, "")
        case verb, ["storage", "v1", "b", _]:
            method = f"storage.buckets.{_BY_VERB.get(verb)}"
        case "GET", ["storage", "v1", "b", _, "storageLayout"]:
            method = "storage.buckets.getStorageLayout"
        case "GET", ["storage", "v1", "b", _, "o"]:
            method = "storage.objects.list"
        case verb, ["storage", "v1", "b", _, "o", _]:
            method = f"storage.objects.{_BY_VERB.get(verb)}"
        case "POST", ["storage", "v1", "b", _, "o", _, how, *_]:
            method = f"storage.objects.{_BY_PATH.get(how)}"
        case _:
            return None
    return method if method in FAULTS else None


def is_conditional(request: Request, uploads: Uploads) -> bool:
    """Whether a request carries a precondition, or goes on with an upload that began with one."""
    query = request.query_params
    if upload := query.get("upload_id"):
        try:
            return uploads.get(upload).when != Preconditions()
        except NotFound:
            return False
    return any(name.startswith("if") and name.endswith("Match") for name in query)
