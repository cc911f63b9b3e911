"""How long Slack asks to wait: `Retry-After`, in whole seconds, with an answer of 429."""

from collections.abc import Mapping

_LONGEST = 5.0  # seconds that are worth waiting in a function; for a longer pause the event is delivered again


def short_pause(headers: Mapping[str, str]) -> float | None:
    """The pause, where it is short enough to be waited for here; None where the event had better come again."""
    pause = asked_pause(headers)
    return pause if pause is not None and pause <= _LONGEST else None


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """The pause that an answer asks for, in seconds; None where it asks for none."""
    said = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(said) if said.isascii() and said.isdigit() else None
