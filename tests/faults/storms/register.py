"""Every storm by name, and the sizes at which it fits into a test run."""

from collections.abc import Callable, Mapping
from typing import Any

from faults.storms.deliveries import deliveries
from faults.storms.flood import flood
from faults.storms.kills import kills
from faults.storms.lost_answers import lost_answers
from faults.storms.slack_outage import slack_outage
from faults.storms.strays import strays

STORMS: Mapping[str, Callable[..., Any]] = {
    "deliveries": deliveries,
    "lost-answers": lost_answers,
    "slack": slack_outage,
    "strays": strays,
    "kills": kills,
    "flood": flood,
}
SMALL: Mapping[str, Mapping[str, Any]] = {
    "deliveries": {"versions": 2, "copies": 40},
    "lost-answers": {"folders": 2},
    "slack": {"folders": 3, "seconds": 1, "lost": 2},
    "strays": {"folders": 3, "dropped": 0.2},
    # What keeps people's messages is spared: a post that is cut off waits two minutes for its lease to run out.
    "kills": {"kills": 6, "folders": 3, "every": 1, "whole": 1, "spared": ("notify_slack", "slack", "storage")},
    "flood": {"folders": 12, "within": 1, "submissions": 5, "minute": 4, "concurrent": 4},
}
# What `--size` is the number of.
SIZE: Mapping[str, str] = {
    "deliveries": "versions",
    "lost-answers": "folders",
    "slack": "folders",
    "strays": "folders",
    "kills": "kills",
    "flood": "folders",
}
