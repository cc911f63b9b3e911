"""Which events people are told of, and where: what the operator's file says of it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from dropforge.domain.catalogue import suggestion
from dropforge.domain.event import Event
from dropforge.domain.events import EVERY_TYPE, JobComplete

_OUTCOMES = ("succeeded", "failed", "cancelled", "paused")
# Slack: a name has at most 80 lower-case letters, digits, hyphens and underscores; an id is C, D or G and more of A-Z and 0-9.
_CHANNEL = re.compile(r"#[\w-]{1,80}|[CDG][A-Z0-9]{2,20}")


def kind_of(event: Event) -> str:
    """What the operator's file calls an event: `model.deployed`; the end of a job goes by its outcome: `job.failed`."""
    return f"job.{event.outcome}" if isinstance(event, JobComplete) else _kind(type(event))


def _kind(event: type[Event]) -> str:
    return event.TYPE.removeprefix("dropforge.").rpartition(".")[0]


KINDS = tuple(
    sorted(
        {_kind(event) for event in EVERY_TYPE if event is not JobComplete} | {f"job.{outcome}" for outcome in _OUTCOMES}
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    """What the operator wants people to be told. Events go by their kinds; `*` and `?` are wildcards.

    Attributes:
        channel: Where Slack's bot tells of every dataset that `channels` does not name.
        channels: Where it tells of others, by the dataset's name; the first that matches counts.
        events: Which events are told.
        without: Which of them are not.
        broadcast: Which are shown in the channel, too, and not only in their run's thread.
        digest: At which hour, UTC, the day before is summed up; None for never.
    """

    channel: str = "#dropforge"
    channels: dict[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ("*",)
    without: tuple[str, ...] = ()
    broadcast: tuple[str, ...] = (
        "alias.moved",
        "dataset.rejected",
        "deploy.failed",
        "job.failed",
        "model.*",
        "run.stuck",
    )

    digest: int | None = None

    def wants(self, kind: str) -> bool:
        """Whether people are told of events of this kind."""
        return _fits(kind, self.events) and not _fits(kind, self.without)

    def broadcasts(self, kind: str) -> bool:
        """Whether an answer in a thread is shown in the channel, too."""
        return _fits(kind, self.broadcast)

    def channel_of(self, dataset: str) -> str:
        """Where people are told of a dataset."""
        return next((channel for name, channel in self.channels.items() if fnmatchcase(dataset, name)), self.channel)

    @property
    def every_channel(self) -> tuple[str, ...]:
        """Each channel once."""
        return tuple(dict.fromkeys([self.channel, *self.channels.values()]))


def problems_of_notifications(wanted: Notifications) -> Iterator[str]:
    """What is wrong with what an operator wrote, in sentences; none for what is good."""
    for where, channel in _named_channels(wanted):
        if not (_CHANNEL.fullmatch(channel) and (channel == channel.lower() or channel[0] != "#")):
            yield f"{where} is {channel!r}: write a channel's name as '#name', in quotes, or its id, such as C0123456789"
    if wanted.digest is not None and not 0 <= wanted.digest <= 23:
        yield f"notifications.digest is {wanted.digest}: write an hour from 0 to 23, UTC"
    lists: Mapping[str, Iterable[str]] = {
        "events": wanted.events,
        "without": wanted.without,
        "broadcast": wanted.broadcast,
    }
    for key, patterns in lists.items():
        for pattern in patterns:
            if not any(fnmatchcase(kind, pattern) for kind in KINDS):
                yield f"notifications.{key} names {pattern!r}, which is no event{suggestion(pattern, KINDS)}"


def _named_channels(wanted: Notifications) -> Iterator[tuple[str, str]]:
    yield "notifications.channel", wanted.channel
    for dataset, channel in wanted.channels.items():
        yield f"notifications.channels.{dataset}", channel


def _fits(kind: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in patterns)
