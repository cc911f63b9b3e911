"""What a look comes to: what was looked at, how it is, and what to do."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from dropforge.domain.errors import DropforgeError, Exhausted, NotPermitted
from dropforge.domain.text import printable, shortened
from dropforge.settings import Settings

RESTART = "dropforge local down && dropforge local up --detach"  # makes whatever a laptop's stack lacks
EDIT = "${EDITOR:-vi} ${DROPFORGE_CONFIG:-dropforge.yaml}"
_LONGEST = 300


class State(StrEnum):
    """How it is; the most urgent first."""

    WRONG = "wrong"
    UNKNOWN = "unknown"  # it could not be looked at
    OK = "ok"
    SKIPPED = "skipped"  # it does not apply here


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of one look.

    Attributes:
        state: How it is.
        what: What was looked at.
        says: What was seen.
        do: A command that fixes it, or that shows more; empty where there is nothing to do.
        subject: What it belongs to.
    """

    state: State
    what: str
    says: str
    do: str = ""
    subject: str = ""


def ok(what: str, says: str, do: str = "") -> Diagnosis:
    """It is well; where there is something to do all the same, it is a note."""
    return Diagnosis(State.OK, what, says, do)


def wrong(what: str, says: str, do: str) -> Diagnosis:
    """It must be mended."""
    return Diagnosis(State.WRONG, what, says, do)


def unknown(what: str, says: str, do: str) -> Diagnosis:
    """It could not be looked at."""
    return Diagnosis(State.UNKNOWN, what, says, do)


def skipped(what: str, says: str = "servers on this machine stand in for Google's") -> Diagnosis:
    """It does not apply here."""
    return Diagnosis(State.SKIPPED, what, says)


def mends(settings: Settings, cloud: str = "") -> str:
    """What makes whatever is missing: a restart of a laptop's stack, else this command; without one, Terraform."""
    if settings.has_stand_ins:
        return RESTART
    return cloud or f"terraform -chdir=deploy/terraform/environments/ENVIRONMENT apply -var project={settings.project}"


def shows(settings: Settings, cloud: str) -> str:
    """What shows more: the status of a laptop's stack, else this command."""
    return "dropforge local status" if settings.has_stand_ins else cloud


def looked(what: str, look: Callable[[], Iterable[Diagnosis]], *, role: str, do: str) -> Iterator[Diagnosis]:
    """What a look shows; if it fails, why, as a diagnosis, so that the next look is taken all the same.

    Args:
        what: What is looked at.
        look: Takes the look.
        role: The role that lets one look.
        do: What to do if the service does not answer.
    """
    try:
        yield from look()
    except NotPermitted as error:
        yield unknown(what, f"you may not look at it: that takes {role}. {_shown(error)}", do)
    except Exhausted as error:
        yield unknown(what, f"a quota of the service is used up: look again later. {_shown(error)}", do)
    except DropforgeError as error:
        yield wrong(what, _shown(error), do)


def _shown(error: DropforgeError) -> str:
    """An error in brief: where the service was never reached, the message is long and the type says it all."""
    if isinstance(error.__cause__, OSError):
        return f"no answer ({type(error.__cause__).__name__})"
    return printable(shortened(str(error), _LONGEST))
