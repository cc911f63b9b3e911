"""The public contract: what Dropforge tells the world, one type each.

An event is a fact in the past tense. Its id is stable across retries, so that a subscriber can deduplicate by it:
`RUN/state`, `RUN/state/2` for a state reached twice, `RUN/skipped/<drop>` for a drop that changed nothing, and for
notices a name of what they are about.
Fields are only ever added within `v1`.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from dropforge.domain.event import Event, RunEvent
from dropforge.domain.facts import Fault, Judgement
from dropforge.domain.findings import Finding
from dropforge.domain.plan import Estimate
from dropforge.domain.runs import State


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetValidated(RunEvent):
    """A version passed every check and is pinned for training.

    Attributes:
        rows: Data rows in each file.
        findings: How often each rule found something worth knowing all the same, by the rule's code.
        warnings: The first few of them.
        estimate: What the tuning is expected to take.
        reason: Why a later attempt is made; empty for the first.
    """

    TYPE = "dropforge.dataset.validated.v1"
    TOPIC = "dataset-validated"
    rows: dict[str, int]
    findings: dict[str, int]
    warnings: tuple[Finding, ...] = ()
    estimate: Estimate | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRejected(RunEvent):
    """A version breaks the rules; nothing was submitted.

    Attributes:
        rows: Data rows in each file.
        findings: How often each rule found something, by the rule's code; all of them.
        errors: The first few of the errors for which it was rejected.
    """

    TYPE = "dropforge.dataset.rejected.v1"
    TOPIC = "dataset-rejected"
    rows: dict[str, int]
    findings: dict[str, int]
    errors: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSubmitted(RunEvent):
    """The pipeline job exists: from here on it costs money.

    Attributes:
        job: The pipeline job's resource name.
        base_model: Which model is tuned.
    """

    TYPE = "dropforge.tuning.submitted.v1"
    TOPIC = "tuning-submitted"
    job: str
    base_model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobComplete(RunEvent):
    """The pipeline job ended, or was paused. A run that could not be submitted ends with it, too.

    Attributes:
        outcome: `succeeded`, `failed`, `cancelled` or `paused`.
        job: The pipeline job's resource name; empty where there never was one.
        seconds: Seconds since submission, or, where there was none, since the run began.
        model: The tuned model's resource name; empty where there is none.
        metrics: As the pipeline's evaluator wrote them: its keys, its figures.
        error: Why it ended badly; None where it did not.
    """

    TYPE = "dropforge.job.complete.v1"
    TOPIC = "job-complete"
    outcome: str
    job: str
    seconds: float
    model: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    error: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDeployed(RunEvent):
    """A tuned model answers predictions. Its vectors are a space of their own: re-embed before switching.

    Attributes:
        model: The tuned model's resource name.
        endpoint: The endpoint's resource name: it answers `:predict`.
        space_id: The vector space. Vectors of two spaces cannot be compared.
        previous_space_id: What readers used before; empty for a dataset's first deployment.
        reindex_required: Whether documents must be embedded anew before switching.
        current: Whether the dataset's alias points here; False where a newer wish was deployed meanwhile: do not switch.
        dimensions: Length of a vector.
        metrics: As the pipeline's evaluator wrote them.
        judgement: What the gate measured and decided.
        embeddings: `gs://` prefix of the corpus' vectors in this space, files that Vector Search imports; empty where nobody
            asked for them, or there are none.
    """

    TYPE = "dropforge.model.deployed.v1"
    TOPIC = "model-deployed"
    model: str
    endpoint: str
    space_id: str
    previous_space_id: str
    reindex_required: bool
    current: bool
    dimensions: int
    metrics: dict[str, float]
    judgement: Judgement | None
    embeddings: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMoved(RunEvent):
    """A person pointed a dataset's readers to another space that is served, such as the one before.

    Attributes:
        space_id: Where they are pointed to now.
        previous_space_id: Where they were.
        endpoint: Where `space_id` answers.
        dimensions: Length of its vectors.
        reindex_required: Whether documents must be embedded anew; readers who kept the index of `space_id` need not.
        by: Who asked for it.
        reason: Why, in their words.
    """

    TYPE = "dropforge.alias.moved.v1"
    TOPIC = "model-deployed"
    space_id: str
    previous_space_id: str
    endpoint: str
    dimensions: int
    reindex_required: bool
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWithheld(RunEvent):
    """A tuned model was kept from being deployed: by the gate, by its policy, or because somebody asked.

    Attributes:
        model: The tuned model's resource name.
        judgement: What the gate measured and decided; None where it was not asked.
        error: Who asked for it, and why; None where nobody did.
    """

    TYPE = "dropforge.model.withheld.v1"
    TOPIC = "notices"
    model: str
    judgement: Judgement | None
    error: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployFailed(RunEvent):
    """A tuned model could not be deployed; nothing is left that bills.

    Attributes:
        model: The tuned model's resource name.
        error: Why.
    """

    TYPE = "dropforge.deploy.failed.v1"
    TOPIC = "notices"
    model: str
    error: Fault | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRetired(RunEvent):
    """A space's model was taken off its endpoint.

    Attributes:
        space_id: The space that answers no more.
        by: Who asked for it; empty where nobody did: its readers had left it.
        reason: Why, in their words.
    """

    TYPE = "dropforge.space.retired.v1"
    TOPIC = "notices"
    space_id: str
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSkipped(RunEvent):
    """A drop held the same bytes and configuration as `run`. Nothing was started.

    `state` is the result of validation; where the run stands now, the ledger says.
    """

    TYPE = "dropforge.dataset.skipped.v1"
    TOPIC = "notices"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetIncomplete(Event):
    """A folder has waited for its missing files for too long.

    Attributes:
        missing: The files that are not there (or are empty).
        probably_meant: For a missing file, the unknown one that was probably meant to be it.
        unknown: Files that mean nothing to a dataset.
    """

    TYPE = "dropforge.dataset.incomplete.v1"
    TOPIC = "notices"
    missing: tuple[str, ...]
    probably_meant: dict[str, str]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetMisnamed(Event):
    """A folder's name cannot be a dataset's, or it lies too deep. `dataset` is its path.

    Attributes:
        suggestion: A name that can be a dataset's.
    """

    TYPE = "dropforge.dataset.misnamed.v1"
    TOPIC = "notices"
    suggestion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWaiting(RunEvent):
    """A validated run waits for room: for the service's quota, or for the operator's budget. It is submitted later.

    Attributes:
        since: When this reason was first met.
        reason: `quota`, `queue` behind older runs, the cap's name, or `backoff` after a failure.
        sentence: For people, with the figures.
    """

    TYPE = "dropforge.run.waiting.v1"
    TOPIC = "notices"
    since: datetime
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStuck(RunEvent):
    """A run has stood in its state for longer than is normal. Nothing was done about it.

    Attributes:
        since: When it reached that state.
    """

    TYPE = "dropforge.run.stuck.v1"
    TOPIC = "notices"
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointUnowned(Event):
    """An endpoint carries our labels, and no run accounts for it. It may bill; it is not deleted.

    Attributes:
        endpoint: Its resource name.
        run: The run that it was made for, as far as it is known.
        state: Where that run stands; empty when there is no such run.
    """

    TYPE = "dropforge.endpoint.unowned.v1"
    TOPIC = "notices"
    endpoint: str
    run: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasUnserved(Event):
    """Readers of a dataset are pointed to a model that is not served: somebody removed it by hand.

    Attributes:
        run: The run whose model it is.
        endpoint: Where it should answer.
    """

    TYPE = "dropforge.alias.unserved.v1"
    TOPIC = "notices"
    run: str
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModelRetiring(Event):
    """Readers of a dataset use a model whose base will soon stop answering.

    Attributes:
        base_model: The base.
        retires: Its last day.
        successor: What to tune instead; empty where the service names none yet.
        run: The run that readers use.
    """

    TYPE = "dropforge.base-model.retiring.v1"
    TOPIC = "notices"
    base_model: str
    retires: date
    successor: str
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended, in one line.

    Attributes:
        run: The run's id.
        dataset: Its dataset.
        state: Where it stands.
        base: The base model's figure; None where it was not measured.
        tuned: The tuned model's.
    """

    run: str
    dataset: str
    state: State
    base: float | None
    tuned: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySummedUp(Event):
    """A day is over: how its runs ended, and what is under way. Only where the operator wants it; `dataset` is empty.

    Attributes:
        since: When the day began.
        until: When it was over.
        ended: How many runs ended in it, by state.
        in_flight: How many runs are under way, by state.
        attention: Runs that ended neither deployed nor retired, the newest first, twenty at most.
        gains: Runs whose model gained most, five at most.
    """

    TYPE = "dropforge.day.summed-up.v1"
    TOPIC = "notices"
    since: datetime
    until: datetime
    ended: dict[str, int]
    in_flight: dict[str, int]
    attention: tuple[Ending, ...]
    gains: tuple[Ending, ...]

    @property
    def subject(self) -> str:
        """What the event is about, as a CloudEvents subject."""
        return "datasets"


EVERY_TYPE: tuple[type[Event], ...] = (
    DatasetValidated,
    DatasetRejected,
    TuningSubmitted,
    JobComplete,
    ModelDeployed,
    AliasMoved,
    ModelWithheld,
    DeployFailed,
    SpaceRetired,
    DatasetSkipped,
    DatasetIncomplete,
    DatasetMisnamed,
    RunWaiting,
    RunStuck,
    EndpointUnowned,
    AliasUnserved,
    BaseModelRetiring,
    DaySummedUp,
)
