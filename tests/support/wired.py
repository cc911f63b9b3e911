"""How a project is wired, in memory: as the deployment makes it, and as a test breaks it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from dropforge.doctor.facts import Bucket, Subscription
from dropforge.domain.errors import Missing
from dropforge.domain.topology import TAKES, TOPICS, VALIDATE, dead_letters

BUCKET = Bucket(
    name="state",
    location="us-central1",
    regional=True,
    created=datetime(2026, 1, 1, tzinfo=UTC),
    uniform=True,
    private=True,
    versioned=True,
    kept_days=7,
    held="",
    expires=(),
)


def subscription(name: str, topic: str, **changed: object) -> Subscription:
    well = {"push": "https://x.run.app/", "dead_letters": "dead", "expires": False, "backs_off": True}
    return Subscription(name=name, topic=topic, **well | changed)


def deployed() -> list[Subscription]:
    """Every subscription of a deployment in the cloud."""
    return [
        *(subscription(f"{name}.{topic}", topic) for name, topics in TAKES.items() for topic in topics),
        *(subscription(dead_letters(name), dead_letters(name), push="", dead_letters="") for name in TAKES),
        subscription(f"eventarc-us-central1-{VALIDATE.replace('_', '-')}-123456-sub-789", "eventarc-1"),
    ]


@dataclass
class Wired:
    """Keeps `Wiring`."""

    buckets: list[Bucket] = field(default_factory=lambda: [BUCKET])
    there: set[str] = field(default_factory=lambda: {*TOPICS, *map(dead_letters, TAKES)})
    subscribed: list[Subscription] = field(default_factory=deployed)

    def bucket(self, name: str) -> Bucket:
        for bucket in self.buckets:
            if bucket.name == name:
                return bucket
        raise Missing(f"gs://{name} is not there")

    def topics(self) -> frozenset[str]:
        return frozenset(self.there)

    def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(self.subscribed)
