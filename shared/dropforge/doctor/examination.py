"""All looks, side by side: one that fails, or does not come back, hides no other."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from dropforge import bootstrap
from dropforge.doctor.buckets import buckets
from dropforge.doctor.diagnosis import Diagnosis, State, shows, skipped, unknown, wrong
from dropforge.doctor.encryption import encryption
from dropforge.doctor.messages import letters, messages
from dropforge.doctor.project import LOGIN, credentials, identities, services
from dropforge.doctor.schedules import schedules
from dropforge.doctor.slack import bot, hello, slack, webhook
from dropforge.doctor.spending import spending
from dropforge.doctor.vertex import vertex
from dropforge.domain.errors import DropforgeError
from dropforge.domain.text import printable, shortened

Look = Callable[..., Iterator[Diagnosis]]

ALL = "all"  # that a subject would look at
ASKING = 3.0  # seconds to find out who asks: part of the time for all
PATIENCE = 7.5  # seconds for all that is asked of the services


def looks(*, say_hello: bool) -> Mapping[str, tuple[Look, ...]]:
    """What is looked at, by subject, in the order in which people would mend it."""
    return {
        "project": (services, identities),
        "buckets": (buckets,),
        "messages": (messages, letters),
        "schedules": (schedules,),
        "Vertex AI": (vertex,),
        "Slack": (hello,) if say_hello else (slack, bot),
        "webhook": (webhook,),
        "encryption": (encryption,),
        "spending": (spending,),
    }


def examine(
    ports: bootstrap.Ports, subjects: Mapping[str, tuple[Look, ...]], *, patience: float = PATIENCE
) -> Iterator[Diagnosis]:
    """Take every look, several at once.

    Args:
        ports: What they look at, made when it is first named.
        subjects: The looks, by subject.
        patience: Seconds after which a look that has not come back is unknown.
    """
    until = time.monotonic() + patience
    identity = _Taken("project", credentials, ports)
    known = list(identity.result(min(until, time.monotonic() + ASKING)))
    yield from known
    if any(each.state in {State.WRONG, State.UNKNOWN} for each in known):
        yield from left_out(subjects, "it takes credentials")
        return
    taken = [_Taken(subject, look, ports) for subject, of_subject in subjects.items() for look in of_subject]
    for each in taken:
        yield from each.result(until)


def about(subject: str, found: Iterable[Diagnosis]) -> Iterator[Diagnosis]:
    """Diagnoses as those of a subject."""
    return (replace(each, subject=subject) for each in found)


def left_out(subjects: Iterable[str], why: str) -> Iterator[Diagnosis]:
    """Say of subjects that they were not looked at."""
    return (replace(skipped(ALL, why), subject=subject) for subject in subjects)


@dataclass(slots=True)
class _Taken:
    """A look that is being taken, in a thread that ends with the process."""

    subject: str
    look: Look
    ports: bootstrap.Ports
    _seen: list[Diagnosis] = field(default_factory=list)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def result(self, until: float) -> Iterator[Diagnosis]:
        """What was seen until then."""
        self._thread.join(max(until - time.monotonic(), 0))
        seen = list(self._seen)
        if self._thread.is_alive():
            seen.append(unknown(self.look.__name__, "no answer in time", _again(self.ports)))
        return about(self.subject, seen)

    def _take(self) -> None:
        try:
            for each in self.look(**bootstrap.named(self.look, self.ports)):
                self._seen.append(each)
        except DropforgeError as error:
            self._seen.append(wrong(self.look.__name__, printable(shortened(str(error), 300)), LOGIN))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other looks must still be taken
            says = f"the doctor stumbled: {type(error).__name__}: {printable(shortened(str(error), 300))}"
            self._seen.append(unknown(self.look.__name__, says, _again(self.ports)))


def _again(ports: bootstrap.Ports) -> str:
    return shows(ports.settings, "dropforge doctor")
