"""A stand-in for hashicorp/google: its published schema, and no API behind it.

Terraform validates and plans against it as against the real one; it finds misspelt arguments, wrong types, missing and
surplus blocks. What the provider itself checks (names, enumerations, arguments that exclude each other) it does not
know. It "applies" by taking everything as done.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import msgspec
from terraform.standin.protocol import PACKAGE, message

ADDRESS = "hashicorp/google"
SCHEMA = json.loads(Path(__file__).with_name("schema.json").read_bytes())["provider_schemas"][ADDRESS]
RESOURCES, DATA = SCHEMA["resource_schemas"], SCHEMA["data_source_schemas"]

_NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
_SOMETHING = {"string": "decided", "number": 1, "bool": False}
_UNKNOWN = msgspec.msgpack.Ext(0, b"\0")
# What data sources would answer while a plan is made.
ANSWERS = {
    "google_project": {"number": "123456789012"},
    "google_storage_project_service_account": {
        "email_address": "service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
    },
}
# What the services would name what is to be made: these names are documented, so a plan can be read to its end.
FORETOLD = {
    "google_service_account": {
        "email": "{account_id}@{project}.iam.gserviceaccount.com",
        "name": "projects/{project}/serviceAccounts/{account_id}@{project}.iam.gserviceaccount.com",
        "id": "projects/{project}/serviceAccounts/{account_id}@{project}.iam.gserviceaccount.com",
    },
    "google_pubsub_topic": {"id": "projects/{project}/topics/{name}"},
    "google_pubsub_subscription": {"id": "projects/{project}/subscriptions/{name}"},
    "google_project_iam_custom_role": {"name": "projects/{project}/roles/{role_id}"},
    "google_artifact_registry_repository": {
        "id": "projects/{project}/locations/{location}/repositories/{repository_id}",
        "name": "{repository_id}",
    },
    "google_logging_project_sink": {
        "writer_identity": "serviceAccount:service-123456789012@gcp-sa-logging.iam.gserviceaccount.com"
    },
    "google_monitoring_notification_channel": {"id": "projects/{project}/notificationChannels/1"},
}
FORETOLD_URL = "https://{name}-abcdefghij-uc.a.run.app"


@contextmanager
def serving(folder: Path, *, foretelling: bool) -> Iterator[dict[str, str]]:
    """Serve the stand-in, and give the environment in which Terraform asks it instead of installing the real one.

    Args:
        folder: For the socket.
        foretelling: Whether the names that services will give are in the plan; otherwise they are unknown until
            something is applied, as at the first `terraform apply` of the real one.
    """
    methods = _METHODS | {"PlanResourceChange": ("Change", _plan_foretelling if foretelling else _plan)}
    server = grpc.server(ThreadPoolExecutor(16))
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            handle, request_deserializer=message[request].FromString, response_serializer=_serialized
        )
        for name, (request, handle) in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{PACKAGE}.Provider", handlers),))
    socket = folder / "provider.sock"
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    reattach = {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": os.getpid(),
        "Test": True,  # Terraform leaves our process alone
        "Addr": {"Network": "unix", "String": str(socket)},
    }
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps({ADDRESS: reattach})}
    finally:
        server.stop(None)


def _serialized(answer: object) -> bytes:
    return answer.SerializeToString()


def _block(block: dict) -> object:
    return message["Block"](
        attributes=[
            message["Attribute"](
                name=name,
                type=json.dumps(attribute["type"]).encode(),
                **{key: attribute.get(key, False) for key in ("required", "optional", "computed")},
            )
            for name, attribute in block.get("attributes", {}).items()
        ],
        block_types=[
            message["NestedBlock"](
                type_name=name,
                block=_block(nested["block"]),
                nesting=_NESTING[nested["nesting_mode"]],
                min_items=nested.get("min_items", 0),
                max_items=nested.get("max_items", 0),
            )
            for name, nested in block.get("block_types", {}).items()
        ],
    )


def _schemas(*_: object) -> object:
    def named(schemas: dict) -> list:
        return [
            message["NamedSchema"](key=name, value=message["Schema"](block=_block(schema["block"])))
            for name, schema in schemas.items()
        ]

    return message["Schemas"](
        provider=message["Schema"](block=_block(SCHEMA["provider"]["block"])),
        resource_schemas=named(RESOURCES),
        data_source_schemas=named(DATA),
    )


def _plan(request: object, _: object) -> object:
    proposed = _read(request.proposed_new_state)
    if _read(request.prior_state) is None:
        proposed = _with_unknowns(proposed, RESOURCES[request.type_name]["block"])
    return message["Planned"](planned_state=_written(proposed))


def _plan_foretelling(request: object, context: object) -> object:
    proposed = _read(request.proposed_new_state)
    if proposed is None:  # it is to go
        return _plan(request, context)
    for attribute, form in FORETOLD.get(request.type_name, {}).items():
        proposed[attribute] = form.format_map(proposed)
    if request.type_name == "google_cloudfunctions2_function":
        proposed["service_config"][0]["uri"] = FORETOLD_URL.format_map(proposed)
    request.proposed_new_state.msgpack = msgspec.msgpack.encode(proposed)
    return _plan(request, context)


def _with_unknowns(value: object, block: dict) -> object:
    """What a plan says of a block: what nobody set and the service decides is known after it is there."""
    if not isinstance(value, dict):
        return value
    for name, attribute in block.get("attributes", {}).items():
        if attribute.get("computed") and value.get(name) is None:
            value[name] = _UNKNOWN
    for name, nested in block.get("block_types", {}).items():
        inner = value.get(name)
        if isinstance(inner, list):
            value[name] = [_with_unknowns(each, nested["block"]) for each in inner]
        elif nested["nesting_mode"] == "single":
            value[name] = _with_unknowns(inner, nested["block"])
    return value


def _data(request: object, _: object) -> object:
    return message["DataRead"](state=_written(_read(request.config) | ANSWERS[request.type_name]))


def _read(value: object) -> object:
    return msgspec.msgpack.decode(value.msgpack)


def _written(value: object) -> object:
    return message["DynamicValue"](msgpack=msgspec.msgpack.encode(value))


def _apply(request: object, _: object) -> object:
    """Nothing is made; what the service would decide is taken to be something of the right type."""
    planned = _read(request.planned_state)
    return message["Applied"](new_state=_written(_decided(planned, RESOURCES[request.type_name]["block"])))


def _decided(value: object, block: dict) -> object:
    if not isinstance(value, dict):
        return value
    for name, attribute in block.get("attributes", {}).items():
        if value.get(name) == _UNKNOWN:
            value[name] = _SOMETHING.get(str(attribute["type"]))
    for name, nested in block.get("block_types", {}).items():
        inner = value.get(name)
        if isinstance(inner, list):
            value[name] = [_decided(each, nested["block"]) for each in inner]
        elif nested["nesting_mode"] == "single":
            value[name] = _decided(inner, nested["block"])
    return value


def _upgrade(request: object, _: object) -> object:
    return message["Upgraded"](upgraded_state=message["DynamicValue"](json=request.raw_state.json))


def _find(request: object, _: object) -> object:
    return message["Found"](new_state=request.current_state)


_METHODS = {
    "GetProviderSchema": ("Nothing", _schemas),
    "ValidateProviderConfig": ("Nothing", lambda *_: message["ProviderChecked"]()),
    "ConfigureProvider": ("Nothing", lambda *_: message["Checked"]()),
    "ValidateResourceConfig": ("ConfigCheck", lambda *_: message["Checked"]()),
    "ValidateDataResourceConfig": ("ConfigCheck", lambda *_: message["Checked"]()),
    "ApplyResourceChange": ("Applying", _apply),
    "UpgradeResourceState": ("Stored", _upgrade),
    "ReadResource": ("Looked", _find),
    "ReadDataSource": ("DataQuery", _data),
    "StopProvider": ("Nothing", lambda *_: message["Nothing"]()),
}
