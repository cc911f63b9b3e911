"""Settings: the only reader of the environment and of the operator's file.

The environment says where things are; `dropforge.yaml` (its path in `DROPFORGE_CONFIG`) says what the operator wants.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from dropforge.domain.announcements import Links
from dropforge.domain.catalogue import Limits, suggestion
from dropforge.domain.errors import Misconfigured
from dropforge.domain.jobs import Machines
from dropforge.domain.tuning import Bounds, Tuning, problems_of

_SHARE_OF_TIME = 0.7
_LONGEST_KEPT = 10_000  # hours, more than a year
JOBS = "https://console.cloud.google.com/vertex-ai/locations/{}/pipelines/runs/"


@dataclass(frozen=True, slots=True)
class ServingMachines:
    """What the operator lets a deployed model run on (Vertex recommends this one; it bills by the hour)."""

    machine_type: str = "a2-highgpu-1g"
    accelerator_type: str = "NVIDIA_TESLA_A100"
    accelerator_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The operator's file, `dropforge.yaml`. Every key may be left out.

    Attributes:
        tuning: Defaults of a dataset's `tuning.yaml`.
        allowed_retired: Base models that may be tuned although their date has passed.
        limits: How large a dataset may be, where Vertex allows another size than the catalogue knows.
        training: On what training runs.
        serving: On what models are served.
        service_account: As whom the pipeline job runs; empty for the project's default.
        network: The VPC network of the job; empty for none.
        encryption_key: The CMEK key's resource name; empty for Google's own.
        keep_previous_hours: How long a space that readers have left is kept for a rollback.
    """

    tuning: Tuning = field(default_factory=Tuning)
    allowed_retired: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    training: Machines = field(default_factory=Machines)
    serving: ServingMachines = field(default_factory=ServingMachines)
    service_account: str = ""
    network: str = ""
    encryption_key: str = ""
    keep_previous_hours: float = 24

    @property
    def keeps_previous(self) -> timedelta:
        """How long a space that readers have left is kept."""
        return timedelta(hours=self.keep_previous_hours)

    @property
    def bounds(self) -> Bounds:
        """What a dataset's own configuration is laid over."""
        return Bounds(self.tuning, self.allowed_retired)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are.

    Attributes:
        project: The Google Cloud project.
        location: The region of Vertex AI.
        drop_bucket: Where people drop datasets.
        state_bucket: Where the ledger and the runs' data lie.
        vertex_endpoint: The Vertex AI API's address.
        slack_url: The incoming webhook; a secret. Empty for none.
        console_url: Where people find the console; empty for nowhere.
        settle_seconds: How long a folder must be quiet before it counts as complete.
        incomplete_after_seconds: How long a folder may wait for missing files until somebody is told.
        patience_seconds: How long a sweep leaves things to events; longer than any function may run.
        function: The function that runs, as the functions framework tells it; empty where none does.
        timeout_seconds: How long a function may run, as Cloud Run tells it.
        give_up_seconds: How old an event may grow until what keeps failing is set aside.
        operator: The operator's file.
    """

    project: str
    location: str
    drop_bucket: str
    state_bucket: str
    vertex_endpoint: str
    slack_url: str = field(repr=False)
    console_url: str
    settle_seconds: float
    incomplete_after_seconds: float
    patience_seconds: float
    function: str
    timeout_seconds: float
    give_up_seconds: float
    operator: Operator

    @property
    def links(self) -> Links:
        """Where people can look."""
        jobs = (
            "" if self.vertex_endpoint.startswith("http://") else JOBS.format(self.location)
        )  # a stand-in's are not there
        return Links(self.console_url, jobs, self.project)

    @property
    def settle(self) -> timedelta:
        """How long a folder must be quiet before it counts as complete."""
        return timedelta(seconds=self.settle_seconds)

    @property
    def working_time(self) -> timedelta:
        """How long a worker may take one record after the other: the last of them must end in time, too."""
        return timedelta(seconds=self.timeout_seconds) * _SHARE_OF_TIME

    @property
    def gives_up_after(self) -> timedelta:
        """How old an event may grow until what keeps failing is set aside."""
        return timedelta(seconds=self.give_up_seconds)

    @property
    def patience(self) -> timedelta:
        """How long a sweep leaves things to events."""
        return timedelta(seconds=self.patience_seconds)


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        Misconfigured: One is missing or unusable; says which, and what it should be.
    """
    env = os.environ if environment is None else environment

    def required(name: str, meaning: str) -> str:
        if value := env.get(name, ""):
            return value
        raise Misconfigured(f"{name} is not set: give it {meaning}")

    location = env.get("DROPFORGE_LOCATION", "us-central1")
    return Settings(
        project=required("DROPFORGE_PROJECT", "the Google Cloud project's id"),
        location=location,
        drop_bucket=required("DROPFORGE_DROP_BUCKET", "the name of the bucket that datasets are dropped into"),
        state_bucket=required("DROPFORGE_STATE_BUCKET", "the name of the bucket that holds the ledger"),
        vertex_endpoint=env.get("DROPFORGE_VERTEX_ENDPOINT", f"{location}-aiplatform.googleapis.com"),
        slack_url=_webhook(env.get("DROPFORGE_SLACK_URL", "")),
        console_url=env.get("DROPFORGE_CONSOLE_URL", ""),
        settle_seconds=_seconds(env, "DROPFORGE_SETTLE_SECONDS", default=10, most=300),
        incomplete_after_seconds=_seconds(env, "DROPFORGE_INCOMPLETE_AFTER_SECONDS", default=3600, most=604_800),
        patience_seconds=_seconds(env, "DROPFORGE_PATIENCE_SECONDS", default=600, most=86_400),
        function=env.get("FUNCTION_TARGET", ""),
        timeout_seconds=_seconds(env, "CLOUD_RUN_TIMEOUT_SECONDS", default=300, most=3600),
        give_up_seconds=_seconds(env, "DROPFORGE_GIVE_UP_SECONDS", default=43_200, most=604_800),
        operator=operator(env),
    )


def operator(environment: Mapping[str, str] | None = None) -> Operator:
    """Read the operator's file; without one everything is as it comes.

    Raises:
        Misconfigured: It cannot be used.
    """
    env = os.environ if environment is None else environment
    return _operator(env.get("DROPFORGE_CONFIG", ""))


def _webhook(address: str) -> str:
    """The address is a secret: it is checked, and never shown."""
    begins_well = address.startswith(("https://", "http://127.0.0.1:"))
    if address and not (begins_well and address.isprintable() and " " not in address):
        raise Misconfigured("DROPFORGE_SLACK_URL is no address of a webhook: copy it again, from https:// on")
    return address


def _seconds(env: Mapping[str, str], name: str, *, default: float, most: float) -> float:
    try:
        seconds = float(env.get(name, default))
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= most:
        raise Misconfigured(f"{name} is {env[name]!r}: give it a number of seconds from 0 to {most:g}")
    return seconds


def _operator(path: str) -> Operator:
    if not path:
        return Operator()
    try:
        written = msgspec.yaml.decode(Path(path).read_bytes() or b"{}", type=dict[str, Any])
        _refuse_unknown(written, Operator)
        operator = msgspec.convert(written, Operator)
        if problems := problems_of(operator.tuning):
            raise ValueError("; ".join(problems))  # noqa: TRY301 - told with the rest
        if not 0 <= operator.keep_previous_hours <= _LONGEST_KEPT:
            raise ValueError(f"keep_previous_hours must be from 0 to {_LONGEST_KEPT}")  # noqa: TRY301 - as above
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise Misconfigured(f"{path}, which DROPFORGE_CONFIG names, cannot be used: {error}") from error
    return operator


def _refuse_unknown(written: Mapping[str, Any], kind: Any) -> None:  # noqa: ANN401 - a dataclass
    """A key that means nothing is a typing error, and would be silently without effect."""
    known: dict[str, Any] = {field.name: field.default_factory for field in fields(kind)}
    for key, value in written.items():
        if key not in known:
            raise ValueError(f"{key} is no setting{suggestion(key, known)}")
        if isinstance(value, dict) and is_dataclass(known[key]):
            _refuse_unknown(value, known[key])
