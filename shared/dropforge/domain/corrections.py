"""What an operator adds to the catalogue, or corrects in it, without a release: `catalogue` in `dropforge.yaml`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date

from dropforge.domain.catalogue import BaseModel, Catalogue, MachineType, TemplateFamily, suggestion

_REQUIRED = ("template", "dimensions", "retires", "tasks")
_MOST_DIMENSIONS = 100_000  # against typing errors
_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "base model": (re.compile(r"[a-z][-a-z0-9.]*(@[0-9]+)?"), "text-embedding-005"),
    "template": (re.compile(r"v[0-9]+(\.[0-9]+)*"), "v1.1.4"),
    "region": (re.compile(r"[a-z]+-[a-z]+[0-9]+"), "us-central1"),
    "accelerator": (re.compile(r"[A-Z][A-Z0-9_]*"), "NVIDIA_L4"),
    "machine type": (re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+"), "g2-standard-12"),
    "task type": (re.compile(r"[A-Z][A-Z_]*"), "CLUSTERING"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCorrection:
    """A base model as an operator enters it: the fields of `BaseModel`. What is left out stays as it is known.

    A model that is not known yet needs its template, dimensions, day of retirement and task types.
    """

    template: str | None = None
    dimensions: int | None = None
    retires: date | None = None
    successor: str | None = None
    tasks: frozenset[str] | None = None
    english: bool | None = None
    closed_from: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What an operator adds or corrects. What is left out stays as it is known.

    Attributes:
        base_models: By their ids.
        templates: New template versions, each with a known one that takes the same parameters.
        regions: More regions in which embedding models can be tuned.
        training_accelerators: More of what training can run on.
        machines: In which counts a machine type takes an accelerator; in none, if it does not.
        serving_quotas: How many of an accelerator the project may serve on, by region.
    """

    base_models: dict[str, ModelCorrection] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    regions: frozenset[str] = frozenset()
    training_accelerators: frozenset[str] = frozenset()
    machines: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    serving_quotas: dict[str, dict[str, int]] = field(default_factory=dict)


def corrected(catalogue: Catalogue, corrections: Corrections) -> Catalogue:
    """The catalogue with an operator's corrections.

    Raises:
        ValueError: One of them is impossible; says which, and what it should be.
    """
    _check_forms("regions", "region", corrections.regions)
    _check_forms("training_accelerators", "accelerator", corrections.training_accelerators)
    templates = _templates(catalogue, corrections)
    return replace(
        catalogue,
        base_models={**catalogue.base_models, **_models(catalogue, corrections, templates)},
        templates=templates,
        regions=catalogue.regions | corrections.regions,
        training_accelerators=catalogue.training_accelerators | corrections.training_accelerators,
        machines={**catalogue.machines, **_machines(catalogue, corrections)},
        serving_quotas={**catalogue.serving_quotas, **_quotas(catalogue, corrections)},
    )


def _templates(catalogue: Catalogue, corrections: Corrections) -> dict[str, TemplateFamily]:
    _check_forms("templates", "template", corrections.templates)
    templates = dict(catalogue.templates)
    for version, like in corrections.templates.items():
        if like not in catalogue.templates:
            known = ", ".join(catalogue.templates)
            raise ValueError(
                f"catalogue.templates.{version} is {like!r}: name the one of {known} that takes the same parameters"
            )
        templates[version] = catalogue.templates[like]
    return templates


def _models(
    catalogue: Catalogue, corrections: Corrections, templates: Mapping[str, TemplateFamily]
) -> dict[str, BaseModel]:
    _check_forms("base_models", "base model", corrections.base_models)
    models = {}
    for model_id, correction in corrections.base_models.items():
        where, known = f"catalogue.base_models.{model_id}", catalogue.base_models.get(model_id)
        given = {each.name: getattr(correction, each.name) for each in fields(correction)}
        given = {name: value for name, value in given.items() if value is not None}
        missing = [name for name in _REQUIRED if name not in given and known is None]
        if missing:
            near = suggestion(model_id, catalogue.base_models)
            raise ValueError(f"{where} is a new model, which needs {', '.join(missing)} as well{near}")
        model = replace(known, **given) if known else BaseModel(**{"id": model_id, "successor": ""} | given)
        _check_model(where, model, templates)
        models[model_id] = model
    return models


def _check_model(where: str, model: BaseModel, templates: Mapping[str, TemplateFamily]) -> None:
    if model.template not in templates:
        raise ValueError(
            f"{where}.template is {model.template!r}, but must be one of {', '.join(templates)}; "
            "a newer one can be entered under catalogue.templates"
        )
    if not 1 <= model.dimensions <= _MOST_DIMENSIONS:
        raise ValueError(f"{where}.dimensions is {model.dimensions}, but must be from 1 to {_MOST_DIMENSIONS:,}")
    if not model.tasks:
        raise ValueError(f"{where}.tasks is empty: name the task types that the model takes")
    _check_forms(f"base_models.{model.id}.tasks", "task type", model.tasks)
    if model.closes > model.retires:
        raise ValueError(
            f"{where}.closed_from is {model.closes}, but must not be after {model.retires}, when it retires"
        )


def _machines(catalogue: Catalogue, corrections: Corrections) -> dict[str, MachineType]:
    _check_forms("machines", "machine type", corrections.machines)
    machines = {}
    for name, counts in corrections.machines.items():
        _check_forms(f"machines.{name}", "accelerator", counts)
        for accelerator, each in counts.items():
            if any(count < 1 for count in each):
                raise ValueError(f"catalogue.machines.{name}.{accelerator} must be counts from 1, not {list(each)}")
        known = catalogue.machines.get(name, MachineType({}, built_in=not name.startswith("n1-")))
        machines[name] = replace(known, accelerators={**known.accelerators, **counts})
    return machines


def _quotas(catalogue: Catalogue, corrections: Corrections) -> dict[str, Mapping[str, int]]:
    _check_forms("serving_quotas", "accelerator", corrections.serving_quotas)
    quotas: dict[str, Mapping[str, int]] = {}
    for accelerator, by_region in corrections.serving_quotas.items():
        _check_forms(f"serving_quotas.{accelerator}", "region", by_region)
        for region, count in by_region.items():
            if count < 0:
                raise ValueError(f"catalogue.serving_quotas.{accelerator}.{region} is {count}, but must be 0 or more")
        quotas[accelerator] = {**catalogue.serving_quotas.get(accelerator, {}), **by_region}
    return quotas


def _check_forms(where: str, kind: str, names: Iterable[str]) -> None:
    form, example = _FORMS[kind]
    for name in sorted(names):
        if not form.fullmatch(name):
            raise ValueError(f"catalogue.{where}: {name!r} is no {kind}: write it as in {example}")
