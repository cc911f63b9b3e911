"""Dropforge through Google's client for Cloud Storage."""

from pathlib import Path

from dropforge.adapters.google.storage import CloudStorage
from dropforge.domain.validator.check import in_turn
from dropforge.examine import Examiner
from dropforge.settings import operator
from validation.engines.ours import named
from validation.folder import Place

BUCKET, PREFIX = "bench", "datasets/bench/"


def check(_: Path) -> set[Place]:
    """Examine the folder of a bucket that has the same files."""
    return named(Examiner(CloudStorage("bench", BUCKET), operator(), in_turn), PREFIX)
