"""How a dataset is tuned: the operator's defaults, what the dataset's own `tuning.yaml` may change, and what comes out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from typing import Literal, get_args

import yaml

from dropforge.domain.catalogue import BATCH_SIZES, CATALOGUE, SOON, TRAIN_STEPS, BaseModel, Catalogue, suggestion
from dropforge.domain.datasets import TUNING
from dropforge.domain.findings import Findings, quoted
from dropforge.domain.rules import RULES, Severity

_Refusal = tuple[str, tuple[str, ...], str, str]  # the rule, the settings it lies in, what is wrong, a hint
DeployPolicy = Literal["unless_worse", "only_if_better", "always", "manual", "never"]
POLICIES: tuple[DeployPolicy, ...] = get_args(DeployPolicy)
TestLabels = Literal["file", "split"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """The configuration of a run, as resolved. It is part of the version's digest.

    Attributes:
        base_model: What is tuned; an id of the catalogue.
        task_type: What the vectors will be used for.
        batch_size: Pairs in one training step.
        train_steps: Steps (called `iterations` by the first template family).
        output_dimensionality: Length of the vectors; None for the model's own.
        learning_rate_multiplier: Factor on the recommended learning rate.
        test_labels: `file` when `test_label.tsv` must be there, `split` when Vertex splits it off the training labels.
        deploy: Which verdicts of the gate lead to a deployment.
        embed_corpus: Whether the corpus is embedded in the new space before readers are pointed to it.
    """

    base_model: str = "text-embedding-005"
    task_type: str = "DEFAULT"
    batch_size: int = 128
    train_steps: int = 1000
    output_dimensionality: int | None = None
    learning_rate_multiplier: float = 1.0
    test_labels: TestLabels = "file"
    deploy: DeployPolicy = "unless_worse"
    embed_corpus: bool = False

    def as_mapping(self) -> dict[str, object]:
        """The settings that are set, for digests: one that a later release adds leaves old versions as they were."""
        return {key: value for key, value in asdict(self).items() if value not in (None, False)}


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one key takes, in words and as a test."""

    wants: str
    holds: Callable[[object], bool]


def _whole_number_in(allowed: range) -> _Rule:
    return _Rule(
        f"a whole number from {allowed.start} to {allowed.stop - 1:,}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value in allowed,
    )


def _one_of(*words: str) -> _Rule:
    return _Rule("one of " + ", ".join(words), lambda value: value in words)


_SCALARS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))


def _rules(catalogue: Catalogue) -> Mapping[str, _Rule]:
    """What each setting takes."""
    return {
        "base_model": _one_of(*catalogue.base_models),
        "task_type": _one_of(*sorted(catalogue.tasks)),
        "batch_size": _whole_number_in(BATCH_SIZES),
        "train_steps": _whole_number_in(TRAIN_STEPS),
        "output_dimensionality": _whole_number_in(catalogue.dimensions),
        "learning_rate_multiplier": _Rule(
            "a number above 0 and at most 100",
            lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 100,
        ),
        "test_labels": _one_of("file", "split"),
        "deploy": _one_of(*POLICIES),
        "embed_corpus": _Rule("true or false", lambda value: isinstance(value, bool)),
    }


# A key without a rule would go unchecked.
assert set(_rules(CATALOGUE)) == {field.name for field in fields(Tuning)}  # noqa: S101


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the operator configured: the defaults, and what a dataset may ask for beyond the ordinary.

    Attributes:
        defaults: The configuration of a dataset without a `tuning.yaml`.
        allowed_retired: Base models that may be tuned although Vertex takes no new tuning of them any more.
        catalogue: What the service offers.
        allowed_deploy: What `deploy` may be.
    """

    defaults: Tuning = field(default_factory=Tuning)
    allowed_retired: frozenset[str] = frozenset()
    catalogue: Catalogue = CATALOGUE
    allowed_deploy: frozenset[DeployPolicy] = frozenset(POLICIES)


def resolve(text: bytes | None, bounds: Bounds, today: date, findings: Findings) -> Tuning:
    """Lay the dataset's `tuning.yaml` over the operator's defaults.

    Args:
        text: The file's bytes; None when the dataset has none.
        bounds: What the operator configured.
        today: Decides which base models are retired.
        findings: Receives what is wrong, with its line.

    Returns:
        The configuration; for a file with faults the part of it that holds, so that the rest can be checked too.
    """
    tuning, rules = bounds.defaults, _rules(bounds.catalogue)
    lines = (text or b"").decode("utf-8", "replace").splitlines()
    seen: dict[str, int] = {}

    def tell(code: str, line: int, what: str, hint: str = "", column: int = 0) -> None:
        source = lines[line - 1] if 0 < line <= len(lines) else ""
        findings.add(code, TUNING, line, what, hint=hint, column=column, source=source)

    for entry in _entries(text or b"", tell):
        key, value, rule = entry.key, entry.value, rules.get(entry.key)
        if key in seen:
            what = f"{quoted(key)} is already on line {seen[key]}"
            tell("tuning-duplicate-key", entry.line, what, column=entry.column)
            continue
        seen[key] = entry.line
        if rule is None:
            what = f"{quoted(key)} is no setting{suggestion(key, rules)}"
            tell("tuning-unknown-key", entry.line, what, f"Use one of {', '.join(rules)}.", entry.column)
        elif not rule.holds(value):
            shown = quoted(value) if isinstance(value, str) else value
            what = f"{key} is {shown}, but takes {rule.wants}{_near(value, rule)}"
            hint = f"Correct it, or leave the line out to get {getattr(bounds.defaults, key)}."
            tell("tuning-bad-value", entry.line, what, hint, entry.value_column)
        elif key == "deploy" and value not in bounds.allowed_deploy:
            allowed = ", ".join(policy for policy in POLICIES if policy in bounds.allowed_deploy)
            what = f"deploy is {value}, which the operator does not allow"
            hint = f"Use one of {allowed}, or leave the line out to get {bounds.defaults.deploy}."
            tell("tuning-deploy-not-allowed", entry.line, what, hint, entry.value_column)
        else:
            tuning = replace(tuning, **{key: float(value) if key == "learning_rate_multiplier" else value})  # type: ignore[arg-type]
    for code, keys, what, hint in _refused(tuning, bounds, today):
        line = next((seen[key] for key in keys if key in seen), 0)
        tell(code, line, what, hint, 1 if line else 0)
    return tuning


def problems_of(tuning: Tuning, catalogue: Catalogue) -> list[str]:
    """What is wrong with a configuration that an operator wrote, in sentences; empty for a good one."""
    unset = {field.name for field in fields(Tuning) if getattr(tuning, field.name) is None and field.default is None}
    return [
        f"{key} is {getattr(tuning, key)!r}, but takes {rule.wants}"
        for key, rule in _rules(catalogue).items()
        if key not in unset and not rule.holds(getattr(tuning, key))
    ]


def refusals_of(tuning: Tuning, bounds: Bounds, today: date) -> list[str]:
    """What Vertex would refuse today of a configuration that was good when it was resolved, in sentences."""
    refused = ((code, what) for code, _, what, _ in _refused(tuning, bounds, today))
    return [what for code, what in refused if RULES[code].severity is Severity.ERROR]


def _near(value: object, rule: _Rule) -> str:
    return suggestion(value, rule.wants.removeprefix("one of ").split(", ")) if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line `key: value`, and where its parts stand."""

    key: str
    value: object
    line: int
    column: int
    value_column: int


def _entries(text: bytes, tell: Callable[..., None]) -> list[_Entry]:
    """Each entry: YAML's own reader, asked for positions."""
    try:
        root = yaml.compose(text.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        tell("tuning-not-utf8", 0, f"not UTF-8 at byte {error.start}")
        return []
    except RecursionError:
        tell("tuning-not-yaml", 0, "nested too deeply")
        return []
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = f"not YAML: {getattr(error, 'problem', None) or 'not readable'}"
        tell("tuning-not-yaml", mark.line + 1 if mark else 0, what, column=mark.column + 1 if mark else 0)
        return []
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        tell("tuning-not-a-mapping", 1, "not a mapping")
        return []
    return [
        _Entry(
            str(key.value),
            _scalar(value),
            key.start_mark.line + 1,
            key.start_mark.column + 1,
            value.start_mark.column + 1,
        )
        for key, value in root.value
    ]


def _scalar(node: yaml.Node) -> object:
    """A number, a text or a truth value; whatever else YAML knows (dates, tags, lists) as a text that fits no rule."""
    if not isinstance(node, yaml.ScalarNode):
        return "a list or mapping"
    if node.tag not in _SCALARS:
        return str(node.value)
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, LookupError):  # tagged as a number or a truth value by hand, and is none
        return str(node.value)


def _refused(tuning: Tuning, bounds: Bounds, today: date) -> Iterator[_Refusal]:
    """What Vertex refuses only minutes into the paid job."""
    model = bounds.catalogue.model(tuning.base_model)
    yield from _of_its_end(model, bounds, today)
    if tuning.task_type not in model.tasks:
        what = f"{model.id} does not take the task type {tuning.task_type}"
        hint = f"Use one of {', '.join(sorted(model.tasks))}."
        yield "tuning-task-not-for-model", ("task_type", "base_model"), what, hint
    asked = {
        "output_dimensionality": tuning.output_dimensionality is not None,
        "learning_rate_multiplier": tuning.learning_rate_multiplier != 1,
    }
    takes = bounds.catalogue.family_of(model).parameters
    for key in (key for key, is_asked in asked.items() if is_asked and key not in takes):
        what = f"{model.id} is tuned by template {model.template}, which takes no {key}"
        yield "tuning-key-not-for-model", (key, "base_model"), what, ""
    if tuning.output_dimensionality is not None and tuning.output_dimensionality > model.dimensions:
        what = f"{model.id} gives vectors of at most {model.dimensions} numbers, not {tuning.output_dimensionality}"
        hint = f"Ask for at most {model.dimensions}, or leave the line out."
        yield "tuning-bad-value", ("output_dimensionality", "base_model"), what, hint


def _of_its_end(model: BaseModel, bounds: Bounds, today: date) -> Iterator[_Refusal]:
    """What the model's age forbids, or soon will."""
    if model.retires <= today:
        code, what = "tuning-retired-model", f"{model.id} was retired on {model.retires}"
    elif model.closes <= today:
        what = f"{model.id} has taken no new tuning since {model.closes}, and will be retired on {model.retires}"
        code = "tuning-closed-model"
    elif model.retires - today <= SOON:
        what = f"{model.id} takes new tuning until {model.closes}, and will be retired on {model.retires}"
        hint = f"Plan to move on to {model.successor}." if model.successor else ""
        yield "tuning-model-retires-soon", ("base_model",), what, hint
        return
    else:
        return
    if model.id in bounds.allowed_retired:
        yield f"{code}-allowed", ("base_model",), f"{what}; the operator allows it", ""
    else:
        yield code, ("base_model",), what, f"Tune {model.successor or 'another model'} instead."
