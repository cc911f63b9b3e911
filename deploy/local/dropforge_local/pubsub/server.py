"""The Pub/Sub server: gRPC on one port, REST on another, one process.

    python -m dropforge_local.pubsub.server --port 8085 --rest-port 8086 --dir .dropforge/pubsub

Clients find it by PUBSUB_EMULATOR_HOST=127.0.0.1:8085, `gcloud pubsub` by
CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://127.0.0.1:8086/.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import NoReturn

import grpc
from google.protobuf import any_pb2
from google.pubsub_v1 import types
from google.rpc import code_pb2, error_details_pb2, status_pb2
from starlette.applications import Starlette
from starlette.middleware import Middleware

from dropforge_local.faults.http import FaultyHttp
from dropforge_local.faults.routes import routes as fault_routes
from dropforge_local.faults.state import Faults
from dropforge_local.pubsub.errors import InvalidAckIds, PubsubError
from dropforge_local.pubsub.faulty import FAULTS, STREAMING_PULL, AskedFor, carry_out, open_stream, taken
from dropforge_local.pubsub.journal import Journal
from dropforge_local.pubsub.protos import Methods, Proto
from dropforge_local.pubsub.rest import method_of, routes
from dropforge_local.pubsub.service import PUBLISHER, SUBSCRIBER, Service
from dropforge_local.pubsub.state import State
from dropforge_local.pubsub.streaming import Stream
from dropforge_local.serving import HOST, arguments, serve

_log = logging.getLogger(__name__)

_OPTIONS = [
    ("grpc.max_receive_message_length", 20 << 20),
    # A port that is taken is an error, not a second server.
    ("grpc.so_reuseport", 0),
    # Clients may ping an idle channel as often as they like.
    ("grpc.http2.max_ping_strikes", 0),
]
_PULL_MARGIN_SECONDS = 0.05
_GRACE_SECONDS = 0.25


def create_app(directory: Path, port: int) -> Starlette:
    """The REST application; as long as it runs, gRPC is served on `port` of 127.0.0.1.

    `directory` holds the journal, and is made if it is missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    faults = Faults(FAULTS)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        journal = Journal(directory / "pubsub.sqlite3")
        service = Service(State(journal), journal, faults)
        app.router.routes.extend(routes(service))
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers(_handlers(service, faults))
        server.add_insecure_port(f"{HOST}:{port}")
        running = asyncio.create_task(service.run())
        running.add_done_callback(_stop_if_broken)
        await server.start()
        try:
            yield
        finally:
            await server.stop(grace=_GRACE_SECONDS)
            running.cancel()
            await asyncio.wait([running])
            journal.close()

    return Starlette(
        routes=fault_routes(faults),
        middleware=[Middleware(FaultyHttp, faults=faults, method_of=method_of)],
        lifespan=lifespan,
    )


def main() -> None:
    """Serve until the process is asked to stop."""
    parser = arguments("A local Pub/Sub, for development only.")
    parser.add_argument("--rest-port", type=int, required=True, help="TCP port on 127.0.0.1 of the REST face")
    options = parser.parse_args()
    serve(create_app(options.dir, options.port), port=options.rest_port)


def _stop_if_broken(running: asyncio.Task[None]) -> None:
    """Without its journal and its clock the service keeps no promise: end the process."""
    if not running.cancelled() and (error := running.exception()):
        _log.critical("The service is broken and stops.", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _handlers(service: Service, faults: Faults) -> list[Proto]:
    publisher = {name: _unary(service, faults, name, PUBLISHER) for name in PUBLISHER}
    subscriber = {name: _unary(service, faults, name, SUBSCRIBER) for name in SUBSCRIBER}
    subscriber[STREAMING_PULL] = _streaming_pull(service, faults)
    return [
        grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", publisher),
        grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", subscriber),
    ]


def _unary(service: Service, faults: Faults, name: str, methods: Methods) -> Proto:
    async def call(request: Proto, context: Proto) -> Proto:
        try:
            if fault := taken(faults, name, context):
                return await carry_out(fault, lambda: _call(service, name, request, context))
            return await _call(service, name, request, context)
        except PubsubError as error:
            await _abort(context, error)

    request, response = methods[name]
    return grpc.unary_unary_rpc_method_handler(call, request.FromString, response.SerializeToString)


async def _call(service: Service, name: str, request: Proto, context: Proto) -> Proto:
    remaining = context.time_remaining()
    if remaining is None:
        return await service.call(name, request)
    return await service.call(name, request, patience=remaining - _PULL_MARGIN_SECONDS)


def _streaming_pull(service: Service, faults: Faults) -> Proto:
    async def call(requests: AsyncIterator[Proto], context: Proto) -> None:
        try:
            first = await anext(requests)
            breaks = await open_stream(taken(faults, STREAMING_PULL, context))
            stream = Stream(service.puller(first.subscription), first)
            receiving = asyncio.create_task(stream.receive(requests))
            try:
                async with aclosing(stream.responses()) as responses:
                    async for response in responses:
                        await context.write(response)
                        if breaks and response.received_messages:
                            raise AskedFor
                await receiving
            finally:
                receiving.cancel()
        except PubsubError as error:
            await _abort(context, error)

    return grpc.stream_stream_rpc_method_handler(
        call, types.StreamingPullRequest.pb().FromString, types.StreamingPullResponse.pb().SerializeToString
    )


async def _abort(context: Proto, error: PubsubError) -> NoReturn:
    metadata = _ack_id_details(error) if isinstance(error, InvalidAckIds) else ()
    await context.abort(grpc.StatusCode[error.status], str(error), metadata)
    raise AssertionError  # abort has raised


def _ack_id_details(error: InvalidAckIds) -> Sequence[tuple[str, bytes]]:
    """How a client with exactly-once delivery learns which acknowledgements had no effect.

    Source: https://cloud.google.com/pubsub/docs/exactly-once-delivery
    """
    info = error_details_pb2.ErrorInfo(metadata=dict.fromkeys(error.ack_ids, "PERMANENT_FAILURE_INVALID_ACK_ID"))
    details = any_pb2.Any()
    details.Pack(info)
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message=str(error), details=[details])
    return (("grpc-status-details-bin", status.SerializeToString()),)


if __name__ == "__main__":
    main()
