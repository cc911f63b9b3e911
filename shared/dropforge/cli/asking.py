"""Who asks for something by hand, when, and why: what every command puts on record."""

import getpass
from typing import Annotated

import typer

from dropforge.bootstrap import Ports
from dropforge.domain.facts import Request

Reason = Annotated[str, typer.Option("--reason", help="Why, in your words: it goes on record and into Slack.")]


def request(reason: str, ports: Ports) -> Request:
    """A wish at this moment by the store's clock: this machine's may be wrong, and wishes are compared by time."""
    return Request.of(getpass.getuser(), ports.ledger.clock(), reason)
