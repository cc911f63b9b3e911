"""The local Vertex AI as an application and as a process."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from dropforge_local import serving
from dropforge_local.faults.http import FaultyHttp
from dropforge_local.faults.routes import routes as fault_routes
from dropforge_local.faults.state import Faults
from dropforge_local.vertex import wire
from dropforge_local.vertex.errors import ApiError, invalid
from dropforge_local.vertex.happenings import HAPPENINGS
from dropforge_local.vertex.http import answer_bug, answer_error, answer_http_error, vertex_of
from dropforge_local.vertex.job_events import JobEvents
from dropforge_local.vertex.pipeline_jobs import Quotas
from dropforge_local.vertex.routes import API, FAULTS, LOCAL, method_of, resource_of
from dropforge_local.vertex.service import assemble
from dropforge_local.vertex.state import State


def create_app(
    folder: Path,
    *,
    operation_seconds: float = 1.0,
    quotas: Quotas | None = None,
    tuners: int = 1,
    job_events: JobEvents | None = None,
) -> Starlette:
    """The server's application, with its state in `folder`; at most `tuners` jobs are tuned at a time."""
    state = State(folder)
    faults = Faults(FAULTS | HAPPENINGS, knows_resources=True, kept=state.notes("retry test"))
    vertex = assemble(
        folder,
        state,
        faults,
        operation_seconds=operation_seconds,
        quotas=quotas or Quotas(),
        tuners=tuners,
        ended=job_events.tell if job_events else lambda _: None,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.vertex = vertex
        tuning = asyncio.create_task(vertex.tuners.run())
        tuning.add_done_callback(end_loudly)
        yield
        tuning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tuning
        vertex.state.close()

    routes: list[BaseRoute] = [
        *fault_routes(faults),
        Route("/", health),
        Route("/_local/status", status),
        Route("/_local/quotas", change_quotas, methods=["POST"]),
        Mount("/_local", routes=LOCAL),
        # Clients poll operations below /ui as well.
        *(Mount(f"/{prefix}", routes=API) for prefix in ("v1", "v1beta1", "ui")),
    ]
    handlers: dict[Any, Any] = {ApiError: answer_error, HTTPException: answer_http_error, Exception: answer_bug}
    return Starlette(
        routes=routes,
        middleware=[Middleware(FaultyHttp, faults=faults, method_of=method_of, resource_of=resource_of)],
        lifespan=lifespan,
        exception_handlers=handlers,
    )


def end_loudly(tuning: asyncio.Task[None]) -> None:
    """A server that cannot run jobs any more ends, so that whoever watches it starts it again; its jobs go on then."""
    if not tuning.cancelled():
        signal.raise_signal(signal.SIGTERM)


async def health(_: Request) -> Response:
    """That the server is there."""
    return JSONResponse({"status": "ok"})


async def status(request: Request) -> Response:
    """How many jobs are in each state, how many operations are under way, how many submissions were beyond a quota."""
    vertex = vertex_of(request)
    return JSONResponse(
        {
            "pipeline_jobs": vertex.state.count_states(),
            "operations": len(vertex.state.pending_operations()),
            "refused": dict(vertex.jobs.refused),
        }
    )


async def change_quotas(request: Request) -> Response:
    """Set some of the `Quotas` until the server stops; answer all."""
    quotas = vertex_of(request).jobs.quotas
    for name, limit in wire.parse_json(await request.body()).items():
        if name not in vars(quotas) or not isinstance(limit, int) or limit < 0:
            raise invalid(f"{name}: {limit!r} is no quota; {', '.join(vars(quotas))} are, as non-negative integers.")
        setattr(quotas, name, limit)
    return JSONResponse(vars(quotas))


def main() -> None:
    """Serve until asked to stop."""
    parser = serving.arguments("A local Vertex AI that tunes a bundled text-embedding model.")
    parser.add_argument(
        "--operation-seconds", type=float, default=1.0, help="how long an operation such as a deployment takes"
    )
    parser.add_argument("--job-quota", type=int, default=Quotas.concurrent_jobs, help="concurrent pipeline jobs")
    parser.add_argument(
        "--submissions-per-minute",
        type=int,
        default=Quotas.submissions_per_minute,
        help="pipeline jobs submitted a minute",
    )
    parser.add_argument("--tuners", type=int, default=1, help="jobs tuned at the same time")
    parser.add_argument(
        "--job-events",
        metavar="TOPIC",
        help="projects/P/topics/T that is told of every job's end, as a log sink does; off by default",
    )
    options = parser.parse_args()
    if not urlsplit(os.environ.get("STORAGE_EMULATOR_HOST", "")).hostname:
        parser.error(
            "STORAGE_EMULATOR_HOST must be the address of the local storage server, where the jobs' files are."
        )
    quotas = Quotas(options.job_quota, options.submissions_per_minute)
    if options.job_events and not os.environ.get("PUBSUB_EMULATOR_HOST"):
        parser.error(
            "PUBSUB_EMULATOR_HOST must be the address of the local Pub/Sub server, which has --job-events' topic."
        )
    app = create_app(
        options.dir,
        operation_seconds=options.operation_seconds,
        quotas=quotas,
        tuners=options.tuners,
        job_events=JobEvents(options.job_events) if options.job_events else None,
    )
    serving.serve(app, port=options.port)


if __name__ == "__main__":
    main()
