"""What the doctor asks of the services, and the form of their answers."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dropforge.deadletters import DeadLetters

Policy = Mapping[str, frozenset[str]]
"""Members by role, as IAM names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """How a bucket is set up.

    Attributes:
        name: Its name.
        location: Where it lies, in small letters: a region, or several under one name.
        regional: Whether that is a single region.
        created: When it was made.
        uniform: Whether access is decided for the bucket as a whole.
        private: Whether access for everybody is ruled out.
        versioned: Whether overwritten objects are kept.
        kept_days: For how long deleted objects can be brought back.
        held: What keeps objects from being overwritten, in words; empty for nothing.
        expires: The prefixes under which its lifecycle deletes live objects; an empty one is every object.
    """

    name: str
    location: str
    regional: bool
    created: datetime
    uniform: bool
    private: bool
    versioned: bool
    kept_days: float
    held: str
    expires: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """How a subscription is set up.

    Attributes:
        name: Its short name.
        topic: The short name of its topic.
        push: Where it delivers to; empty where it is pulled from.
        dead_letters: The short name of its dead-letter topic; empty for none.
        expires: Whether it is deleted when it is idle for long.
        backs_off: Whether it waits before it delivers again.
    """

    name: str
    topic: str
    push: str
    dead_letters: str
    expires: bool
    backs_off: bool


class Wiring(Protocol):
    """How buckets, topics and subscriptions are set up."""

    def bucket(self, name: str) -> Bucket:
        """A bucket's settings.

        Raises:
            Missing: There is no such bucket.
            NotPermitted, Unavailable: It cannot be looked at.
        """
        ...

    def topics(self) -> frozenset[str]:
        """The short names of all topics.

        Raises:
            NotPermitted, Unavailable: They cannot be looked at.
        """
        ...

    def subscriptions(self) -> tuple[Subscription, ...]:
        """All subscriptions.

        Raises:
            NotPermitted, Unavailable: They cannot be looked at.
        """
        ...


class GivenUp(DeadLetters, Protocol):
    """Dead letters that a look keeps from others for a while."""

    def give_back(self) -> None:
        """Let others see at once what was looked at."""
        ...


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of one region: its id, and how much may be used; -1 for any amount."""

    id: str
    most: int


class Project(Protocol):
    """What Google says of a project. Every method raises NotPermitted where one may not ask, or Unavailable."""

    def caller(self) -> str:
        """Who asks.

        Raises:
            Misconfigured: There are no credentials.
            Unavailable: They are not accepted any more.
        """
        ...

    def number(self) -> str:
        """The project's number."""
        ...

    def enabled(self, services: Collection[str]) -> frozenset[str]:
        """Which of these APIs are enabled."""
        ...

    def allowed(self, permissions: Collection[str]) -> frozenset[str]:
        """Which of these permissions the caller has."""
        ...

    def policy(self) -> Policy:
        """Who has which role in the project; what folders and the organization grant is not included."""
        ...

    def bucket_policy(self, bucket: str) -> Policy:
        """Who has which role on a bucket itself."""
        ...

    def topic_policy(self, topic: str) -> Policy:
        """Who has which role on a topic itself."""
        ...

    def listeners(self, bucket: str) -> tuple[str, ...]:
        """The topics that are told of new objects in a bucket, by their full names."""
        ...

    def may_act_as(self, account: str) -> bool:
        """Whether the caller may let jobs run as this service account.

        Raises:
            Missing: There is no such account.
        """
        ...

    def quota(self, phrases: Iterable[str], location: str) -> dict[str, Quota]:
        """Of the quotas that are called so, what each allows in a region; one that is not found is left out."""
        ...

    def key(self, name: str) -> str:
        """The state of a key's primary version, as KMS calls it; empty where it has none.

        Raises:
            Missing: There is no such key.
        """
        ...
