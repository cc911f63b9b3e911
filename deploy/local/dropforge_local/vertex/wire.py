"""JSON bodies to and from resources, held to the API's own message types.

A body that the message type does not know (an unknown field, a wrong type, a wrong enum) is refused, as the service does.
"""

import json
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from dropforge_local.vertex.errors import invalid
from dropforge_local.vertex.state import Resource

JOB = types.PipelineJob.pb(types.PipelineJob())
MODEL = types.Model.pb(types.Model())
ENDPOINT = types.Endpoint.pb(types.Endpoint())
DEPLOY = types.DeployModelRequest.pb(types.DeployModelRequest())
UNDEPLOY = types.UndeployModelRequest.pb(types.UndeployModelRequest())


def parse_json(body: bytes) -> Resource:
    """A JSON object; an empty body is an empty one.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    try:
        value = json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    if not isinstance(value, dict):
        raise invalid("Invalid JSON payload received. Root element must be a message.")
    return value


def parse(body: bytes, message: Any, *, known_only: bool = True) -> Resource:  # noqa: ANN401 - generated messages share no type
    """A body in the canonical JSON form of a message: camel case, enums by name.

    `known_only` refuses fields that the message does not have; without it they are dropped.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    try:
        parsed = json_format.ParseDict(parse_json(body), type(message)(), ignore_unknown_fields=not known_only)
    except json_format.ParseError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    resource: Resource = json_format.MessageToDict(parsed)
    return resource


def render(resource: Resource, message: Any, *, integer_enums: bool) -> Resource:  # noqa: ANN401 - see parse
    """A resource as an answer; with enums as integers where `$alt=json;enum-encoding=int` asks for that."""
    if not integer_enums:
        return resource
    parsed = json_format.ParseDict(resource, type(message)())
    rendered: Resource = json_format.MessageToDict(parsed, use_integers_for_enums=True)
    return rendered
