"""What keeps a command from its work, in one sentence, with what to do next."""

import re
from collections.abc import Mapping

from dropforge.domain.errors import DropforgeError, Exhausted, Misconfigured, Missing, NotPermitted, Unavailable
from dropforge.domain.text import harmless

# What a service's client puts before the service's own words.
_REQUEST = re.compile(r"\b(?:DELETE|GET|PATCH|POST|PUT) https?://\S+: ")
_DOCTOR = "`dropforge doctor` tells more"
# The first that fits: some are subclasses of others.
_STEPS: Mapping[type[DropforgeError], str] = {
    NotPermitted: "ask the project's owner; `dropforge doctor` names the role that you need",
    Misconfigured: "`gcloud auth application-default login` signs you in",
    Missing: f"check the names of the project and its buckets; {_DOCTOR}",
    Exhausted: "try again in a minute",
    Unavailable: f"check that this machine can reach it, and try again; {_DOCTOR}",
}


def sentence(error: DropforgeError | OSError) -> str:
    """An error in one sentence; where it comes from a service, with a next step, which nobody has added yet."""
    told = harmless(_REQUEST.sub("", str(error)))
    if not isinstance(error, DropforgeError) or not _is_a_services(error.__cause__):
        return told
    step = next((step for kind, step in _STEPS.items() if isinstance(error, kind)), "")
    return f"{told.rstrip('.')}: {step}" if step else told


def _is_a_services(cause: BaseException | None) -> bool:
    """Whether it comes from a client of Google's, or from the network below it."""
    return type(cause).__module__.partition(".")[0] in {"google", "requests", "urllib3"}
