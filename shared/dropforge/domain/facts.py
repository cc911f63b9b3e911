"""What becomes known of a run on its way: what was found, decided, measured, asked for, and what went wrong."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from dropforge.domain.findings import Finding
from dropforge.domain.text import printable, shortened

LONGEST_REASON = 300  # characters of what a person gives as a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What validation found.

    Attributes:
        counts: How often each code was found.
        findings: A few of each kind, errors first; the whole report lies at `report`.
        rows: Data rows in each file.
        held_out: Test queries with a relevant document that are not trained on.
        report: `gs://` address of the complete report.
    """

    counts: dict[str, int]
    findings: tuple[Finding, ...]
    rows: dict[str, int]
    report: str
    held_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a run ended badly.

    Attributes:
        code: The service's code, such as `INVALID_ARGUMENT`.
        message: In the service's words; cut.
        step: The pipeline's step that failed, where it is known.
        blame: `user_error` when the dataset or its configuration must change, `system_error` otherwise.
        kind: What it is about: `data`, `budget`, `quota`, `permission`, `model`, `request` (somebody asked for it) or
            `service`.
    """

    code: str
    message: str
    step: str
    blame: str
    kind: str = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a finished job left.

    Attributes:
        model: The model's resource name.
        metrics: As the pipeline's evaluator wrote them: its keys, its figures.
    """

    model: str
    metrics: dict[str, float]


class Verdict(StrEnum):
    """What the gate says of a tuned model, compared with its base."""

    BETTER = "better"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The tuned model against another one, over the same held-out queries.

    Attributes:
        against: `base`, or `deployed` for the model that readers use now.
        model: The base model's id, or the space's.
        figure: The other model's nDCG@10, a mean over the queries.
        gain: By how much the tuned model's is higher.
        low: Lower end of the gain's interval.
        high: Its upper end.
        verdict: The verdict of this comparison.
    """

    against: str
    model: str
    figure: float
    gain: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A query whose ranking changed much. Its texts are the dataset's: hostile, and cut.

    Attributes:
        query: The query's id.
        text: Its text.
        document: Id of its best document.
        found: That document's text.
        before: The document's rank by the base model, from 1; None below the tenth.
        after: Its rank by the tuned model.
    """

    query: str
    text: str
    document: str
    found: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The gate's verdict with its figures.

    Attributes:
        verdict: The verdict, in one word.
        metric: Which figure was compared.
        base: The base model's figure on the held-out queries; None where it was not measured.
        tuned: The tuned model's figure.
        because: The reason, in one sentence.
        measured: Whether the gate asked the served models itself; else the figures are the pipeline's own averages.
        queries: How many held-out queries the figures are of; 0 where it is not known.
        documents: How many documents they had to find theirs among; 0 where it is not known.
        figures: Mean nDCG@10, R@10 and RR@10 by model: `base`, `tuned`, `deployed`.
        comparisons: One for each other model that was measured.
        examples: Queries whose ranking changed most, those that gained first.
        report: `gs://` address of the figures of every query; empty where there are none.
    """

    verdict: Verdict
    metric: str
    base: float | None
    tuned: float | None
    because: str
    measured: bool = False
    queries: int = 0
    documents: int = 0
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    examples: tuple[Example, ...] = ()
    report: str = ""

    @property
    def compared(self) -> tuple[tuple[str, float], ...]:
        """The figures that were compared, by model; none where the base's or the tuned model's is missing."""
        if self.base is None or self.tuned is None:
            return ()
        in_use = self.figures.get("deployed", {}).get(self.metric)
        return (("base", self.base), *((("in use", in_use),) if in_use is not None else ()), ("tuned", self.tuned))


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Where a tuned model is, or is about to be, served.

    Attributes:
        endpoint: The endpoint's resource name; its id is the run's.
        deployed_model: Id of the model on the endpoint: ten digits that follow from the run's id.
        operation: The long-running operation that is under way; empty when none is known.
        space: The vector space's id; empty until the model has answered.
        dimensions: Length of a vector; 0 until the model has answered.
        passed: Whether it has been measured, or approved, and may be opened; until it is open, a failure can end it.
        decision: What becomes of the model, once it is decided: `open` just before readers are pointed to it, `withhold`,
            `retire` when it is about to go; empty before.
        previous_space: What the alias pointed to before; empty for a first deployment.
        current: Whether the alias was moved here; False where a newer drop was deployed meanwhile.
        embeddings: `gs://` prefix of the corpus' vectors in this space; empty where there are none.
        unembedded: Why there are none although somebody asked for them.
        tries: How often loading it was begun again after a failure that may pass.
        again_at: When to try again, at the earliest; None where nothing failed.
    """

    endpoint: str
    deployed_model: str
    operation: str = ""
    space: str = ""
    dimensions: int = 0
    passed: bool = False
    decision: Literal["", "open", "withhold", "retire"] = ""
    previous_space: str = ""
    current: bool = False
    embeddings: str = ""
    unembedded: str = ""
    tries: int = 0
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why a validated run is not submitted yet.

    Attributes:
        reason: `quota` for the service's own, or where too many ask for the budget at once; `queue` behind older runs that wait;
            the cap's name for the operator's budget; `backoff` after a failure.
        since: When this reason was first met.
        sentence: For people, with the figures.
    """

    reason: str
    since: datetime
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asked for.

    Attributes:
        by: Who, as the command line or the proxy before the console knows them.
        at: When.
        reason: In their words.
    """

    by: str
    at: datetime
    reason: str = ""

    @classmethod
    def of(cls, by: str, at: datetime, reason: str = "") -> "Request":
        """The request as it is recorded: both texts are hostile, so each is put on one line and cut."""
        words = (
            printable(shortened(" ".join(text.split()), most)) for text, most in ((by, 100), (reason, LONGEST_REASON))
        )
        return cls(by=next(words), at=at, reason=next(words))
