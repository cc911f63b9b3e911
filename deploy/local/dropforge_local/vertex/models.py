"""Tuned models: added by tuning jobs, deployed to endpoints, deleted."""

import hashlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropforge_local.vertex.errors import not_found, not_now
from dropforge_local.vertex.operations import EMPTY, Operations
from dropforge_local.vertex.state import Members, Resource, State, timestamp

VERSION = "1"


def versionless(name: str) -> str:
    """A model's name without its version (`models/ID@1`, `models/ID@default` -> `models/ID`)."""
    return name.partition("@")[0]


def model_id(job: Resource) -> str:
    """The number of the model that a job makes: the same however often the job is begun again."""
    made_from = f"{job['name']} {job['createTime']}"
    return str(int.from_bytes(hashlib.sha256(made_from.encode()).digest()[:7]))


class Models:
    """Each model has one version, `1`, also called `default`; names are answered with it (`models/ID@1`)."""

    def __init__(self, state: State, operations: Operations, *, folder: Path) -> None:
        self._state = state
        self._operations = operations
        self._folder = folder
        operations.register("models.delete", self._delete)

    def folder(self, identity: str) -> Path:
        """Where the files of a model are kept, by the last part of its name."""
        return self._folder / identity

    def add(self, job: Resource, parameters: Mapping[str, Any], trained: Resource) -> str:
        """Add the model that a tuning job trained (an artifact); return its name with its version."""
        location = job["name"].partition("/pipelineJobs/")[0]
        name = f"{location}/models/{model_id(job)}"
        now = timestamp(time.time())
        body: Resource = {
            "name": f"{name}@{VERSION}",
            "displayName": parameters["model_display_name"],
            "versionId": VERSION,
            "versionAliases": ["default"],
            "versionCreateTime": now,
            "versionUpdateTime": now,
            "createTime": now,
            "updateTime": now,
            "supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES"],
            "modelSourceInfo": {"sourceType": "CUSTOM_TEXT_EMBEDDING"},
            "pipelineJob": job["name"],
            # The labels by which the service relates a tuned model to its base and its job.
            "labels": {
                "google-vertex-llm-tuning-base-model-id": parameters["base_model_version_id"].replace("@", "-"),
                "google-vertex-llm-tuning-job-id": job["name"].rpartition("/")[2][:63].rstrip("-"),
            },
            "artifactUri": trained["uri"],
            "metadata": trained["metadata"],
        }
        if "encryptionSpec" in job:
            body["encryptionSpec"] = job["encryptionSpec"]
        self._state.insert(name, body)
        return f"{name}@{VERSION}"

    def get(self, name: str) -> Resource:
        """The model, by its name with or without a version.

        Raises:
            ApiError: NOT_FOUND, also for a version that it does not have.
        """
        model = self._state.get(versionless(name))
        version = name.partition("@")[2]
        if model is None or version not in ("", VERSION, *model["versionAliases"]):
            raise not_found(f"Model {name}")
        return model

    def in_location(self, location: str) -> Members:
        """The models of a location, newest first."""
        return self._state.members(f"{location}/models")

    def delete(self, name: str) -> Resource:
        """Begin to delete a model.

        Raises:
            ApiError: NOT_FOUND; FAILED_PRECONDITION while it is deployed.
        """
        self.get(name)
        self._check_undeployed(versionless(name))
        return self._operations.begin(
            versionless(name), "models.delete", {"name": versionless(name)}, metadata="DeleteOperationMetadata"
        )

    def _delete(self, arguments: Resource) -> Resource:
        self.get(arguments["name"])
        self._check_undeployed(arguments["name"])
        self._state.delete(arguments["name"])
        shutil.rmtree(self.folder(arguments["name"].rpartition("/")[2]), ignore_errors=True)
        return EMPTY

    def _check_undeployed(self, name: str) -> None:
        location = name.partition("/models/")[0]
        for endpoint in self._state.members(f"{location}/endpoints"):
            if any(deployed["model"] == name for deployed in endpoint.get("deployedModels", [])):
                raise not_now(f"Model {name} is deployed to {endpoint['name']}: undeploy it first.")
