"""Terraform's plugin protocol 6, as much of it as checking a configuration takes.

The numbers are those of `tfplugin6.proto`, Terraform's published definition of what it says to a provider.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "tfplugin6"

# message: its fields in order, `name:type=number`; `*` before a type is a list of it.
_MESSAGES = {
    "DynamicValue": "msgpack:bytes=1 json:bytes=2",
    "Diagnostic": "severity:int64=1 summary:string=2 detail:string=3",
    "Attribute": "name:string=1 type:bytes=2 required:bool=4 optional:bool=5 computed:bool=6",
    "NestedBlock": "type_name:string=1 block:Block=2 nesting:int64=3 min_items:int64=4 max_items:int64=5",
    "Block": "version:int64=1 attributes:*Attribute=2 block_types:*NestedBlock=3",
    "Schema": "version:int64=1 block:Block=2",
    "NamedSchema": "key:string=1 value:Schema=2",  # an entry of a map is a message of these two fields
    "Schemas": "provider:Schema=1 resource_schemas:*NamedSchema=2 data_source_schemas:*NamedSchema=3",
    "Nothing": "",
    "Checked": "diagnostics:*Diagnostic=1",
    "ConfigCheck": "type_name:string=1 config:DynamicValue=2",
    "ProviderChecked": "diagnostics:*Diagnostic=2",
    "Change": "type_name:string=1 prior_state:DynamicValue=2 proposed_new_state:DynamicValue=3 config:DynamicValue=4",
    "Planned": "planned_state:DynamicValue=1 diagnostics:*Diagnostic=4",
    "Applying": "type_name:string=1 prior_state:DynamicValue=2 planned_state:DynamicValue=3",
    "Applied": "new_state:DynamicValue=1 diagnostics:*Diagnostic=3",
    "RawState": "json:bytes=1",
    "Stored": "type_name:string=1 version:int64=2 raw_state:RawState=3",
    "Upgraded": "upgraded_state:DynamicValue=1 diagnostics:*Diagnostic=2",
    "Looked": "type_name:string=1 current_state:DynamicValue=2",
    "Found": "new_state:DynamicValue=1 diagnostics:*Diagnostic=2",
    "DataQuery": "type_name:string=1 config:DynamicValue=2",
    "DataRead": "state:DynamicValue=1 diagnostics:*Diagnostic=2",
}
_TYPES = {"string": 9, "int64": 3, "bool": 8, "bytes": 12}
_MESSAGE, _ONE, _MANY = 11, 1, 3


def _field(written: str) -> descriptor_pb2.FieldDescriptorProto:
    name, _, rest = written.partition(":")
    kind, _, number = rest.partition("=")
    plain = kind.removeprefix("*")
    field = descriptor_pb2.FieldDescriptorProto(
        name=name, number=int(number), label=_MANY if kind != plain else _ONE, type=_TYPES.get(plain, _MESSAGE)
    )
    if plain not in _TYPES:
        field.type_name = f".{PACKAGE}.{plain}"
    return field


def _messages() -> dict[str, type]:
    file = descriptor_pb2.FileDescriptorProto(name="plugin6.proto", package=PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        file.message_type.add(name=name, field=[_field(written) for written in fields.split()])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in _MESSAGES
    }


message = _messages()
