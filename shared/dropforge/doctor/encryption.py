"""The customer's own key, where the operator names one."""

import re
from collections.abc import Iterator
from functools import partial

from dropforge.doctor.diagnosis import EDIT, Diagnosis, looked, ok, skipped, wrong
from dropforge.doctor.facts import Project
from dropforge.domain.errors import Missing
from dropforge.settings import Settings

_WHAT = "key"
_KEY = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")


def encryption(*, settings: Settings, project: Project | None) -> Iterator[Diagnosis]:
    """Whether it is there, enabled, and in the jobs' region."""
    name = settings.operator.encryption_key
    if not name:
        yield ok(_WHAT, "none is named: Google's own is used")
        return
    parts = _KEY.fullmatch(name)
    if parts is None:
        form = "projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY"
        yield wrong(_WHAT, f"encryption_key is {name!r}: it must have the form {form}", EDIT)
    elif parts["location"] != settings.location:
        says = f"lies in {parts['location']}, and jobs run in {settings.location}: Vertex AI refuses it"
        yield wrong(_WHAT, says, EDIT)
    elif project is None:
        yield skipped(_WHAT, f"lies in {settings.location}; whether it is enabled only KMS knows")
    else:
        show = f"gcloud kms keys describe {name}"
        yield from looked(_WHAT, partial(_state, project, name), role="roles/cloudkms.viewer", do=show)


def _state(project: Project, name: str) -> Iterator[Diagnosis]:
    try:
        state = project.key(name)
    except Missing:
        yield wrong(_WHAT, f"{name} is not there", EDIT)
        return
    if state == "ENABLED":
        yield ok(_WHAT, "enabled, and in the jobs' region")
    else:
        yield wrong(
            _WHAT,
            f"its primary version is {state.lower().replace('_', ' ') or 'missing'}",
            f"gcloud kms keys versions list --key={name}",
        )
