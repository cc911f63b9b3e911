"""What the workers need of the world: promises, kept by every adapter.

The same contract tests check each promise over the in-memory adapters, and over Google's client libraries against the
local servers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from dropforge.domain.content import Text
from dropforge.domain.event import Event
from dropforge.domain.facts import Fault
from dropforge.domain.files import StoredFile
from dropforge.domain.jobs import JobState, Look, Order
from dropforge.domain.message import Message

NEW = 0  # the generation of an object that is not there yet


class Clock(Protocol):
    """Time, in UTC."""

    def now(self) -> datetime:
        """The present moment, with its time zone."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after this long; at once for zero or less."""
        ...


class Reader(Protocol):
    """A place from which files are only read: a bucket, or a folder on this machine."""

    def list(self, prefix: str) -> Iterator[StoredFile]:
        """Every live object whose name begins with `prefix`, in the order of names, with its metadata.

        Raises:
            Missing: There is no such bucket or folder.
            Unavailable: The service did not answer.
        """
        ...

    def open(self, file: StoredFile) -> BinaryIO:
        """Open exactly this generation, buffered, for one pass from its start. Close it after use.

        Raises:
            Missing: This generation is gone; reading on may raise it too.
            Unavailable: The service did not answer; reading on may raise it too.
        """
        ...


class ObjectStore(Reader, Protocol):
    """One bucket. Strongly consistent: once a call has returned, every later call sees its effect, listings too."""

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        ...

    def page(self, prefix: str, *, after: str = "", most: int) -> Sequence[StoredFile]:
        """The first live objects of a prefix after a given name, in the order of names, in one call.

        Args:
            prefix: How their names begin.
            after: A name, whether an object has it or not; empty to begin with the first.
            most: How many at most, up to 999.

        Raises:
            Unavailable: The service did not answer.
        """
        ...

    def read(self, name: str) -> tuple[bytes, int]:
        """A small object's content and generation.

        Raises:
            Missing: There is no such object.
            Unavailable: The service did not answer.
        """
        ...

    def write(self, name: str, data: bytes, *, replacing: int | None, metadata: Mapping[str, str] | None = None) -> int:
        """Store an object whole, or not at all.

        Args:
            name: The object's name.
            data: Its content.
            replacing: The generation that must be live (`NEW`: none may be); None replaces whatever is there.
            metadata: Custom metadata, kept with it.

        Returns:
            The new generation.

        Raises:
            Conflict: Another generation is live. It may be the caller's own: the client repeats a write whose answer
                was lost. To tell, compare a token in the content.
            Unavailable: The service did not answer; the write may have happened.
        """
        ...

    def upload(self, name: str, content: BinaryIO, *, size: int, crc32c: str, replacing: int) -> int:
        """Store an object of any size from a seekable stream, whole or not at all.

        Args:
            name: The object's name.
            content: Its content, from the stream's current position.
            size: Bytes.
            crc32c: The checksum that they must have, in the form of `StoredFile.crc32c`.
            replacing: As for `write`.

        Returns:
            The new generation.

        Raises:
            Refused: The stream holds fewer bytes, or different ones.
            Conflict, Unavailable: As for `write`.
        """
        ...

    def annotate(self, name: str, metadata: Mapping[str, str]) -> None:
        """Set custom metadata of an object that is there, key by key; its content and generation stay.

        Raises:
            Missing: There is no such object: none is made.
            Unavailable: The service did not answer.
        """
        ...

    def copy_from(self, file: StoredFile, name: str) -> None:
        """Copy exactly this generation, from whichever bucket, to `name` in this one. A copy that exists is kept.

        Raises:
            Missing: This generation is gone.
            Unavailable: The service did not answer.
        """
        ...

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """Remove an object; a missing one is no error.

        Args:
            name: The object's name.
            generation: Remove it only while this generation is live; another one silently stays.

        Raises:
            Unavailable: The service did not answer.
        """
        ...


def listed(store: ObjectStore, name: str) -> StoredFile | None:
    """What a store says of an object, without its content; None where no object has this name. One call."""
    first = next(iter(store.page(name, most=1)), None)  # it would be the first of all that begin with it
    return first if first and first.name == name else None


class EventBus(Protocol):
    """Publishes events, at least once."""

    def publish(self, event: Event) -> None:
        """Publish to the event's topic; returns when the service has it for good.

        Raises:
            Unavailable: The service did not take it, or did not confirm that it had.
            Misconfigured: There is no such topic, or we may not publish to it.
        """
        ...


class Tuner(Protocol):
    """Runs tuning jobs."""

    def submit(self, order: Order) -> str:
        """Start the job of this id once, however often this is called: one that exists and is ours is adopted.

        Returns:
            The job's resource name.

        Raises:
            Refused: The service will not run this order.
            Foreign: A job of this id exists and is not ours.
            Exhausted: A quota is used up for the moment.
            Unavailable: The service did not answer; the job may exist.
        """
        ...

    def look(self, job: str) -> Look:
        """The job's present state, as the service reports it.

        Raises:
            Missing: There is no such job.
            Unavailable: The service did not answer.
        """
        ...

    def find(self, order: Order) -> str:
        """The resource name of the job of this order, which `submit` would adopt.

        Raises:
            Missing: There is no such job.
            Foreign: A job of its id exists and is not ours.
            Unavailable: The service did not answer.
        """
        ...

    def cancel(self, job: str) -> None:
        """Ask a job to stop; one that has ended stays as it is. It has stopped once `look` says so.

        Raises:
            Missing: There is no such job.
            Unavailable: It cannot be asked now: ask again.
        """
        ...

    def named(self, order: str) -> str:
        """The resource name of the job of an order's id, whether it exists or not."""
        ...

    def unfinished(self) -> Mapping[str, JobState]:
        """The state of every job of ours that has not ended, by its order's id: a call for each hundred of them.

        Raises:
            Unavailable: The service did not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation: whether it is over, and what went wrong."""

    done: bool
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of ours as the service lists it: its resource name, what its labels say of it, its age and its models."""

    name: str
    run: str
    dataset: str
    created: datetime
    models: int


class ModelHost(Protocol):
    """Serves models. Every long operation is started and named, never waited for."""

    def endpoint(self, run_id: str) -> str:
        """The resource name of a run's endpoint, whether it exists or not."""
        ...

    def create_endpoint(self, run_id: str, labels: Mapping[str, str]) -> str:
        """Start making the run's endpoint.

        Returns:
            The operation's name; empty when the endpoint exists already, or is being made by an operation
            whose name is lost.

        Raises:
            Refused, Exhausted, Unavailable: As for `Tuner.submit`.
        """
        ...

    def endpoints(self) -> Iterator[Endpoint]:
        """Every endpoint that carries our labels.

        Raises:
            Unavailable: The service did not answer.
        """
        ...

    def deploy(self, endpoint: str, model: str, deployed_model: str, name: str) -> str:
        """Start loading a model on an endpoint, under an id of ours.

        Returns:
            The operation's name; empty when that id is on the endpoint already, or on its way there.

        Raises:
            Missing: The endpoint or the model is not there.
            Refused, Exhausted, Unavailable: As for `Tuner.submit`.
        """
        ...

    def serves(self, endpoint: str, deployed_model: str) -> bool:
        """Whether the model answers on the endpoint now.

        Raises:
            Missing: There is no such endpoint.
            Unavailable: The service did not answer.
        """
        ...

    def operation(self, name: str) -> Operation:
        """An operation's state.

        Raises:
            Missing: The service has forgotten it.
            Unavailable: The service did not answer.
        """
        ...

    def discard(self, endpoint: str, deployed_model: str, *, made_since: datetime | None = None) -> None:
        """Take the model off the endpoint and have the endpoint removed, as far as they exist.

        To be called again until it returns: each call takes the next step that is possible. Once it has returned,
        nothing bills any more, and the empty endpoint is gone, or being removed.

        Args:
            endpoint: Its resource name.
            deployed_model: The model's id there.
            made_since: An endpoint that is older silently stays as it is.

        Raises:
            Unavailable: It is not done yet.
        """
        ...

    def embed(self, endpoint: str, texts: Sequence[Text], task_type: str) -> list[list[float]]:
        """The vectors of any number of texts, in their order, by the model that an endpoint serves.

        The service is asked in requests of the size that it takes, several at once.

        Raises:
            Missing: There is no such endpoint.
            Refused, Exhausted, Unavailable: As for `Tuner.submit`.
        """
        ...

    def embed_by_base(
        self, base_model: str, texts: Sequence[Text], task_type: str, dimensions: int | None
    ) -> list[list[float]]:
        """The vectors of any number of texts, in their order, by a base model, which needs no endpoint of ours.

        Args:
            base_model: Its id.
            texts: What to embed. The service counts a title only for documents.
            task_type: What the vectors are for.
            dimensions: Their length; None for the model's own.

        Raises:
            Refused: The model is not (or no longer) there, or does not take this request.
            Exhausted, Unavailable: As for `Tuner.submit`.
        """
        ...


class Doorkeeper(Protocol):
    """Identifies who comes to the console."""

    def who(self, headers: Mapping[str, str]) -> str:
        """The e-mail address of whoever sent a request, by its headers, whose names are in lower case.

        Raises:
            NotPermitted: They do not say, or not in a way that can be trusted.
            Unavailable: It cannot be found out now.
        """
        ...


class Notifier(Protocol):
    """Tells people."""

    def tell(self, message: Message) -> None:
        """Deliver a message; returns when the other side has accepted it.

        Raises:
            Refused: It will never be accepted like this.
            Unavailable: It was not accepted now, or nobody knows whether it was.
        """
        ...


class Webhook(Protocol):
    """Sends events to somebody else's program."""

    def send(self, event: Event, text: str) -> None:
        """Deliver a signed event, and what people would be told of it; returns when the other side has accepted it.

        Raises:
            Refused: It will never be accepted like this.
            Misconfigured: The receiver wants no events, or wants them sent to another address.
            Unavailable: It was not accepted now, or nobody knows whether it was.
        """
        ...
