"""The facts in `docs/catalogue.md`, made from the catalogue; what stands before them there is written by hand.

`python -m dropforge.reports.catalogue_page docs/catalogue.md` makes them anew.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from dropforge.domain.catalogue import (
    BATCH_SIZES,
    CATALOGUE,
    FIRST_FAMILY,
    LIMITS,
    PREDICTING,
    QUOTAS,
    SECOND_FAMILY,
    SOURCES,
    TEMPLATE,
    TRAIN_STEPS,
)
from dropforge.domain.text import as_words
from dropforge.reports.pages import anew

_MARK = "<!-- The rest is made from the catalogue: python -m dropforge.reports.catalogue_page docs/catalogue.md -->\n"
Row = Sequence[object]


def page(written: str) -> str:
    """The page with its facts made anew."""
    return anew(written, _MARK, _facts())


def _facts() -> Iterator[str]:
    yield from _chapter("Base models", ("tune", "lifecycle", "sdk"), _models())
    yield from _chapter("Task types", ("tune",), _tasks())
    yield from _chapter("Parameters of the template", ("sdk",), _parameters())
    yield from _chapter("Ranges", ("tune", "predict"), _ranges())
    yield from _chapter("Sizes of a dataset", ("tune",), _sizes())
    yield from _chapter("Where and on what tuning runs", ("tune",), _places())
    yield from _chapter("Machine types and their accelerators", ("gpus", "machines", "spec"), _machines())
    yield from _chapter("Accelerators that a project may serve on", ("quotas",), _serving())
    yield from _chapter("Quotas of a project in a region", ("quotas",), _quotas())
    yield from _chapter("What one prediction may ask for", ("predict", "tune"), _predictions())
    yield "## Sources\n"
    yield from _table("source", "read on")
    for name, source in SOURCES.items():
        yield f"| <a id='{name}'></a>[{source.title}]({source.address}) | {source.read} |"
    yield ""


def _chapter(title: str, sources: Iterable[str], lines: Iterator[str]) -> Iterator[str]:
    yield f"## {title}\n"
    yield from lines
    yield f"\nSources: {', '.join(f'[{name}](#{name})' for name in sources)}.\n"


def _table(*headings: str, rows: Iterable[Row] = ()) -> Iterator[str]:
    for cells in (headings, ["---"] * len(headings), *rows):
        yield f"| {' | '.join(str(cell) for cell in cells)} |"


def _models() -> Iterator[str]:
    yield from _table(
        "id", "template", "dimensions", "languages", "no new tuning from", "retires", "use instead",
        rows=(
            (
                f"`{model.id}`",
                model.template,
                model.dimensions,
                "English" if model.english else "many",
                f"{model.closes}{'' if model.closed_from else ' (derived)'}",
                model.retires,
                f"`{model.successor}`" if model.successor else "",
            )
            for model in CATALOGUE.base_models.values()
        ),
    )  # fmt: skip
    yield "\n*Derived*: Google names no day, and says that a model takes no new tuning from a month before it retires."


def _tasks() -> Iterator[str]:
    models = CATALOGUE.base_models.values()
    takers = {task: _code(model.id for model in models if task in model.tasks) for task in sorted(CATALOGUE.tasks)}
    yield from _table("task types", "models that take them", rows=_together(takers))


def _parameters() -> Iterator[str]:
    yield f"`{TEMPLATE}VERSION`\n"
    families = (FIRST_FAMILY, SECOND_FAMILY)
    versions = [
        ", ".join(version for version, family in CATALOGUE.templates.items() if family is each) for each in families
    ]
    rows = (
        (f"`{name}`", *("yes" if name in family.parameters else "" for family in families))
        for name in sorted(FIRST_FAMILY.parameters | SECOND_FAMILY.parameters)
    )
    yield from _table("parameter", *versions, rows=rows)


def _ranges() -> Iterator[str]:
    yield from _table(
        "setting",
        "takes",
        rows=(
            ("`batch_size`", f"{BATCH_SIZES.start} to {BATCH_SIZES.stop - 1:,}"),
            ("`train_steps`, `iterations`", f"from {TRAIN_STEPS.start} (at most {TRAIN_STEPS.stop - 1:,} is ours)"),
            ("`output_dimensionality`", "from 1 to the model's dimensions"),
            ("`learning_rate_multiplier`", "above 0 (at most 100 is ours)"),
            ("a text, read by a tuned model", f"{LIMITS.most_tokens:,} tokens; what is over is cut off"),
            ("a text, read by a base model", f"{PREDICTING.base_text_tokens:,} tokens; what is over is cut off"),
        ),
    )


def _sizes() -> Iterator[str]:
    yield from _table(
        "what",
        "fewest",
        "most",
        rows=(
            ("queries", LIMITS.fewest_queries, f"{LIMITS.most_queries:,}"),
            ("documents", LIMITS.fewest_documents, f"{LIMITS.most_documents:,}"),
            ("labels in all files", "", f"{LIMITS.most_labels:,}"),
            ("queries with a label, in each label file", LIMITS.fewest_labelled_queries_in_a_file, ""),
            ("queries with a label, in all of them", LIMITS.fewest_labelled_queries_in_all, ""),
        ),
    )


def _places() -> Iterator[str]:
    yield f"Regions: {_code(sorted(CATALOGUE.regions))}.\n"
    yield f"Accelerators: {_code(sorted(CATALOGUE.training_accelerators))}."


def _machines() -> Iterator[str]:
    takes = {
        name: "; ".join(f"`{each}`: {_counts(counts)}" for each, counts in machine.accelerators.items() if counts)
        for name, machine in CATALOGUE.machines.items()
    }
    yield from _table("machine types", "take so many", rows=_together(takes))
    yield (
        "\nThere are others, which are not doubted. A served model may ask for fewer than a `g2` or `a2` machine has, "
        "and shares it then."
    )


def _serving() -> Iterator[str]:
    rows = (
        (f"`{accelerator}`", f"`{region}`", count)
        for accelerator, by_region in CATALOGUE.serving_quotas.items()
        for region, count in by_region.items()
    )
    yield from _table("accelerator", "region", "at most", rows=rows)
    yield "\nNone in any other region. Of other accelerators it is not known, and nothing is refused."


def _quotas() -> Iterator[str]:
    yield from _table(
        "what", "at most", rows=((as_words(each.name), f"{getattr(QUOTAS, each.name):,}") for each in fields(QUOTAS))
    )


def _predictions() -> Iterator[str]:
    yield from _table(
        "what",
        "at most",
        rows=(
            ("texts in a request to a base model", PREDICTING.base_texts),
            ("tokens in a request to a base model", f"{PREDICTING.base_tokens:,}"),
            ("texts in a request to a tuned endpoint, as Google recommends", PREDICTING.tuned_texts),
        ),
    )


def _together(said: Mapping[str, str]) -> Iterator[Row]:
    """One row for all names of which the same is said."""
    for what in dict.fromkeys(said.values()):
        yield _code(name for name, each in said.items() if each == what), what


def _counts(counts: Iterable[int]) -> str:
    return ", ".join(str(count) for count in counts)


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(page(file.read_text("utf-8")), "utf-8")
