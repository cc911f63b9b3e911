"""What Vertex AI would refuse the operator's machines for, told before anything is paid for.

Vertex itself says so late: for training in the job's own task, for serving in a deployment's operation. What is not in
the catalogue is accepted, because new machine types appear.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from dropforge.domain.catalogue import Catalogue, suggestion

# What serves where there is no A100. [machines], [gpus]
_SMALLER = (("g2-standard-12", "NVIDIA_L4"), ("n1-standard-16", "NVIDIA_TESLA_T4"))


class Hardware(Protocol):
    """A machine type with its accelerators."""

    @property
    def machine_type(self) -> str:
        """Compute Engine's name of it."""
        ...

    @property
    def accelerator_type(self) -> str:
        """Vertex's name of the accelerator."""
        ...

    @property
    def accelerator_count(self) -> int:
        """How many."""
        ...


def problems_of_machines(catalogue: Catalogue, location: str, training: Hardware, serving: Hardware) -> list[str]:
    """Everything that is wrong with where and on what the operator wants to train and serve, in sentences."""
    return [*problems_of_training(catalogue, location, training), *problems_of_serving(catalogue, location, serving)]


def problems_of_training(catalogue: Catalogue, location: str, training: Hardware) -> list[str]:
    """What a tuning job would be refused for, in sentences that say what, where, and what to do; empty if nothing."""
    return [*_of_region(catalogue, location), *_of_training(catalogue, training)]


def problems_of_serving(catalogue: Catalogue, location: str, serving: Hardware) -> list[str]:
    """What a deployment would be refused for, in sentences that say what, where, and what to do; empty if nothing."""
    return [*_of_pair(catalogue, "serving", serving), *_of_quota(catalogue, location, serving)]


def _of_region(catalogue: Catalogue, location: str) -> Iterator[str]:
    if location not in catalogue.regions:
        regions = sorted(catalogue.regions)
        yield (
            f"DROPFORGE_LOCATION is {location}, where no embedding model is tuned{_near(location, regions)} "
            f"Use one of {', '.join(regions)}; or, if Google tunes there by now, enter it under catalogue.regions."
        )


def _of_training(catalogue: Catalogue, training: Hardware) -> Iterator[str]:
    known = sorted(catalogue.training_accelerators)
    if training.accelerator_type not in known:
        yield (
            f"training.accelerator_type is {training.accelerator_type or 'empty'}, which tuning does not run on"
            f"{_near(training.accelerator_type, known)} Use one of {', '.join(known)}; or, if Google takes it "
            "by now, enter it under catalogue.training_accelerators."
        )
    else:
        yield from _of_pair(catalogue, "training", training)


def _of_pair(catalogue: Catalogue, role: str, hardware: Hardware) -> Iterator[str]:
    """What is wrong where the machine type does not take so many of this accelerator."""
    name, accelerator, count = hardware.machine_type, hardware.accelerator_type, hardware.accelerator_count
    if not accelerator and not count and not _comes_with_accelerators(catalogue, name):
        return  # it serves on its processor
    if not accelerator:
        yield f"{role}.accelerator_type is empty: name one that goes with {name}."
        return
    if count < 1:
        yield f"{role}.accelerator_count is {count}: give it 1 or more."
        return
    machine = catalogue.machines.get(name)
    if machine is None:
        return
    counts = machine.accelerators.get(accelerator, ())
    if not counts:
        takes = [each for each, of in machine.accelerators.items() if of]
        others = [each for each, other in catalogue.machines.items() if other.accelerators.get(accelerator)]
        goes = f"; {accelerator} goes with {_shown(others)}" if others else ""
        yield (
            f"{role}: a machine of type {name} has no {accelerator}. It takes {_any_of(takes)}{goes}. "
            f"Change {role}.machine_type or {role}.accelerator_type; or correct catalogue.machines."
        )
    elif count not in counts and not (role == "serving" and machine.built_in and count < max(counts)):
        yield (
            f"{role}: a machine of type {name} does not take {count} {accelerator}. It takes {_any_of(counts)}: "
            f"change {role}.accelerator_count or {role}.machine_type; or correct catalogue.machines."
        )


def _comes_with_accelerators(catalogue: Catalogue, name: str) -> bool:
    machine = catalogue.machines.get(name)
    return machine is not None and machine.built_in


def _of_quota(catalogue: Catalogue, location: str, serving: Hardware) -> Iterator[str]:
    accelerator, wanted = serving.accelerator_type, serving.accelerator_count
    by_region = catalogue.serving_quotas.get(accelerator)
    if by_region is None or wanted <= by_region.get(location, 0):
        return
    enough = sorted(region for region in catalogue.regions if wanted <= by_region.get(region, 0))
    smaller = " or ".join(
        f"serving: {{machine_type: {machine}, accelerator_type: {each}, accelerator_count: 1}}"
        for machine, each in _SMALLER
        if each != accelerator and catalogue.serving_quotas.get(each, {location: 1}).get(location)
    )
    choice = f"Choose a smaller one on purpose, in dropforge.yaml: {smaller}; or, if" if smaller else "If"
    yield (
        f"serving: in {location} a project may serve on {by_region.get(location, 0)} {accelerator}, and {wanted} are "
        f"wanted. There are as many in {_any_of(enough)}. {choice} Google gave the project a larger quota, enter it "
        "under catalogue.serving_quotas."
    )


def _near(word: str, known: list[str]) -> str:
    return suggestion(word, known) or "."


def _any_of(words: Iterable[object]) -> str:
    """`a`, `a or b`, `a, b or c`; `none` for none."""
    *others, last = [str(word) for word in words] or ["none"]
    return f"{', '.join(others)} or {last}" if others else last


def _shown(names: list[str]) -> str:
    return _any_of(names[:4]) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} others"
