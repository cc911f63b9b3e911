"""Pub/Sub, Eventarc and the scheduler: who gets which message, how often, how late; and one subscriber outside."""

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count

import msgspec
from cloudevents.http import CloudEvent
from faults.simulator.chance import Chance
from faults.simulator.hub import Hub
from faults.simulator.instances import ROOT
from faults.simulator.nature import Nature
from faults.simulator.trace import Trace
from faults.simulator.wishes import PERSON, Wish

from dropforge import wire
from dropforge.domain.datasets import place_of
from dropforge.domain.event import Event, RunEvent
from dropforge.domain.events import DatasetSkipped
from dropforge.domain.files import StoredFile
from dropforge.domain.runs import Run
from dropforge_local.stack import topology

_FILE = ROOT / "deploy" / "topology.json"
_TOPOLOGY = topology.load(_FILE)
_CLOUD = json.loads(_FILE.read_bytes())
_PATIENCE = 540  # seconds after which a person lets go of a command, and repeats it
_JOB_EVENTS = "pipeline-job-events"
_DELIVERY = msgspec.convert(_CLOUD["delivery"]["cloud"], topology.Delivery)


def _period(cron: str) -> float:
    """Seconds between two ticks: of `* * * * *` and `*/N * * * *`, which is all that stands in the topology."""
    minutes, *rest = cron.split()
    assert rest == ["*"] * 4, f"this schedule is not known here: {cron}"
    return 60.0 * int(minutes.removeprefix("*/") if minutes != "*" else 1)


PERIODS: Mapping[str, float] = {name: _period(schedule["cron"]) for name, schedule in _CLOUD["schedules"].items()}


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way.

    Attributes:
        event: As the functions framework hands it over, the same on every delivery; a person is handed a wish.
        about: What it tells, in a word.
        dataset: Whose; empty for a tick.
        is_tick: Whether the scheduler sent it.
    """

    event: CloudEvent | Wish
    about: str
    dataset: str = ""
    is_tick: bool = False


class Delivery:
    """One push of one message to one function: over once, by an answer, a crash or a timeout."""

    def __init__(
        self,
        message: Message,
        function: str,
        attempt: int,
        begin: Callable[["Delivery"], None],
        end: Callable[["Delivery", bool], None],
    ) -> None:
        self.message = message
        self.function = function
        self.attempt = attempt
        self.is_over = False
        self._begin = begin
        self._end = end

    def begin(self) -> None:
        """Say that somebody handles it from now on."""
        self._begin(self)

    def end(self, *, acknowledged: bool) -> None:
        """Say what became of it; what comes after that is not heard."""
        if not self.is_over:
            self.is_over = True
            self._end(self, acknowledged)


class Outside:
    """A subscriber to every public topic, that is always there.

    Attributes:
        events: What it was told, by id.
        wrong: What contradicts the ledger, or what it was told before.
    """

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.wrong: list[str] = []
        self._bytes: dict[str, tuple[bytes, dict[str, str]]] = {}

    def receive(self, event: Event, run: Run | None) -> None:
        """Be told of an event, while the ledger holds this record of its run."""
        message = wire.publishable(event, "p")
        # A skipped drop's event says how the run stands at the moment of telling.
        if self._bytes.setdefault(event.id, message) != message and not isinstance(event, DatasetSkipped):
            self.wrong.append(f"{event.id} was told twice, and differently")
        self.events.setdefault(event.id, event)
        if isinstance(event, RunEvent) and (run is None or all(step.state is not event.state for step in run.history)):
            self.wrong.append(
                f"{event.id} was told, but the ledger says {run.state if run else 'nothing'} at that time"
            )


class Bus:
    """Sends messages on their way, and again as long as they fail.

    Attributes:
        outside: The subscriber outside.
        dropped: How many messages were lost for the functions that move runs on, by dataset; ticks under their schedule.
        counts: Messages published, deliveries, duplicates, drops.
        dead: The dead letters.
        timeouts: When a delivery ran out of time, and for which event or wish.
    """

    def __init__(
        self,
        hub: Hub,
        chance: Chance,
        nature: Nature,
        trace: Trace,
        records: Mapping[str, Run],
        handle: Callable[[Delivery], None],
    ) -> None:
        self.outside = Outside()
        self.dropped = Counter[str]()
        self.counts = Counter[str]()
        self.dead: list[str] = []
        self.timeouts: list[tuple[float, str]] = []
        self._hub = hub
        self._chance = chance
        self._nature = nature
        self._trace = trace
        self._records = records
        self._handle = handle
        self._times = Counter[str]()
        self._numbers = count(1)
        self._subscribers = defaultdict[str, list[str]](list)
        for name, function in _TOPOLOGY.functions.items():
            for topic in function.trigger.topics:
                self._subscribers[topic].append(name)
        self._limits = {name: function.timeout_seconds for name, function in _TOPOLOGY.functions.items()}
        self._limits[PERSON] = _PATIENCE
        self._watched = [name for name, function in _TOPOLOGY.functions.items() if function.trigger.bucket == "drop"]

    def start(self) -> None:
        """Start the schedules."""
        for schedule, period in PERIODS.items():
            if schedule not in self._nature.without:
                self._hub.at(period, partial(self._tick, schedule, period), background=True)

    # What sends messages

    def publish(self, event: Event) -> None:
        """See `EventBus.publish`."""
        self.counts["published"] += 1
        run = self._records.get(event.run) if isinstance(event, RunEvent) else None
        self.outside.receive(event, run)
        data, attributes = wire.publishable(event, "p")
        message = Message(self._published(event.TOPIC, data, attributes), event.id, event.dataset)
        for function in self._subscribers[event.TOPIC]:
            self._send(function, message, message, self._nth(event.id))
        self._times[event.id] += 1

    def finalized(self, file: StoredFile) -> None:
        """Storage tells that an object was written."""
        self.counts["published"] += 1
        place = place_of(file.name)
        about, dataset = f"{file.name}#{file.generation}", place.dataset if place else ""
        first, second = (Message(self._landed(file), about, dataset) for _ in range(2))
        for function in self._watched:
            self._send(function, first, second, self._nth(about))

    def ended(self, job: str) -> None:
        """The service's log tells that a job has ended."""
        self.counts["published"] += 1
        entry = json.dumps({"resource": {"labels": {"pipeline_job_id": job}}}).encode()
        attributes = {"logging.googleapis.com/timestamp": self._hub.now().isoformat()}
        message = Message(self._published(_JOB_EVENTS, entry, attributes), f"log of {job}")
        for function in self._subscribers[_JOB_EVENTS]:
            self._send(function, message, message, f"log/{job}")

    def ask(self, wish: Wish) -> None:
        """A person gives a command, and repeats it as long as it fails; some give it twice."""
        self.counts["wishes"] += 1
        message = Message(wish, str(wish), wish.dataset)
        self._send(PERSON, message, message if wish.may_be_repeated else None, self._nth(str(wish)))
        self._times[str(wish)] += 1

    def _tick(self, schedule: str, period: float) -> None:
        self._hub.at(period, partial(self._tick, schedule, period), background=True)
        topic = _TOPOLOGY.schedules[schedule].topic
        event = self._published(topic, b"", {"schedule": schedule})
        message = Message(event, f"{schedule}/{event['id']}", is_tick=True)
        for function in self._subscribers[topic]:
            self._send(function, message, message, f"{schedule}/{self._hub.time:.0f}")

    def _nth(self, name: str) -> str:
        return f"{name} {self._times[name]}"

    # Messages on their way

    def _send(self, function: str, message: Message, repetition: Message | None, name: str) -> None:
        """Deliver a message to a function, perhaps its repetition, too, perhaps nothing; which, follows from its name."""
        draw, nature = partial(self._chance.draw, name, function), self._nature
        is_lost = draw("drop") < nature.drops or (nature.drop_all and not message.is_tick)
        if is_lost and function != PERSON:
            self.counts["dropped"] += 1
            if function != "notify_slack":
                self.dropped[message.dataset or name.partition("/")[0]] += 1
            self._trace.add(f"{function} never gets {message.about}")
            return
        delay = self._chance.waiting(nature.delay, name, function)
        self._hub.at(delay, partial(self._deliver, function, message, 1), background=message.is_tick)
        if draw("twice") < nature.duplicates and repetition:
            self.counts["duplicated"] += 1
            least, most = nature.repeats
            delay += least + (most - least) * draw("repeat")
            self._hub.at(delay, partial(self._deliver, function, repetition, 1), background=message.is_tick)

    def _deliver(self, function: str, message: Message, attempt: int) -> None:
        self.counts["deliveries"] += 1
        self._handle(Delivery(message, function, attempt, self._begin, self._end))

    def _begin(self, delivery: Delivery) -> None:
        self._hub.at(self._limits[delivery.function], partial(self._run_out, delivery), background=True)

    def _run_out(self, delivery: Delivery) -> None:
        """The service waits no longer; the handler goes on, unheard."""
        if not delivery.is_over:
            self._trace.add(f"{delivery.function} ran out of time over {delivery.message.about}")
            self.timeouts.append((self._hub.time, delivery.message.about))
            delivery.end(acknowledged=False)

    def _end(self, delivery: Delivery, acknowledged: bool) -> None:  # noqa: FBT001 - called back
        if acknowledged or (delivery.function == PERSON and self._nature.gives_up):
            return
        if delivery.attempt >= _DELIVERY.attempts:
            self.dead.append(f"{delivery.function} {delivery.message.about}")
            return
        backoff = min(
            _DELIVERY.minimum_backoff_seconds * 2 ** (delivery.attempt - 1), _DELIVERY.maximum_backoff_seconds
        )
        wait = backoff * (0.8 + 0.4 * self._chance.draw(delivery.message.about, delivery.function, delivery.attempt))
        self._hub.at(wait, partial(self._deliver, delivery.function, delivery.message, delivery.attempt + 1))

    # CloudEvents

    def _published(self, topic: str, data: bytes, attributes: Mapping[str, str]) -> CloudEvent:
        number, now = str(next(self._numbers)), self._hub.now().isoformat()
        envelope = {
            "id": number,
            "source": f"//pubsub.googleapis.com/projects/p/topics/{topic}",
            "type": "google.cloud.pubsub.topic.v1.messagePublished",
            "time": now,
        }
        message = {
            "data": base64.b64encode(data).decode(),
            "attributes": dict(attributes),
            "messageId": number,
            "publishTime": now,
        }
        return CloudEvent(envelope, {"message": message, "subscription": f"projects/p/subscriptions/{topic}"})

    def _landed(self, file: StoredFile) -> CloudEvent:
        envelope = {
            "id": str(next(self._numbers)),
            "source": f"//storage.googleapis.com/projects/_/buckets/{file.bucket}",
            "type": "google.cloud.storage.object.v1.finalized",
            "subject": f"objects/{file.name}",
            "time": self._hub.now().isoformat(),
        }
        data = {"bucket": file.bucket, "name": file.name, "generation": str(file.generation), "size": str(file.size)}
        return CloudEvent(envelope, data)
