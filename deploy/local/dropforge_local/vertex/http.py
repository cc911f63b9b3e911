"""What every handler needs: reading a request, writing an answer or an error."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dropforge_local.vertex import wire
from dropforge_local.vertex.errors import ApiError, Status, invalid
from dropforge_local.vertex.filters import camel
from dropforge_local.vertex.listing import ListRequest, page
from dropforge_local.vertex.service import Vertex
from dropforge_local.vertex.state import Members, Resource


def vertex_of(request: Request) -> Vertex:
    """The parts of the server, with every operation that is due finished."""
    vertex: Vertex = request.app.state.vertex
    vertex.operations.settle()
    return vertex


def name_of(request: Request) -> str:
    """The name of the resource or collection that is asked for: the path without its version and its verb."""
    path: str = request.scope["path"].removeprefix(request.scope["root_path"] + "/")
    head, separator, last = path.rpartition("/")
    return head + separator + last.partition(":")[0]


def location_of(request: Request) -> str:
    """`projects/P/locations/L`."""
    return f"projects/{request.path_params['project']}/locations/{request.path_params['location']}"


def query_of(request: Request, name: str) -> str:
    """A query parameter, which may be spelled in snake case or camel case."""
    return next((value for key, value in request.query_params.items() if camel(key) == name), "")


def shown(request: Request, resource: Resource, message: Any) -> JSONResponse:  # noqa: ANN401 - see wire.parse
    """A resource as the answer."""
    return JSONResponse(wire.render(resource, message, integer_enums=_integer_enums(request)))


def listed(request: Request, members: Members, message: Any) -> JSONResponse:  # noqa: ANN401 - see wire.parse
    """A page of a collection as the answer; with a read mask, only of the fields that it names."""
    size = query_of(request, "pageSize") or "0"
    if not size.removeprefix("-").isdecimal():
        raise invalid(f"page_size {size!r} is no number.")
    wanted = ListRequest(
        filter=query_of(request, "filter"),
        order_by=query_of(request, "orderBy"),
        page_size=int(size),
        page_token=query_of(request, "pageToken"),
    )
    resources, token = page(members, wanted)
    if fields := {camel(path.partition(".")[0].strip()) for path in query_of(request, "readMask").split(",") if path}:
        resources = [{key: value for key, value in one.items() if key in fields} for one in resources]
    collection, integer_enums = name_of(request).rpartition("/")[2], _integer_enums(request)
    answer: Resource = {collection: [wire.render(one, message, integer_enums=integer_enums) for one in resources]}
    return JSONResponse(answer | ({"nextPageToken": token} if token else {}))


def _integer_enums(request: Request) -> bool:
    return "enum-encoding=int" in request.query_params.get("$alt", "")


async def body_of(request: Request, message: Any) -> Resource:  # noqa: ANN401 - see wire.parse
    """The request's body as a resource; `v1beta1` knows fields that `v1` does not."""
    return wire.parse(await request.body(), message, known_only=request.scope["root_path"] != "/v1beta1")


async def answer_error(_: Request, error: ApiError) -> Response:
    """An error that the service tells its caller."""
    return JSONResponse(error.answer(), status_code=error.status.http)


async def answer_http_error(request: Request, error: HTTPException) -> Response:
    """A path or a method that the API does not have."""
    missing = ApiError(Status.NOT_FOUND, f"{request.method} {request.url.path} is no method of the local Vertex AI.")
    return JSONResponse(missing.answer(), status_code=error.status_code)


async def answer_bug(_: Request, error: Exception) -> Response:
    """A failure of the server itself; its traceback is in the log."""
    return JSONResponse(ApiError(Status.INTERNAL, f"Internal error encountered: {error!r}").answer(), status_code=500)
