"""How faults are asked for: the routes that every local server offers."""

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dropforge_local.faults.instructions import BadInstruction
from dropforge_local.faults.state import Faults, UnknownTest, Wanted


def routes(faults: Faults) -> list[Route]:
    """`/retry_test` and `/retry_tests`, as the package's docstring tells."""

    async def create(request: Request) -> Response:
        try:
            return _json(faults.add(msgspec.json.decode(await request.body(), type=Wanted)).resource())
        except (BadInstruction, msgspec.MsgspecError) as error:
            return PlainTextResponse(str(error), 400)

    async def show(request: Request) -> Response:
        try:
            return _json(faults[request.path_params["id"]].resource())
        except UnknownTest as error:
            return PlainTextResponse(str(error), 404)

    async def delete(request: Request) -> Response:
        try:
            faults.delete(request.path_params["id"])
        except UnknownTest as error:
            return PlainTextResponse(str(error), 404)
        return _json({})

    async def show_all(_: Request) -> Response:
        return _json({"retry_test": [test.resource() for test in faults]})

    return [
        Route("/retry_test", create, methods=["POST"]),
        Route("/retry_test/{id}", show, methods=["GET"]),
        Route("/retry_test/{id}", delete, methods=["DELETE"]),
        Route("/retry_tests", show_all, methods=["GET"]),
    ]


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
