"""A subscriber to job-complete that handles each event once, in a process of its own.

    pip install google-cloud-pubsub
    python subscriber.py --project PROJECT --subscription search-team --database completions.sqlite

Pub/Sub delivers at least once, and in any order. The event's id is the same on every delivery: what is done about it
and the note that it was done are one transaction, and only then is the message acknowledged. Whoever is killed
in between finds either both or neither.
"""

import argparse
import json
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from google.api_core.exceptions import AlreadyExists
from google.cloud import pubsub_v1

TOPIC = "job-complete"
TYPE = "dropforge.job.complete.v1"
TABLES = """
create table if not exists handled (id text primary key);
create table if not exists completions (run text, dataset text, outcome text, model text, time text);
"""


def completed(database: sqlite3.Connection, attributes: Mapping[str, str], data: Mapping[str, Any]) -> None:
    """What is to be done about it: replace this by your own. It shares the transaction with the note.

    An effect elsewhere (a call, a mail) cannot: make it idempotent by `ce-id`.
    """
    row = (data["run"], data["dataset"], data["outcome"], data.get("model", ""), attributes["ce-time"])
    database.execute("insert into completions values (?, ?, ?, ?, ?)", row)


def handle(database: sqlite3.Connection, attributes: Mapping[str, str], data: bytes) -> bool:
    """Do what is to be done about an event, unless it was done before; says whether it was done now."""
    if attributes.get("ce-type") != TYPE:
        return False  # a later release may send other types to this topic
    with database:  # one transaction
        noted = database.execute("insert or ignore into handled values (?)", (attributes["ce-id"],))
        if not noted.rowcount:
            return False
        completed(database, attributes, json.loads(data))
    return True


def taking(path: Path) -> Callable[[Any], None]:
    """What handles each message; it is called by several threads, each with a connection of its own."""

    def take(message: Any) -> None:  # noqa: ANN401 - Google's client has no types
        try:
            with closing(sqlite3.connect(path, timeout=30)) as database:
                is_new = handle(database, message.attributes, message.data)
        except Exception as error:  # noqa: BLE001 - whatever it is: it is delivered again, and in the end set aside
            print(f"{message.attributes.get('ce-id')}: {error!r}", file=sys.stderr, flush=True)
            message.nack()
            return
        message.ack()  # at last: what is lost before it is delivered again
        outcome = "handled" if is_new else "nothing to do"
        # In one piece: threads print at once.
        print(f"{message.attributes.get('ce-id')}: {outcome}\n", end="", flush=True)

    return take


def subscribe(subscriber: Any, project: str, name: str, topic_project: str) -> str:  # noqa: ANN401 - as above
    """Make the subscription unless it is there. In production, have Terraform make it, with a dead-letter topic."""
    path = subscriber.subscription_path(project, name)
    wanted = {
        "name": path,
        "topic": subscriber.topic_path(topic_project, TOPIC),
        "ack_deadline_seconds": 60,
        "expiration_policy": {},  # never: otherwise it is deleted after 31 days in which nothing happened
        "retry_policy": {"minimum_backoff": {"seconds": 10}, "maximum_backoff": {"seconds": 600}},
    }
    with suppress(AlreadyExists):
        subscriber.create_subscription(request=wanted)
    return path


def main() -> None:
    """Listen until somebody ends it."""
    parser = argparse.ArgumentParser(description="Note each completed job once.")
    parser.add_argument("--project", required=True, help="the project of the subscription")
    parser.add_argument("--topic-project", help="the project of Dropforge, where it is another one")
    parser.add_argument("--subscription", default="search-team")
    parser.add_argument("--database", type=Path, default=Path("completions.sqlite"))
    given = parser.parse_args()
    with closing(sqlite3.connect(given.database)) as database:
        database.executescript(TABLES)
    with pubsub_v1.SubscriberClient() as subscriber:
        path = subscribe(subscriber, given.project, given.subscription, given.topic_project or given.project)
        print(f"listening to {path}", flush=True)
        subscriber.subscribe(path, callback=taking(given.database)).result()


if __name__ == "__main__":
    main()
