"""Answers of earlier jobs, found by what they were asked: the paths, whatever lies there now."""

import hashlib
import json

from dropforge_local.vertex.errors import ApiError
from dropforge_local.vertex.lifecycle import UPLOADER_OUTPUT, task_of
from dropforge_local.vertex.models import Models
from dropforge_local.vertex.state import Resource, State
from dropforge_local.vertex.templates import resolve
from dropforge_local.vertex.tuning.protocol import UPLOADER


class StepCache:
    """The last job that succeeded, for each project, location, template and set of resolved parameters."""

    def __init__(self, state: State, models: Models) -> None:
        self._state = state
        self._models = models
        self._notes = state.notes("step cache")

    def remember(self, job: Resource) -> None:
        """A job has succeeded."""
        self._notes[_key(job)] = job["name"].encode()

    def earlier(self, job: Resource) -> Resource | None:
        """The job that answered the same before, if it and its model are still there."""
        found = self._state.get(self._notes.get(_key(job), b"").decode())
        if found is None:
            return None
        try:
            self._models.get(task_of(found, UPLOADER)["execution"]["metadata"][UPLOADER_OUTPUT])
        except ApiError:
            return None
        return found


def _key(job: Resource) -> str:
    location = job["name"].partition("/pipelineJobs/")[0]
    parameters = resolve(job["templateUri"], job["runtimeConfig"]["parameterValues"])
    asked = json.dumps([location, job["templateUri"], parameters], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()
