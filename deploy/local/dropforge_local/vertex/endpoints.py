"""Endpoints, the models deployed to them, and how their traffic is split."""

import re
import time

from dropforge_local.vertex.errors import ApiError, Status, invalid, not_found, not_now
from dropforge_local.vertex.models import Models
from dropforge_local.vertex.operations import EMPTY, TYPES, Operations, new_id
from dropforge_local.vertex.state import Members, Resource, State, timestamp

# Rules of `endpointId` and `DeployedModel.id`: the comments of google.cloud.aiplatform.v1.CreateEndpointRequest and DeployedModel.
ENDPOINT_ID = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?|[1-9][0-9]{0,8}")
DEPLOYED_MODEL_ID = re.compile(r"[0-9]{1,10}")
OUTPUT_ONLY = {"deployedModels", "trafficSplit", "createTime", "updateTime"}
UPDATABLE = {"displayName", "description", "labels", "trafficSplit"}
JUST_DEPLOYED = "0"  # stands in a traffic split for the model that the request deploys


class Endpoints:
    """All changes but updates are long-running operations."""

    def __init__(self, state: State, operations: Operations, models: Models) -> None:
        self._state = state
        self._operations = operations
        self._models = models
        operations.register("endpoints.create", self._create)
        operations.register("endpoints.deployModel", self._deploy)
        operations.register("endpoints.undeployModel", self._undeploy)
        operations.register("endpoints.delete", self._delete)

    def create(self, location: str, endpoint: Resource, endpoint_id: str) -> Resource:
        """Begin to create an endpoint; an empty id asks for one.

        Raises:
            ApiError: INVALID_ARGUMENT; ALREADY_EXISTS for an id that is taken or being created.
        """
        if endpoint_id and not ENDPOINT_ID.fullmatch(endpoint_id):
            raise invalid(f"Endpoint id {endpoint_id!r} must match {ENDPOINT_ID.pattern}.")
        if not endpoint.get("displayName"):
            raise invalid("The display name of an endpoint is required.")
        name = f"{location}/endpoints/{endpoint_id or new_id()}"
        arriving = (arguments["name"] for arguments in self._operations.pending("endpoints.create"))
        if self._state.get(name) or name in arriving:
            raise ApiError(Status.ALREADY_EXISTS, f"Endpoint {name} already exists.")
        arguments = {field: value for field, value in endpoint.items() if field not in OUTPUT_ONLY} | {"name": name}
        return self._operations.begin(name, "endpoints.create", arguments, metadata="CreateEndpointOperationMetadata")

    def get(self, name: str) -> Resource:
        """The endpoint.

        Raises:
            ApiError: NOT_FOUND.
        """
        endpoint = self._state.get(name)
        if endpoint is None:
            raise not_found(f"Endpoint {name}")
        return endpoint

    def in_location(self, location: str) -> Members:
        """The endpoints of a location, newest first."""
        return self._state.members(f"{location}/endpoints")

    def update(self, name: str, changes: Resource, fields: list[str]) -> Resource:
        """Set the named fields (camel case) to what `changes` has for them, and return the endpoint.

        Raises:
            ApiError: NOT_FOUND; INVALID_ARGUMENT for other fields or a traffic split that does not fit.
        """
        endpoint = self.get(name)
        if not fields or not UPDATABLE.issuperset(fields):
            raise invalid(
                f"update_mask must name some of {', '.join(sorted(UPDATABLE))}, not {', '.join(fields) or 'nothing'}."
            )
        for field in fields:
            endpoint.pop(field, None)
            if field in changes:
                endpoint[field] = changes[field]
        if "trafficSplit" in fields:
            _check_split(endpoint.get("trafficSplit", {}), endpoint.get("deployedModels", []))
        return self._store(endpoint)

    def deploy(self, name: str, request: Resource) -> Resource:
        """Begin to deploy a model (the JSON form of `DeployModelRequest`).

        Raises:
            ApiError: NOT_FOUND of endpoint or model; INVALID_ARGUMENT; ALREADY_EXISTS for a deployed-model id that is deployed
                or being deployed on the endpoint.
        """
        endpoint = self.get(name)
        deployed = dict(request.get("deployedModel", {}))
        _check_deployed_model(deployed)
        models = f"{name.partition('/endpoints/')[0]}/models/"
        if not deployed["model"].startswith(models):
            raise invalid(f"deployed_model.model {deployed['model']!r} must be one of {models}, as the endpoint is.")
        model = self._models.get(deployed["model"])
        identity = deployed.setdefault("id", new_id())
        arriving = {
            arguments["deployedModel"]["id"]
            for arguments in self._operations.pending("endpoints.deployModel")
            if arguments["endpoint"] == name
        }
        if identity in arriving | {other["id"] for other in endpoint.get("deployedModels", [])}:
            raise ApiError(Status.ALREADY_EXISTS, f"Deployed model {identity} already exists on {name}.")
        split = request.get("trafficSplit", {})
        if split:
            _check_split(split, [*endpoint.get("deployedModels", []), {"id": JUST_DEPLOYED}])
        deployed |= {"model": model["name"].partition("@")[0], "modelVersionId": model["versionId"]}
        deployed.setdefault("displayName", model["displayName"])
        arguments = {"endpoint": name, "deployedModel": deployed, "trafficSplit": split}
        return self._operations.begin(name, "endpoints.deployModel", arguments, metadata="DeployModelOperationMetadata")

    def undeploy(self, name: str, request: Resource) -> Resource:
        """Begin to undeploy a model (the JSON form of `UndeployModelRequest`).

        Raises:
            ApiError: NOT_FOUND; INVALID_ARGUMENT; FAILED_PRECONDITION while the model is not the last one and has traffic.
        """
        arguments = {
            "endpoint": name,
            "id": request.get("deployedModelId", ""),
            "trafficSplit": request.get("trafficSplit", {}),
        }
        self._without(arguments)
        return self._operations.begin(
            name, "endpoints.undeployModel", arguments, metadata="UndeployModelOperationMetadata"
        )

    def delete(self, name: str) -> Resource:
        """Begin to delete an endpoint.

        Raises:
            ApiError: NOT_FOUND; FAILED_PRECONDITION while it has, or is about to have, deployed models.
        """
        self._check_empty(name)
        return self._operations.begin(name, "endpoints.delete", {"name": name}, metadata="DeleteOperationMetadata")

    def _create(self, endpoint: Resource) -> Resource:
        now = timestamp(time.time())
        created = endpoint | {"createTime": now, "updateTime": now}
        self._state.insert(endpoint["name"], created)
        return {"@type": TYPES + "Endpoint", **created}

    def _deploy(self, arguments: Resource) -> Resource:
        endpoint = self.get(arguments["endpoint"])
        deployed = arguments["deployedModel"]
        self._models.get(deployed["model"])
        deployed["createTime"] = timestamp(time.time())
        endpoint.setdefault("deployedModels", []).append(deployed)
        if arguments["trafficSplit"]:
            endpoint["trafficSplit"] = {
                deployed["id"] if key == JUST_DEPLOYED else key: share
                for key, share in arguments["trafficSplit"].items()
            }
        self._store(endpoint)
        return {"@type": TYPES + "DeployModelResponse", "deployedModel": deployed}

    def _undeploy(self, arguments: Resource) -> Resource:
        self._store(self._without(arguments))
        return {"@type": TYPES + "UndeployModelResponse"}

    def _delete(self, arguments: Resource) -> Resource:
        self._check_empty(arguments["name"])
        self._state.delete(arguments["name"])
        return EMPTY

    def _without(self, arguments: Resource) -> Resource:
        """The endpoint as it would be with a model undeployed."""
        endpoint = self.get(arguments["endpoint"])
        deployed, identity = endpoint.get("deployedModels", []), arguments["id"]
        left = [other for other in deployed if other["id"] != identity]
        if len(left) == len(deployed):
            raise not_found(f"Deployed model {identity!r} on {endpoint['name']}")
        split = arguments["trafficSplit"] or endpoint.get("trafficSplit", {})
        if not left:
            split = {}
        elif split.get(identity):
            raise not_now(
                f"Deployed model {identity} serves {split[identity]} % of the traffic: move it in traffic_split first."
            )
        split = {key: share for key, share in split.items() if key != identity}
        _check_split(split, left)
        return endpoint | {"deployedModels": left, "trafficSplit": split}

    def _check_empty(self, name: str) -> None:
        endpoint = self.get(name)
        arriving = (arguments["endpoint"] for arguments in self._operations.pending("endpoints.deployModel"))
        if endpoint.get("deployedModels") or name in arriving:
            raise not_now(f"Endpoint {name} has deployed models or is being deployed to: undeploy them first.")

    def _store(self, endpoint: Resource) -> Resource:
        endpoint["updateTime"] = timestamp(time.time())
        self._state.replace(endpoint["name"], endpoint)
        return endpoint


def _check_deployed_model(deployed: Resource) -> None:
    if not deployed.get("model"):
        raise invalid("deployed_model.model is required.")
    if "id" in deployed and not DEPLOYED_MODEL_ID.fullmatch(deployed["id"]):
        raise invalid(f"Deployed model id {deployed['id']!r} must be 1 to 10 digits.")
    resources = deployed.get("dedicatedResources", {})
    if not resources.get("machineSpec", {}).get("machineType"):
        raise invalid("deployed_model.dedicated_resources.machine_spec.machine_type is required.")
    if resources.get("minReplicaCount", 0) < 1:
        raise invalid("deployed_model.dedicated_resources.min_replica_count must be at least 1.")


def _check_split(split: dict[str, int], deployed: list[Resource]) -> None:
    if not split:
        return
    strangers = split.keys() - {model["id"] for model in deployed}
    if strangers:
        raise invalid(f"traffic_split names {min(strangers)!r}, which is not deployed here.")
    if sum(split.values()) != 100 or min(split.values()) < 0:
        raise invalid(f"The percentages of traffic_split must add up to 100, not {sum(split.values())}.")
