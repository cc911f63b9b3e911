"""Logs: structured, JSON that Cloud Logging reads, readable colours on a terminal.

An entry's event is `noun.verb`; all of them stand in `Name`. Text of a dataset or of a service is hostile: control
characters never reach a terminal, and JSON escapes the rest. An exception's may hold a secret, which is never logged.
"""

import logging
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Literal, Protocol, get_args

import structlog

from dropforge.domain.errors import Transient
from dropforge.domain.text import printable, without_secrets

Name = Literal[
    "event.handled",
    "event.unreadable",
    "event.retried",
    "event.given_up",
    "event.discarded",
    "run.reached",
    "record.failed",
    "record.repaired",
]


class Log(Protocol):
    """A logger that takes only names that are written down here."""

    def info(self, event: Name, **facts: object) -> None:
        """Something happened."""
        ...

    def warning(self, event: Name, **facts: object) -> None:
        """Something an operator may want to know."""
        ...

    def error(self, event: Name, **facts: object) -> None:
        """Something an operator must look at."""
        ...

    def exception(self, event: Name, **facts: object) -> None:
        """As `error`, with the stack of the exception being handled."""
        ...


log: Log = structlog.stdlib.get_logger("dropforge")
NAMES = frozenset(get_args(Name))


class Isolated:
    """What became of the work on one record: `error` is what it failed with, None where it did not."""

    error: Exception | None = None


@contextmanager
def isolated(**record: str) -> Iterator[Isolated]:
    """Keep one record's failure from touching the next: it is logged with its stack, and the record's turn comes again.

    Args:
        record: Names it: `run=...` or `dataset=...`.
    """
    outcome = Isolated()
    try:
        yield outcome
    except Transient as error:
        outcome.error = error
        log.warning("record.failed", error=type(error).__name__, reason=str(error), **record)
    except Exception as error:  # whatever it is, the other records still have a claim to be looked at
        outcome.error = error
        log.exception("record.failed", **record)


def set_up(*, terminal: bool | None = None, least: int = logging.INFO) -> None:
    """Send logs to standard error: in colour to a terminal, else one JSON object a line; none below the least level."""
    coloured = sys.stderr.isatty() if terminal is None else terminal
    render = structlog.dev.ConsoleRenderer() if coloured else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _fit_to_be_read,
            *([] if coloured else [_with_trace, _as_cloud_logging]),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _fit_to_be_read(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in entry.items():
        if isinstance(value, str):
            lines = value.split("\n") if key == "exception" else [value]
            entry[key] = "\n".join(printable(without_secrets(line)) for line in lines)
    return entry


def _as_cloud_logging(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Rename to what Cloud Logging reads."""
    entry["severity"] = entry.pop("level", "info").upper()
    entry["message"] = entry.pop("event")
    return entry


def _with_trace(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Group the entries of one request by the trace that Cloud Run names in a header, as `TRACE/SPAN;o=1`."""
    flask = sys.modules.get("flask")  # there in a function; a command line starts faster without it
    header = flask.request.headers.get("X-Cloud-Trace-Context", "") if flask and flask.has_request_context() else ""
    if header:
        project = os.environ.get("DROPFORGE_PROJECT", "")
        entry["logging.googleapis.com/trace"] = f"projects/{project}/traces/{header.partition('/')[0]}"
    return entry
