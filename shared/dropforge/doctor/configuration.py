"""The settings: the environment, the operator's file, and what Vertex AI would refuse of them."""

import shlex
from collections.abc import Iterator, Mapping
from datetime import date

from dropforge import settings as reader
from dropforge.doctor.diagnosis import EDIT, Diagnosis, ok, wrong
from dropforge.domain.catalogue import SOON
from dropforge.domain.errors import Misconfigured
from dropforge.domain.machines import problems_of_machines
from dropforge.domain.text import printable
from dropforge.settings import Operator, Settings

_REQUIRED = {
    "DROPFORGE_PROJECT": ("the Google Cloud project's id", "PROJECT_ID"),
    "DROPFORGE_DROP_BUCKET": ("the bucket that datasets are dropped into", "BUCKET"),
    "DROPFORGE_STATE_BUCKET": ("the bucket that holds the ledger", "ANOTHER_BUCKET"),
}
_EMULATORS = ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST")  # read by Google's clients themselves


def environment(variables: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Whether the settings can be read at all."""
    missing = [name for name in _REQUIRED if not variables.get(name)]
    for name in missing:
        meaning, example = _REQUIRED[name]
        yield wrong(name, f"is not set: {meaning}", f"export {name}={example}")
    path = variables.get("DROPFORGE_CONFIG", "")
    try:
        reader.operator(variables)
    except Misconfigured as error:
        yield wrong("operator's file", printable(str(error)), f"${{EDITOR:-vi}} {shlex.quote(path)}")
        return
    if missing:
        return
    try:
        reader.load(variables)
    except Misconfigured as error:
        yield wrong("environment", printable(str(error)), "env | grep ^DROPFORGE_ | grep -Ev 'SLACK|WEBHOOK'")
        return
    yield ok("environment", "complete")
    yield ok("operator's file", path or "none: everything has its default")


def sense(settings: Settings, variables: Mapping[str, str], today: date) -> Iterator[Diagnosis]:
    """Whether what the settings say can be."""
    yield from _places(settings, variables)
    operator = settings.operator
    problems = problems_of_machines(operator.catalogue, settings.location, operator.training, operator.serving)
    for problem in problems:
        yield wrong("machines", problem, EDIT)
    if not problems:
        training, serving = operator.training, operator.serving
        yield ok(
            "machines",
            f"in {settings.location}: training on {training.accelerator_count} x {training.accelerator_type}, "
            f"serving on {serving.accelerator_count} x {serving.accelerator_type or 'no accelerator'}",
        )
    yield _base_model(operator, today)


def _places(settings: Settings, variables: Mapping[str, str]) -> Iterator[Diagnosis]:
    local = [name for name in _EMULATORS if variables.get(name)]
    if settings.has_stand_ins and len(local) < len(_EMULATORS):
        others = " and ".join(name for name in _EMULATORS if name not in local)
        yield wrong(
            "environment",
            f"Vertex AI is this machine's, but {others} is not set: the rest would be the cloud's",
            'eval "$(dropforge local env)"',
        )
    elif local and not settings.has_stand_ins:
        yield wrong(
            "environment",
            f"{' and '.join(local)} points to this machine, but Vertex AI is the cloud's: jobs would not find a file",
            f"unset {' '.join(local)}",
        )
    host = settings.vertex_endpoint
    expected = f"{settings.location}-aiplatform.googleapis.com"
    if host.endswith("-aiplatform.googleapis.com") and host != expected:
        yield wrong(
            "region",
            f"DROPFORGE_VERTEX_ENDPOINT is {host}, but DROPFORGE_LOCATION is {settings.location}",
            "unset DROPFORGE_VERTEX_ENDPOINT",
        )


def _base_model(operator: Operator, today: date) -> Diagnosis:
    model = operator.catalogue.model(operator.tuning.base_model)
    what = "base model"
    instead = f": set tuning.base_model to {model.successor}" if model.successor else ""
    if model.retires <= today:
        return wrong(what, f"{model.id}, the default, was retired on {model.retires}{instead}", EDIT)
    if model.closes <= today:
        return wrong(what, f"{model.id}, the default, has taken no new tuning since {model.closes}{instead}", EDIT)
    if model.retires - today <= SOON:
        return ok(
            what, f"{model.id} takes new tuning until {model.closes}, and retires on {model.retires}{instead}", EDIT
        )
    return ok(what, f"{model.id}, until {model.closes}")
