"""Settings: the only reader of the environment and of the operator's file.

The environment says where things are; `dropforge.yaml` (its path in `DROPFORGE_CONFIG`) says what the operator wants.
"""

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from dropforge.domain.announcements import Links
from dropforge.domain.caps import Caps, problems_of_caps
from dropforge.domain.catalogue import CATALOGUE, Catalogue, Limits, suggestion
from dropforge.domain.corrections import Corrections, ModelCorrection, corrected
from dropforge.domain.errors import Misconfigured
from dropforge.domain.gate import GateRules, problems_of_rules
from dropforge.domain.jobs import Machines, problems_of_labels
from dropforge.domain.notifications import Notifications, problems_of_notifications
from dropforge.domain.plan import Pace, Prices
from dropforge.domain.text import shortened
from dropforge.domain.tuning import POLICIES, Bounds, DeployPolicy, Tuning, problems_of

Kind = TypeVar("Kind")
_SHARE_OF_TIME = 0.7
_LONGEST_KEPT = 10_000  # hours, more than a year
_LONGEST_KEY = 40  # characters shown of an unknown key: the file may not be the one that was meant
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=30), timedelta(days=1)
_MOST_ATTEMPTS = 10
_SLACK = "https://slack.com/api/"
_WEBHOOK_KEY = "whsec_"  # Standard Webhooks: then 24 to 64 random bytes, in base64
_MOST_PREDICTIONS = 1_000_000  # far above the quota that a project begins with
JOBS = "https://console.cloud.google.com/vertex-ai/locations/{}/pipelines/runs/"


@dataclass(frozen=True, slots=True)
class ServingMachines:
    """What the operator lets a deployed model run on (Vertex recommends the default; it bills by the hour)."""

    machine_type: str = "a2-highgpu-1g"
    accelerator_type: str = "NVIDIA_TESLA_A100"
    accelerator_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The operator's file, `dropforge.yaml`. Every key may be left out.

    Attributes:
        tuning: Defaults of a dataset's `tuning.yaml`.
        catalogue: What Vertex AI offers, with the operator's corrections.
        allowed_retired: Base models that may be tuned although Vertex takes no new tuning of them any more.
        allowed_deploy: What a dataset's `tuning.yaml` may say of its deployment.
        limits: How large a dataset may be, where Vertex allows another size than the catalogue knows.
        training: The machines that training runs on.
        serving: The machines that models are served on.
        service_account: The account that the pipeline job runs as; empty for the project's default.
        network: The VPC network of the job; empty for none.
        encryption_key: The CMEK key's resource name; empty for Google's own.
        plan: How fast training is, for estimates.
        prices: What machines cost, for estimates; none are built in.
        caps: How much may be spent.
        attempts: How many attempts at a version are begun if each meets a quota inside the pipeline.
        gate: How models are measured, and what counts as better.
        labels: Put on every job and endpoint, beside our own: for cost tracking.
        keep_previous_hours: How long a space that readers have left is kept for a rollback.
        predictions_a_minute: Requests for vectors that one process sends at most: its share of the project's quota.
        console_actions: Whether people can cancel, rerun, approve, roll back and retire in the console.
        console_predictions: Whether people can try models in the console, which asks them for vectors; if left out,
            only where servers on this machine stand in for Google's services.
        notifications: Which events people are told of, and where.
    """

    tuning: Tuning = field(default_factory=Tuning)
    catalogue: Catalogue = CATALOGUE
    allowed_retired: frozenset[str] = frozenset()
    allowed_deploy: frozenset[DeployPolicy] = frozenset(POLICIES)
    limits: Limits = field(default_factory=Limits)
    training: Machines = field(default_factory=Machines)
    serving: ServingMachines = field(default_factory=ServingMachines)
    service_account: str = ""
    network: str = ""
    encryption_key: str = ""
    plan: Pace = field(default_factory=Pace)
    prices: Prices = field(default_factory=Prices)
    caps: Caps = field(default_factory=Caps)
    attempts: int = 3
    gate: GateRules = field(default_factory=GateRules)
    labels: dict[str, str] = field(default_factory=dict)
    keep_previous_hours: float = 24
    predictions_a_minute: int = 6_000
    console_actions: bool = False
    console_predictions: bool | None = None
    notifications: Notifications = field(default_factory=Notifications)

    @staticmethod
    def pause_after(attempt: int) -> timedelta:
        """How long the next attempt waits where this one met a quota: four times as long as this one did, a day at most."""
        longer: int = 4 ** (attempt - 1)
        return min(_FIRST_PAUSE * longer, _LONGEST_PAUSE)

    @property
    def keeps_previous(self) -> timedelta:
        """How long a space that readers have left is kept."""
        return timedelta(hours=self.keep_previous_hours)

    @property
    def bounds(self) -> Bounds:
        """What a dataset's own configuration is laid over."""
        return Bounds(self.tuning, self.allowed_retired, self.catalogue, self.allowed_deploy)


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
        slack_token: The bot's token; a secret. Empty for none; with one, the incoming webhook is not used.
        slack_api: The address of Slack's API.
        webhook_url: Where events are also sent; a secret, as it may hold one. Empty for nowhere.
        webhook_secret: What they are signed with: one key or, during a rotation, the new one and the old one.
        console_url: Where people find the console; empty for nowhere.
        iap_audience: The audience of what Identity-Aware Proxy signs for the console; empty where there is no proxy.
        settle_seconds: How long a folder must be quiet before it counts as complete.
        incomplete_after_seconds: How long a folder may wait for missing files before somebody is told.
        patience_seconds: How long a sweep leaves things to events; longer than any function may run.
        function: The function that is running, as the functions framework says; empty where none is.
        timeout_seconds: How long a function may run, as Cloud Run says.
        give_up_seconds: How old an event that keeps failing may grow before it is set aside.
        operator: The operator's file.
    """

    project: str
    location: str
    drop_bucket: str
    state_bucket: str
    vertex_endpoint: str
    slack_url: str = field(repr=False)
    slack_token: str = field(repr=False)
    slack_api: str
    webhook_url: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    console_url: str
    iap_audience: str
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
        jobs = "" if self.has_stand_ins else JOBS.format(self.location)  # a stand-in's jobs are not there
        return Links(self.console_url, jobs, self.project)

    @property
    def has_stand_ins(self) -> bool:
        """Whether servers on this machine stand in for Google's services."""
        return self.vertex_endpoint.startswith("http://")

    @property
    def webhook_keys(self) -> tuple[bytes, ...]:
        """What events are signed with."""
        return tuple(base64.b64decode(key.removeprefix(_WEBHOOK_KEY)) for key in self.webhook_secret.split())

    @property
    def console_predicts(self) -> bool:
        """Whether people can try models in the console."""
        wish = self.operator.console_predictions
        return self.has_stand_ins if wish is None else wish

    @property
    def settle(self) -> timedelta:
        """How long a folder must be quiet before it counts as complete."""
        return timedelta(seconds=self.settle_seconds)

    @property
    def working_time(self) -> timedelta:
        """How long a worker may go on beginning records: the last of them must end in time, too."""
        return timedelta(seconds=self.timeout_seconds) * _SHARE_OF_TIME

    @property
    def gives_up_after(self) -> timedelta:
        """How old an event that keeps failing may grow before it is set aside."""
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
        slack_url=_address(env, "DROPFORGE_SLACK_URL"),
        slack_token=_token(env.get("DROPFORGE_SLACK_TOKEN", "")),
        slack_api=_address(env, "DROPFORGE_SLACK_API", default=_SLACK),
        webhook_url=_address(env, "DROPFORGE_WEBHOOK_URL"),
        webhook_secret=_signing(env),
        console_url=env.get("DROPFORGE_CONSOLE_URL", ""),
        iap_audience=env.get("DROPFORGE_IAP_AUDIENCE", ""),
        settle_seconds=_seconds(env, "DROPFORGE_SETTLE_SECONDS", default=10, most=300),
        incomplete_after_seconds=_seconds(env, "DROPFORGE_INCOMPLETE_AFTER_SECONDS", default=3600, most=604_800),
        patience_seconds=_seconds(env, "DROPFORGE_PATIENCE_SECONDS", default=600, most=86_400),
        function=env.get("FUNCTION_TARGET", ""),
        timeout_seconds=_seconds(env, "CLOUD_RUN_TIMEOUT_SECONDS", default=300, most=3600),
        give_up_seconds=_seconds(env, "DROPFORGE_GIVE_UP_SECONDS", default=43_200, most=604_800),
        operator=operator(env),
    )


def operator(environment: Mapping[str, str] | None = None) -> Operator:
    """Read the operator's file; without one, the defaults hold.

    Raises:
        Misconfigured: It cannot be used.
    """
    env = os.environ if environment is None else environment
    return _operator(env.get("DROPFORGE_CONFIG", ""))


def _address(env: Mapping[str, str], name: str, *, default: str = "") -> str:
    """An address that is a secret, or that a secret is sent to: it is checked, and never shown."""
    address = env.get(name, "") or default
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    begins_well = (parts.scheme == "https" and parts.hostname) or (parts.scheme, parts.hostname) == (
        "http",
        "127.0.0.1",
    )
    if address and not (begins_well and address.isprintable() and " " not in address):
        raise Misconfigured(f"{name} is not a usable address: copy it again, from https:// on")
    return address


def _token(token: str) -> str:
    """The bot's token, checked to begin as Slack's bot tokens do: https://docs.slack.dev/authentication/tokens."""
    if token and not (token.startswith("xoxb-") and token.isascii() and token.isprintable() and " " not in token):
        raise Misconfigured("DROPFORGE_SLACK_TOKEN is not a bot token: copy the one that begins with xoxb-")
    return token


def _signing(env: Mapping[str, str]) -> str:
    secret = env.get("DROPFORGE_WEBHOOK_SECRET", "").strip()
    if bool(secret) != bool(env.get("DROPFORGE_WEBHOOK_URL", "")):
        raise Misconfigured("DROPFORGE_WEBHOOK_URL and DROPFORGE_WEBHOOK_SECRET go together: one of them is not set")
    if not all(map(_is_key, secret.split())):
        raise Misconfigured(
            f"DROPFORGE_WEBHOOK_SECRET is not a key: write {_WEBHOOK_KEY} and the base64 of 24 to 64 random bytes, "
            "such as from `openssl rand -base64 32`"
        )
    return secret


def _is_key(key: str) -> bool:
    try:
        size = len(base64.b64decode(key.removeprefix(_WEBHOOK_KEY), validate=True))
    except binascii.Error:
        return False
    return key.startswith(_WEBHOOK_KEY) and 24 <= size <= 64


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
        catalogue = _catalogue(written.pop("catalogue", {}))
        _refuse_unknown(written, Operator)
        operator = replace(msgspec.convert(written, Operator), catalogue=catalogue)
        if problems := list(_problems(operator)):
            raise ValueError("; ".join(problems))  # noqa: TRY301 - told with the rest
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise Misconfigured(f"{path}, which DROPFORGE_CONFIG names, cannot be used: {reason}") from error
    return operator


def _problems(operator: Operator) -> Iterator[str]:
    """What is wrong with the values: what cannot be meant, or contradicts another part of the file."""
    yield from problems_of(operator.tuning, operator.catalogue)
    known = operator.catalogue.base_models
    for model in sorted(operator.allowed_retired - known.keys()):
        yield f"allowed_retired names {model}, which is no model of the catalogue{suggestion(model, known)}"
    if operator.tuning.deploy not in operator.allowed_deploy:
        yield f"tuning.deploy is {operator.tuning.deploy}, which allowed_deploy does not name: allow it, or set another"
    yield from problems_of_caps(operator.caps, operator.prices, operator.plan, operator.training)
    yield from problems_of_notifications(operator.notifications)
    yield from problems_of_rules(operator.gate)
    yield from problems_of_labels(operator.labels)
    for name, least, most in (
        ("keep_previous_hours", 0, _LONGEST_KEPT),
        ("attempts", 1, _MOST_ATTEMPTS),
        ("predictions_a_minute", 1, _MOST_PREDICTIONS),
    ):
        if not least <= getattr(operator, name) <= most:
            yield f"{name} must be from {least} to {most}"


def _catalogue(written: object) -> Catalogue:
    """The catalogue with what the operator's file says of it."""
    parts = _converted(written, dict[str, Any], "catalogue")
    _refuse_unknown(parts, Corrections)
    models = {}
    for model_id, entry in _converted(parts.pop("base_models", {}), dict[str, Any], "catalogue.base_models").items():
        where = f"catalogue.base_models.{model_id}"
        _refuse_unknown(_converted(entry, dict[str, Any], where), ModelCorrection)
        models[model_id] = _converted(entry, ModelCorrection, where)
    return corrected(CATALOGUE, replace(_converted(parts, Corrections, "catalogue"), base_models=models))


def _converted(written: object, kind: type[Kind], where: str) -> Kind:
    try:
        return msgspec.convert(written, kind)
    except msgspec.ValidationError as error:
        hint = ": a date is written as in 2027-04-01" if "date" in str(error) else ""
        raise ValueError(f"{where}: {error}{hint}") from error


def _refuse_unknown(written: Mapping[str, Any], kind: Any) -> None:  # noqa: ANN401 - a dataclass
    """Refuse a key that is no setting: it is a typing error, and would silently have no effect."""
    known: dict[str, Any] = {field.name: field.default_factory for field in fields(kind)}
    for key, value in written.items():
        if key not in known:
            raise ValueError(f"{shortened(str(key), _LONGEST_KEY)} is no setting{suggestion(key, known)}")
        if isinstance(value, dict) and is_dataclass(known[key]):
            _refuse_unknown(value, known[key])
