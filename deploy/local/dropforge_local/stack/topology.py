"""`deploy/topology.json` as types: what both deployments run, and what sets it in motion."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from dropforge_local.stack.errors import StackError

Seconds = Annotated[float, msgspec.Meta(gt=0)]


# Fields that only the cloud needs (memory, cron) are left out here and ignored in the file.
class Trigger(msgspec.Struct, frozen=True):
    """What calls a function: objects finalized in one bucket, messages of topics, or HTTP requests; exactly one of them."""

    bucket: str | None = None
    topics: tuple[str, ...] = ()
    http: bool = False

    def __post_init__(self) -> None:
        if [self.bucket is not None, bool(self.topics), self.http].count(True) != 1:
            raise ValueError("a trigger is exactly one of `bucket`, `topics` and `http`")


class Function(msgspec.Struct, frozen=True):
    """One deployable: a folder under `functions/` whose `main.py` holds an entry point of the same name."""

    trigger: Trigger
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)]


class Schedule(msgspec.Struct, frozen=True):
    """A tick to `topic` every `local_seconds`."""

    topic: str
    local_seconds: Seconds


class Delivery(msgspec.Struct, frozen=True):
    """How a failed delivery is repeated, and after how many attempts it becomes a dead letter."""

    minimum_backoff_seconds: Seconds
    maximum_backoff_seconds: Seconds
    attempts: Annotated[int, msgspec.Meta(ge=5, le=100)]


class Deliveries(msgspec.Struct, frozen=True):
    """Delivery in each deployment."""

    local: Delivery


class Topology(msgspec.Struct, frozen=True):
    """Everything that is deployed, by name; of buckets and topics only the names matter here."""

    buckets: Mapping[str, object]
    topics: Mapping[str, object]
    functions: Mapping[str, Function]
    schedules: Mapping[str, Schedule]
    delivery: Deliveries

    def __post_init__(self) -> None:
        for name, function in self.functions.items():
            _known(f"function {name}", "topic", function.trigger.topics, self.topics)
            _known(f"function {name}", "bucket", filter(None, [function.trigger.bucket]), self.buckets)
        for name, schedule in self.schedules.items():
            _known(f"schedule {name}", "topic", [schedule.topic], self.topics)


def _known(owner: str, kind: str, names: Iterable[str], known: Mapping[str, object]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{owner} names the {kind} {name!r}, which is not declared")


def load(file: Path) -> Topology:
    """Read the topology.

    Raises:
        StackError: the file is missing, unreadable or contradicts itself.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Topology)
    except OSError as error:
        raise StackError(
            f"Cannot read {file} ({error.strerror}): run from a checkout of Dropforge, or name one with --source."
        ) from error
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise StackError(f"{file} is not a topology: {error}.") from error
