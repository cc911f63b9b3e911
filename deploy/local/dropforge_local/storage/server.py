"""The local Cloud Storage server: the wire around `state.Storage`.

    python -m dropforge_local.storage.server --port 8461 --dir .dropforge/storage --bucket state --notify drop=http://127.0.0.1:8470/

Clients find it by `STORAGE_EMULATOR_HOST=http://127.0.0.1:8461`.
"""

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from dropforge_local.faults.http import FaultyHttp
from dropforge_local.faults.routes import routes as fault_routes
from dropforge_local.faults.state import Faults
from dropforge_local.serving import HOST, arguments, serve
from dropforge_local.storage.batch import respond_to_batch
from dropforge_local.storage.delivery import Backoff, Courier
from dropforge_local.storage.errors import Invalid, NotModified, StorageError, no_room
from dropforge_local.storage.json_bodies import answer
from dropforge_local.storage.methods import FAULTS, is_conditional, method_of
from dropforge_local.storage.names import check_bucket_name
from dropforge_local.storage.routes import Routes
from dropforge_local.storage.state import Storage

_BATCH_PATHS = {"/batch", "/batch/storage/v1"}
_NOBODY_LISTENS = 499


def create_app(storage: Storage, *, base_url: str, backoff: Backoff) -> Starlette:
    """The server as an ASGI application that owns `storage`: it delivers notifications while it runs, and closes it.

    `base_url` is where the receivers of notifications find this server.
    """
    routes = Routes(storage)
    faults = Faults(FAULTS, knows_conditions=True)

    async def respond(request: Request) -> Response:
        if request.method == "POST" and request.url.path in _BATCH_PATHS:
            return await _respond_safely(request, _batch)
        return await _respond_safely(request, routes.respond)

    async def _batch(request: Request) -> Response:
        return await respond_to_batch(request, lambda call: _respond_safely(call, routes.respond))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        courier = asyncio.create_task(Courier(storage.outbox, base_url, backoff, faults).run())
        yield
        courier.cancel()
        await asyncio.wait([courier])
        storage.close()

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[*fault_routes(faults), Route("/{path:path}", respond, methods=methods)],
        middleware=[
            Middleware(
                FaultyHttp,
                faults=faults,
                method_of=method_of,
                is_conditional=lambda request: is_conditional(request, storage.uploads),
            )
        ],
        lifespan=lifespan,
    )


async def _respond_safely(request: Request, respond: Callable[[Request], Awaitable[Response]]) -> Response:
    """What `respond` answers, or its refusal as Google's JSON."""
    try:
        return await respond(request)
    except ClientDisconnect:
        return Response(status_code=_NOBODY_LISTENS)
    except StorageError as error:
        refusal = error
    except (OSError, sqlite3.OperationalError) as error:
        full = no_room(error)
        if full is None:
            raise
        refusal = full
    await _drain(request)
    if isinstance(refusal, NotModified):
        return Response(status_code=refusal.status)
    return answer(refusal.resource(), refusal.status)


async def _drain(request: Request) -> None:
    """Read what is left of a request: a client that is still sending would see a broken connection, not the answer."""
    with suppress(ClientDisconnect, RuntimeError):  # Starlette's RuntimeError says that nothing is left
        async for _ in request.stream():
            pass


def main() -> None:
    """Run the server as told on the command line."""
    parser = arguments("A local Cloud Storage that delivers finalize notifications as Eventarc does.")
    parser.add_argument(
        "--bucket",
        action="append",
        default=[],
        type=_bucket,
        metavar="NAME",
        help="a bucket to create if missing",
    )
    parser.add_argument(
        "--notify",
        action="append",
        default=[],
        type=_target,
        metavar="BUCKET=URL",
        help="where to POST the finalize events of a bucket; replaces what was stored for that bucket",
    )
    parser.add_argument("--minimum-backoff", type=float, default=0.5, metavar="S", help="seconds after a first failure")
    parser.add_argument("--maximum-backoff", type=float, default=10.0, metavar="S", help="seconds at most")
    options = parser.parse_args()
    try:
        storage = Storage(options.dir)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        sys.exit(f"{options.dir} is in use by another storage server.")
    for bucket in options.bucket:
        storage.buckets.ensure(bucket)
    for bucket, url in options.notify:
        storage.buckets.ensure(bucket, notify=url)
    backoff = Backoff(options.minimum_backoff, options.maximum_backoff)
    serve(create_app(storage, base_url=f"http://{HOST}:{options.port}", backoff=backoff), port=options.port)


def _bucket(text: str) -> str:
    try:
        return check_bucket_name(text)
    except Invalid as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _target(text: str) -> tuple[str, str]:
    bucket, _, url = text.partition("=")
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "http" and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"{text!r} is not BUCKET=http://HOST:PORT/PATH")
    return _bucket(bucket), url


if __name__ == "__main__":
    main()
