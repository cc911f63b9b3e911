"""Composition: the only place where adapters are chosen.

Each is imported and made when a worker first names it: a function starts with what it uses and nothing more.
"""

import inspect
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropforge import settings
from dropforge.ports import Clock, Doorkeeper, EventBus, ModelHost, Notifier, ObjectStore, Reader, Tuner, Webhook
from dropforge.settings import Settings

if TYPE_CHECKING:
    from dropforge.adapters.directory import Directory
    from dropforge.adapters.google.listening import Listening
    from dropforge.adapters.google.undelivered import Undelivered
    from dropforge.adapters.google.vertex import Vertex
    from dropforge.adapters.slack.bot import SlackBot
    from dropforge.aliases import Aliases
    from dropforge.attempts import Attempts
    from dropforge.budget import Budget
    from dropforge.claims import Claims
    from dropforge.doctor.facts import Project, Wiring
    from dropforge.domain.validator.check import Inspection
    from dropforge.ledger import Ledger
    from dropforge.orders import Orders
    from dropforge.outcome import Outcome
    from dropforge.progress import Progress


BUCKETS = "gs://"
_LARGE = 32 * 1024 * 1024  # bytes of a dataset; from this size on, starting processes pays off


class Ports:
    """Everything that a worker may name, made on first use.

    Args:
        settings: Where things are.
        lost: Called when Cloud Storage does not answer; may raise if trying again is pointless.
    """

    def __init__(self, settings: Settings, *, lost: Callable[[], None] = lambda: None) -> None:
        self.settings = settings
        self._lost = lost

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock."""
        from dropforge.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def drop(self) -> ObjectStore:
        """The bucket that datasets are dropped into."""
        return self._bucket(self.settings.drop_bucket)

    @cached_property
    def state(self) -> ObjectStore:
        """The bucket that holds the ledger and the runs' data."""
        return self._bucket(self.settings.state_bucket)

    @cached_property
    def bus(self) -> EventBus:
        """Where events are published."""
        from dropforge.adapters.google.pubsub import PubSubBus

        return PubSubBus(self.settings.project)

    @cached_property
    def undelivered(self) -> "Undelivered":
        """What Pub/Sub gave up delivering."""
        from dropforge.adapters.google.undelivered import Undelivered

        return Undelivered(self.settings.project)

    @cached_property
    def listening(self) -> "Listening":
        """Hears what is published."""
        from dropforge.adapters.google.listening import Listening

        return Listening(self.settings.project)

    @cached_property
    def wiring(self) -> "Wiring":
        """How buckets, topics and subscriptions are set up."""
        from dropforge.adapters.google.wiring import GoogleWiring

        return GoogleWiring(self.settings.project)

    @cached_property
    def project(self) -> "Project | None":
        """What Google says of the project; None where servers on this machine stand in for its services."""
        if self.settings.has_stand_ins:
            return None
        from dropforge.adapters.google.project import GoogleProject

        return GoogleProject(self.settings.project)

    @cached_property
    def ledger(self) -> "Ledger":
        """The record of every run."""
        from dropforge.ledger import Ledger

        return Ledger(self.state)

    @cached_property
    def aliases(self) -> "Aliases":
        """Where readers are pointed to."""
        from dropforge.aliases import Aliases

        return Aliases(self.state)

    @cached_property
    def claims(self) -> "Claims":
        """Leases for what no service makes idempotent."""
        from dropforge.claims import Claims

        return Claims(self.state, self.clock)

    @cached_property
    def budget(self) -> "Budget":
        """What may be spent."""
        from dropforge.budget import Budget

        return Budget(self.state, self.clock, self.settings.operator.caps)

    @cached_property
    def orders(self) -> "Orders":
        """The jobs of validated runs."""
        from dropforge.orders import Orders

        return Orders(self.state, self.tuner, self.progress, self.budget, self.settings)

    @cached_property
    def attempts(self) -> "Attempts":
        """Further attempts at a version."""
        from dropforge.attempts import Attempts

        return Attempts(self.state, self.progress)

    @cached_property
    def progress(self) -> "Progress":
        """Moves runs on, and publishes each step."""
        from dropforge.progress import Progress

        return Progress(self.ledger, self.bus, self.clock, self.settings.links)

    @cached_property
    def tuner(self) -> Tuner:
        """Where tuning jobs run."""
        return self._vertex

    @cached_property
    def host(self) -> ModelHost:
        """Where models are served."""
        return self._vertex

    @cached_property
    def notifier(self) -> Notifier:
        """Who tells people: Slack's bot where there is one, else an incoming webhook of Slack's."""
        from dropforge.adapters.slack.notifier import SlackNotifier

        return self.bot or SlackNotifier(self.settings.slack_url, self.clock)

    @cached_property
    def bot(self) -> "SlackBot | None":
        """Slack's bot; None where it has no token."""
        if not self.settings.slack_token:
            return None
        from dropforge.adapters.slack.bot import SlackBot

        wanted = self.settings.operator.notifications
        return SlackBot(self.settings.slack_token, self.settings.slack_api, wanted, self.claims, self.clock)

    @cached_property
    def webhook(self) -> Webhook | None:
        """The webhook that events are also sent to; None where there is none."""
        if not self.settings.webhook_url:
            return None
        from dropforge.adapters.webhook import SignedWebhook

        return SignedWebhook(self.settings.webhook_url, self.settings.webhook_keys, self.settings.project, self.clock)

    @cached_property
    def doorkeeper(self) -> Doorkeeper | None:
        """Identifies who comes to the console; None without Identity-Aware Proxy."""
        if not self.settings.iap_audience:
            return None
        from dropforge.adapters.google.doorkeeper import IdentityAwareProxy

        return IdentityAwareProxy(self.settings.iap_audience)

    @cached_property
    def _vertex(self) -> "Vertex":
        from dropforge.adapters.google.vertex import Vertex

        return Vertex(self.settings)

    def _bucket(self, name: str) -> ObjectStore:
        from dropforge.adapters.google.storage import CloudStorage

        return CloudStorage(self.settings.project, name, lost=self._lost)


def reader(place: str) -> tuple[Reader, str]:
    """The reader of a folder, and the prefix of its files. A place is `gs://BUCKET/PATH`, or a path on this machine.

    Raises:
        Misconfigured: There are no credentials to read the bucket with.
    """
    if not place.startswith(BUCKETS):
        return directory(place), ""
    from dropforge.adapters.google.storage import CloudStorage

    bucket, _, path = place.removeprefix(BUCKETS).partition("/")
    return CloudStorage("", bucket), f"{path.rstrip('/')}/" if path.strip("/") else ""


def directory(path: str) -> "Directory":
    """A folder on this machine."""
    from dropforge.adapters.directory import Directory

    return Directory(Path(path))


def inspection(place: str, size: int) -> AbstractContextManager["Inspection"]:
    """What inspects a folder of this many bytes: several processes, where large files lie on this machine."""
    if place.startswith(BUCKETS) or size < _LARGE:
        from dropforge.domain.validator.check import in_turn

        return nullcontext(in_turn)
    from dropforge.adapters.processes import processes

    return processes()


_lock = threading.RLock()
_ports: Ports | None = None


def ports() -> Ports:
    """This process's ports, from its environment.

    Raises:
        Misconfigured: A setting is missing.
    """
    global _ports  # noqa: PLW0603 - one composition a process, made when the first event comes
    with _lock:
        if _ports is None:
            from dropforge import logs

            logs.set_up()
            _ports = Ports(settings.load())
        return _ports


def use(chosen: Ports | None) -> Ports | None:
    """Take these ports instead of those of the environment; None goes back to them. For rehearsals and tests.

    Returns:
        What was in use before.
    """
    global _ports
    with _lock:
        before, _ports = _ports, chosen
        return before


def perform(work: Callable[..., "Outcome"], event: Any) -> "Outcome":  # noqa: ANN401 - whatever the worker takes
    """Call a worker with an event and the ports that its keyword parameters name."""
    return work(event, **named(work, ports()))


def named(work: Callable[..., object], made: Ports) -> dict[str, Any]:
    """The ports that a callable's keyword-only parameters name, each made when it is first named.

    Raises:
        Misconfigured: One cannot be made, for want of credentials.
    """
    wanted = [name for name, given in inspect.signature(work).parameters.items() if given.kind is given.KEYWORD_ONLY]
    with _lock:  # threads of one process must not make two clients of a kind
        return {name: getattr(made, name) for name in wanted}
