"""What may be spent."""

from collections.abc import Iterator
from dataclasses import fields

from dropforge.doctor.diagnosis import EDIT, Diagnosis, ok
from dropforge.domain.plan import figure
from dropforge.settings import Settings


def spending(*, settings: Settings) -> Iterator[Diagnosis]:
    """Whether there is a cap at all."""
    caps = settings.operator.caps
    limits = {field.name: getattr(caps, field.name) for field in fields(caps)}
    given = [f"{name} {figure(limit)}" for name, limit in limits.items() if limit is not None]
    if given:
        yield ok("caps", ", ".join(given))
    else:
        yield ok(
            "caps",
            "none: every drop is tuned at once, whatever it costs; `caps: {jobs_in_flight: 2}` would be one",
            EDIT,
        )
