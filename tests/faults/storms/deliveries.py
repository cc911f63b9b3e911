"""One finalize event delivered over and over, all at once: still one job a version."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from faults.storms.facts import drained
from faults.storms.invariants import check, repeats
from faults.storms.listener import Listener
from faults.storms.stack import StormyStack
from support.servers import eventually

from dropforge.domain.runs import State

_AT_ONCE = 100
_ANSWERING = 600  # seconds for an answer: hundreds wait for their turn


@dataclass(frozen=True)
class Deliveries:
    """What came of it.

    Attributes:
        versions: How many folders were dropped.
        delivered: How often an event was delivered, beside what storage delivered by itself.
        answers: How often the function answered what.
        drained_in: Seconds from the last delivery until nothing was owed.
        jobs: How many pipeline jobs there are.
        repeated: Slack messages that came more often than they should.
    """

    versions: int
    delivered: int
    answers: dict[int, int]
    drained_in: float
    jobs: int
    repeated: int


def deliveries(
    stack: StormyStack, listener: Listener, prefix: str, *, versions: int = 50, copies: int = 100
) -> Deliveries:
    """Deliver the event of each folder's newest file again and again, at once and before anybody has acted on it."""
    names = [f"{prefix}-{number:03}" for number in range(versions)]
    stack.drop_many(names)
    url = next(part.url for part in stack.parts() if part.name == "validate_dataset")
    events = [_event(_newest(stack, name)) for name in names]
    with (
        httpx.Client(timeout=_ANSWERING, limits=httpx.Limits(max_connections=_AT_ONCE)) as client,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        answers = Counter(pool.map(lambda event: _deliver(client, url, *event), events * copies))
    facts = drained(stack, listener, prefix, names, seconds=120 + 15 * versions)
    check(facts, expected=State.DEPLOYED)
    return Deliveries(
        versions=versions,
        delivered=answers.total(),
        answers=dict(answers),
        drained_in=facts.seconds,
        jobs=facts.jobs.total(),
        repeated=repeats(facts).total(),
    )


def _newest(stack: StormyStack, name: str) -> dict[str, Any]:
    files = stack.objects(f"datasets/{name}/", bucket="dropforge-drop")
    return max(files, key=lambda file: (file["timeCreated"], file["generation"]))


def _event(file: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The CloudEvent of a file, as tests/events/object_finalized.json has it."""
    headers = {
        "ce-id": f"again-{file['generation']}",
        "ce-specversion": "1.0",
        "ce-time": file["timeCreated"],
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{file['bucket']}",
        "ce-subject": f"objects/{file['name']}",
        "ce-bucket": file["bucket"],
    }
    return headers, file


def _deliver(client: httpx.Client, url: str, headers: dict[str, str], file: dict[str, Any]) -> int:
    """Deliver until there is an answer, as Eventarc does where a connection breaks; what it is."""

    def answered() -> int:
        with suppress(httpx.TransportError):
            return client.post(url, headers=headers, json=file).status_code
        return 0

    return eventually(answered, seconds=_ANSWERING)
