"""The REST methods of the API, one function each, and their paths below `/v1`."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from dropforge_local.faults.instructions import REQUEST, Form
from dropforge_local.vertex import wire
from dropforge_local.vertex.errors import invalid
from dropforge_local.vertex.filters import camel
from dropforge_local.vertex.http import body_of, listed, location_of, name_of, query_of, shown, vertex_of

LOCATION = "/projects/{project}/locations/{location}"
WAIT_SECONDS = 30.0
LOOK_SECONDS = 0.05  # between looks at an operation that a client waits for


async def create_job(request: Request) -> Response:
    """Pipeline jobs: create."""
    job = await body_of(request, wire.JOB)
    created = vertex_of(request).jobs.create(location_of(request), job, query_of(request, "pipelineJobId"))
    return shown(request, created, wire.JOB)


async def list_jobs(request: Request) -> Response:
    """Pipeline jobs: list."""
    return listed(request, vertex_of(request).jobs.in_location(location_of(request)), wire.JOB)


async def get_job(request: Request) -> Response:
    """Pipeline jobs: get."""
    return shown(request, vertex_of(request).jobs.get(name_of(request)), wire.JOB)


async def cancel_job(request: Request) -> Response:
    """Pipeline jobs: cancel."""
    vertex_of(request).jobs.cancel(name_of(request))
    return JSONResponse({})


async def resume_job(request: Request) -> Response:
    """Let a paused job go on; below `/_local`, because the API has no such method."""
    vertex_of(request).jobs.resume(name_of(request))
    return JSONResponse({})


async def delete_job(request: Request) -> Response:
    """Pipeline jobs: delete."""
    return JSONResponse(vertex_of(request).jobs.delete(name_of(request)))


async def list_models(request: Request) -> Response:
    """Models: list."""
    return listed(request, vertex_of(request).models.in_location(location_of(request)), wire.MODEL)


async def get_model(request: Request) -> Response:
    """Models: get."""
    return shown(request, vertex_of(request).models.get(name_of(request)), wire.MODEL)


async def delete_model(request: Request) -> Response:
    """Models: delete."""
    return JSONResponse(vertex_of(request).models.delete(name_of(request)))


async def create_endpoint(request: Request) -> Response:
    """Endpoints: create."""
    endpoint = await body_of(request, wire.ENDPOINT)
    endpoints = vertex_of(request).endpoints
    return JSONResponse(endpoints.create(location_of(request), endpoint, query_of(request, "endpointId")))


async def list_endpoints(request: Request) -> Response:
    """Endpoints: list."""
    return listed(request, vertex_of(request).endpoints.in_location(location_of(request)), wire.ENDPOINT)


async def get_endpoint(request: Request) -> Response:
    """Endpoints: get."""
    return shown(request, vertex_of(request).endpoints.get(name_of(request)), wire.ENDPOINT)


async def update_endpoint(request: Request) -> Response:
    """Endpoints: patch."""
    changes = await body_of(request, wire.ENDPOINT)
    fields = [camel(field.strip()) for field in query_of(request, "updateMask").split(",") if field.strip()]
    return shown(request, vertex_of(request).endpoints.update(name_of(request), changes, fields), wire.ENDPOINT)


async def delete_endpoint(request: Request) -> Response:
    """Endpoints: delete."""
    return JSONResponse(vertex_of(request).endpoints.delete(name_of(request)))


async def deploy_model(request: Request) -> Response:
    """Endpoints: deployModel."""
    deployment = await body_of(request, wire.DEPLOY)
    return JSONResponse(vertex_of(request).endpoints.deploy(name_of(request), deployment))


async def undeploy_model(request: Request) -> Response:
    """Endpoints: undeployModel."""
    undeployment = await body_of(request, wire.UNDEPLOY)
    return JSONResponse(vertex_of(request).endpoints.undeploy(name_of(request), undeployment))


async def predict(request: Request) -> Response:
    """Endpoints: predict."""
    instances = wire.parse_json(await request.body())
    answer = vertex_of(request).predictor.predict(name_of(request), instances)
    return JSONResponse(await asyncio.to_thread(answer))


async def predict_base(request: Request) -> Response:
    """Publisher models: predict."""
    instances = wire.parse_json(await request.body())
    answer = vertex_of(request).predictor.predict_base(request.path_params["model"], instances)
    return JSONResponse(await asyncio.to_thread(answer))


async def get_operation(request: Request) -> Response:
    """Operations: get."""
    return JSONResponse(vertex_of(request).operations.get(name_of(request)))


async def list_operations(request: Request) -> Response:
    """Operations of a location, an endpoint or a model: list."""
    parent = name_of(request).rpartition("/")[0]
    return JSONResponse({"operations": vertex_of(request).operations.below(parent)})


async def wait_operation(request: Request) -> Response:
    """Operations: wait, until the operation is done or the `timeout` (such as `10s`) is over."""
    text = query_of(request, "timeout") or wire.parse_json(await request.body()).get("timeout", "")
    try:
        patience = float(text.removesuffix("s")) if text else WAIT_SECONDS
    except ValueError as error:
        raise invalid(f"timeout {text!r} is no duration.") from error
    deadline = time.monotonic() + patience
    while True:
        operation = vertex_of(request).operations.get(name_of(request))
        if operation.get("done") or time.monotonic() >= deadline:
            return JSONResponse(operation)
        await asyncio.sleep(LOOK_SECONDS)


async def cancel_operation(request: Request) -> Response:
    """Operations: cancel."""
    vertex_of(request).operations.cancel(name_of(request))
    return JSONResponse({})


def _operation_routes(parent: str) -> list[Route]:
    return [
        Route(
            f"{parent}/operations/{{id}}:cancel",
            cancel_operation,
            methods=["POST"],
            name="aiplatform.operations.cancel",
        ),
        Route(f"{parent}/operations/{{id}}:wait", wait_operation, methods=["POST"], name="aiplatform.operations.wait"),
        Route(f"{parent}/operations/{{id}}", get_operation, methods=["GET"], name="aiplatform.operations.get"),
        Route(f"{parent}/operations", list_operations, methods=["GET"], name="aiplatform.operations.list"),
    ]


# A path with a verb stands before the one without, which would match it as well.
API: list[Route] = [
    Route(f"{LOCATION}/pipelineJobs", create_job, methods=["POST"], name="aiplatform.pipelineJobs.create"),
    Route(f"{LOCATION}/pipelineJobs", list_jobs, methods=["GET"], name="aiplatform.pipelineJobs.list"),
    Route(
        f"{LOCATION}/pipelineJobs/{{id}}:cancel", cancel_job, methods=["POST"], name="aiplatform.pipelineJobs.cancel"
    ),
    Route(f"{LOCATION}/pipelineJobs/{{id}}", get_job, methods=["GET"], name="aiplatform.pipelineJobs.get"),
    Route(f"{LOCATION}/pipelineJobs/{{id}}", delete_job, methods=["DELETE"], name="aiplatform.pipelineJobs.delete"),
    Route(f"{LOCATION}/models", list_models, methods=["GET"], name="aiplatform.models.list"),
    Route(f"{LOCATION}/models/{{id}}", get_model, methods=["GET"], name="aiplatform.models.get"),
    Route(f"{LOCATION}/models/{{id}}", delete_model, methods=["DELETE"], name="aiplatform.models.delete"),
    Route(f"{LOCATION}/endpoints", create_endpoint, methods=["POST"], name="aiplatform.endpoints.create"),
    Route(f"{LOCATION}/endpoints", list_endpoints, methods=["GET"], name="aiplatform.endpoints.list"),
    Route(
        f"{LOCATION}/endpoints/{{id}}:deployModel",
        deploy_model,
        methods=["POST"],
        name="aiplatform.endpoints.deployModel",
    ),
    Route(
        f"{LOCATION}/endpoints/{{id}}:undeployModel",
        undeploy_model,
        methods=["POST"],
        name="aiplatform.endpoints.undeployModel",
    ),
    Route(f"{LOCATION}/endpoints/{{id}}:predict", predict, methods=["POST"], name="aiplatform.endpoints.predict"),
    Route(f"{LOCATION}/endpoints/{{id}}", get_endpoint, methods=["GET"], name="aiplatform.endpoints.get"),
    Route(f"{LOCATION}/endpoints/{{id}}", update_endpoint, methods=["PATCH"], name="aiplatform.endpoints.patch"),
    Route(f"{LOCATION}/endpoints/{{id}}", delete_endpoint, methods=["DELETE"], name="aiplatform.endpoints.delete"),
    Route(
        f"{LOCATION}/publishers/google/models/{{model}}:predict",
        predict_base,
        methods=["POST"],
        name="aiplatform.publishers.models.predict",
    ),
    *_operation_routes(LOCATION),
    *_operation_routes(f"{LOCATION}/endpoints/{{parent}}"),
    *_operation_routes(f"{LOCATION}/models/{{parent}}"),
]

LOCAL: list[Route] = [Route(f"{LOCATION}/pipelineJobs/{{id}}:resume", resume_job, methods=["POST"])]
"""What a test may want to do below `/_local` and the API does not offer."""

FAULTS = dict.fromkeys([route.name for route in API], REQUEST | {Form.RETURN_CODE})
"""What can be made to go wrong, and how."""


def method_of(request: Request) -> str | None:
    """The name of the method that a request calls; None if there is no such method."""
    _version, _, path = request.url.path.removeprefix("/").partition("/")
    scope = {**request.scope, "path": f"/{path}"}
    return next((route.name for route in API if route.matches(scope)[0] is Match.FULL), None)


def resource_of(request: Request) -> str:
    """The id of what a request is about: the last part of its path, or the id that it asks for."""
    asked_for = query_of(request, "pipelineJobId") or query_of(request, "endpointId")
    return asked_for or request.url.path.rpartition("/")[2].partition(":")[0]
