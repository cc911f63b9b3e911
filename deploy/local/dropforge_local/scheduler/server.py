"""The wire of the local scheduler.

    python -m dropforge_local.scheduler.server --port N --dir DIR --project P --schedule NAME=TOPIC=SECONDS ...

Ticks go through google-cloud-pubsub to the server that `PUBSUB_EMULATOR_HOST` names.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dropforge_local.faults.instructions import TICK
from dropforge_local.faults.routes import routes as fault_routes
from dropforge_local.faults.state import Faults
from dropforge_local.scheduler.publisher import NotPublished, TickPublisher
from dropforge_local.scheduler.state import Schedule, Schedules
from dropforge_local.scheduler.ticker import METHOD, Ticker
from dropforge_local.serving import arguments, serve


class SchedulerServer:
    """Keeps the schedules while the application runs, and tells about them."""

    def __init__(self, schedules: Iterable[Schedule], *, project: str, folder: Path) -> None:
        self._progress = Schedules(schedules, folder)
        self._faults = Faults({METHOD: TICK})
        self._ticker = Ticker(self._progress, TickPublisher(project), self._faults)

    def app(self) -> Starlette:
        """The ASGI application; it ticks from startup to shutdown."""
        return Starlette(
            routes=[
                Route("/", self.health),
                Route("/_local/schedules", self.list_schedules),
                Route("/_local/schedules/{name}:run", self.run_now, methods=["POST"]),
                *fault_routes(self._faults),
            ],
            lifespan=self._lifespan,
        )

    async def health(self, _request: Request) -> Response:
        """It is there."""
        return PlainTextResponse("ok")

    async def list_schedules(self, _request: Request) -> Response:
        """Every schedule's report."""
        return _json([self._progress.report(schedule, time.time()) for schedule in self._progress])

    async def run_now(self, request: Request) -> Response:
        """Publish one tick at once; those on the grid come as if it had not been."""
        name = request.path_params["name"]
        try:
            schedule = self._progress[name]
            await self._ticker.run(schedule, time.time())
        except KeyError:
            return PlainTextResponse(f"There is no schedule {name!r}.", 404)
        except NotPublished as error:
            return PlainTextResponse(f"The tick was not published: {error}", 503)
        return _json(self._progress.report(schedule, time.time()))

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        keepers = [asyncio.create_task(self._ticker.keep(schedule)) for schedule in self._progress]
        yield
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        self._progress.close()


def create_app(schedules: Iterable[Schedule], *, project: str, folder: Path) -> Starlette:
    """The server as an ASGI application, with its progress in `folder`."""
    return SchedulerServer(schedules, project=project, folder=folder).app()


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _schedule(text: str) -> Schedule:
    name, topic, seconds = text.split("=")
    schedule = Schedule(name, topic, float(seconds))
    if schedule.seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: the interval must be more than 0 seconds")
    return schedule


def main() -> None:
    """Tick until asked to stop."""
    parser = arguments("A local Cloud Scheduler.")
    parser.add_argument("--project", required=True, help="project whose topics are ticked")
    parser.add_argument("--schedule", type=_schedule, action="append", default=[], metavar="NAME=TOPIC=SECONDS")
    options = parser.parse_args()
    serve(create_app(options.schedule, project=options.project, folder=options.dir), port=options.port)


if __name__ == "__main__":
    main()
