"""`dropforge predict`: the vectors of texts, by a tuned model or by a base model."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, BinaryIO

import numpy as np
import typer
from rich.table import Table
from rich.text import Text as Cell

from dropforge import wire
from dropforge.bootstrap import Ports
from dropforge.cli.paper import AsJson, console
from dropforge.cli.place import connect
from dropforge.domain.catalogue import LIMITS, PREDICTING, suggestion
from dropforge.domain.content import Text
from dropforge.domain.errors import Missing, Refused, Unreadable
from dropforge.domain.runs import State
from dropforge.domain.spaces import Alias, alias_of
from dropforge.domain.text import as_words, printable, shortened
from dropforge.domain.validator.records import BYTES_A_TOKEN
from dropforge.embeddings import brief

_AT_ONCE = 1_000  # texts that are embedded before the first vector is printed
_SHOWN = 20  # rows on a terminal
_FIRST = 3  # numbers of a vector there
_BESIDE = 6 + 6 + 8 * _FIRST + 1 + 3 * 2  # columns there that are not for the text
_STDIN = "-"
_EXAMPLES = """
Example: `dropforge predict --dataset topics "how do I return a parcel"`

Example: `dropforge predict --run topics-0f3a9c1b2d4e --file corpus.jsonl > vectors.jsonl`

Example: `dropforge predict --base text-embedding-005 --task-type RETRIEVAL_QUERY --dimensions 256 < queries.txt`
"""


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog=_EXAMPLES)(predict)


@dataclass(frozen=True, slots=True)
class Model:
    """What embeds: a tuned model or a base.

    Attributes:
        name: For people: the space's id, or the base model's.
        reads: How many tokens of a text it reads.
        embed: Gives the vectors of texts.
    """

    name: str
    reads: int
    embed: Callable[[Sequence[Text]], list[list[float]]]


@dataclass(frozen=True, slots=True)
class _Given:
    """A text to embed, and its id where it came with one."""

    id: str
    text: Text


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="What to embed.", show_default=False)
    ] = None,
    *,
    dataset: Annotated[
        str, typer.Option(metavar="NAME", help="Use the model that this dataset's readers are pointed to.")
    ] = "",
    run: Annotated[str, typer.Option(metavar="RUN", help="Use the model of this run.")] = "",
    base: Annotated[str, typer.Option(metavar="MODEL", help="Use this base model, untuned.")] = "",
    file: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Texts from a file, or from standard input (-): one a line, or JSON lines with text, title and _id.",
        ),
    ] = "",
    task_type: Annotated[
        str,
        typer.Option(
            metavar="TASK", help="What the vectors are for; by default what the model was tuned for, or DEFAULT."
        ),
    ] = "",
    title: Annotated[str, typer.Option(help="The title of every text that comes without one.")] = "",
    dimensions: Annotated[
        int | None, typer.Option(min=1, help="Length of a base model's vectors; by default the longest.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Embed texts: one vector a line as JSON where the output is piped, a short table on a terminal.

    In JSON: `id`, where the text came with one, and `embedding`.
    """
    if [bool(dataset), bool(run), bool(base)].count(True) != 1:
        raise typer.BadParameter("name the model: one of --dataset NAME, --run RUN and --base MODEL")
    if dimensions and not base:
        raise typer.BadParameter("--dimensions goes with --base: the length of a tuned model's vectors is fixed")
    with _given(texts or [], file, title) as given:
        made = connect()
        if base:
            model = of_base(made, base, task_type or "DEFAULT", dimensions)
        else:
            model = of_space(made, space_of(made, dataset) if dataset else _space_of_run(made, run), task_type)
        if as_json or not sys.stdout.isatty():
            _print_lines(model, given)
        else:
            _print_table(model, given)


# Models


def space_of(made: Ports, dataset: str) -> Alias:
    """Where a dataset's readers are pointed to.

    Raises:
        Missing: Nowhere yet, or no more; says what to do.
    """
    if space := made.aliases.of(dataset):
        return space
    if runs := made.ledger.of_dataset(dataset):
        if runs[0].state is State.RETIRED:
            raise Missing(
                f"readers of {printable(dataset)} are pointed nowhere: its model was retired; "
                f"`dropforge approve {runs[0].id}` deploys it again"
            )
        raise Missing(
            f"{printable(dataset)} has no deployed model yet: `dropforge show {printable(dataset)}` tells how far it is"
        )
    raise Missing(f"there is no dataset {printable(dataset)}: `dropforge runs` lists what was dropped")


def _space_of_run(made: Ports, run_id: str) -> Alias:
    run = made.ledger.wanted(run_id)
    if run.serving is None or not run.serving.space:
        raise Missing(
            f"run {run.id} is {as_words(run.state)}, and has no model that answers: `dropforge show {run.id}`"
        )
    return alias_of(run)


def of_space(made: Ports, space: Alias, task_type: str = "") -> Model:
    """The tuned model of a space, for its own task unless another is named."""

    def embed(texts: Sequence[Text]) -> list[list[float]]:
        try:
            return made.host.embed(space.endpoint, texts, task_type or space.task_type)
        except Missing as error:
            raise Missing(
                f"the model of run {space.run} does not answer any more, its endpoint is gone: "
                f"`dropforge show {space.run}` tells why"
            ) from error

    return Model(space.space, LIMITS.most_tokens, embed)


def of_base(made: Ports, base: str, task_type: str, dimensions: int | None = None) -> Model:
    """A base model."""

    def embed(texts: Sequence[Text]) -> list[list[float]]:
        try:
            return made.host.embed_by_base(base, texts, task_type, dimensions)
        except Refused as error:
            raise Refused(
                f"{error}{suggestion(base, made.settings.operator.catalogue.base_models.keys() - {base})}"
            ) from error

    return Model(base, PREDICTING.base_text_tokens, embed)


def too_long(text: Text, model: Model) -> str:
    """What to say of a text that is longer than its model reads, by an estimate; empty where it is not."""
    tokens = len(f"{text.title}{text.text}".encode()) // BYTES_A_TOKEN
    return f"about {tokens:,} tokens (an estimate); the model reads {model.reads:,}" if tokens > model.reads else ""


# Texts


@contextmanager
def _given(texts: Sequence[str], file: str, title: str) -> Iterator[Iterator[_Given]]:
    """The texts to embed, each as it is asked for.

    Raises:
        BadParameter: There are none, or they are given twice.
    """
    if texts and file:
        raise typer.BadParameter("give texts or --file FILE, not both")
    if texts:
        yield (_checked(_Given("", Text(title, text)), f"text {number}") for number, text in enumerate(texts, 1))
    elif file not in {"", _STDIN}:
        try:
            stream = open(file, "rb")  # noqa: SIM115, PTH123 - closed below
        except OSError as error:
            raise Missing(f"{printable(file)} cannot be read ({error.strerror}): name a file of texts") from error
        with stream:
            yield _read(stream, printable(file), title)
    elif file == _STDIN or not sys.stdin.isatty():
        yield _read(sys.stdin.buffer, "standard input", title)
    else:
        raise typer.BadParameter("give a text to embed, or --file FILE")


def _read(stream: BinaryIO, file: str, title: str) -> Iterator[_Given]:
    """The texts of a file: its first line tells whether it is JSON lines."""
    records: bool | None = None
    for number, line in enumerate(stream, 1):
        bare = line.strip()
        if not bare:
            continue
        records = bare.startswith(b"{") if records is None else records
        where = f"{file}:{number}"
        yield _checked(_of_line(bare, where, title, record=records), where)


def _of_line(line: bytes, where: str, title: str, *, record: bool) -> _Given:
    try:
        if not record:
            return _Given("", Text(title, line.decode()))
        identity, text = wire.record(line, where)
    except UnicodeDecodeError as error:
        raise Refused(f"{where} is not UTF-8: save the file as UTF-8") from error
    except Unreadable as error:
        raise Refused(f"{error}; a file that begins with {{ is read as JSON lines") from error
    return _Given(identity, Text(text.title or title, text.text))


def _checked(given: _Given, where: str) -> _Given:
    """The text as given.

    Raises:
        Refused: It is empty.
    """
    if not given.text.text.strip():
        raise Refused(f"{where} is empty: no model embeds that")
    return given


# Vectors


def _print_lines(model: Model, given: Iterator[_Given]) -> None:
    for some, vectors in _embedded(model, given):
        for each, vector in zip(some, vectors, strict=True):
            typer.echo(wire.as_text(({"id": each.id} if each.id else {}) | {"embedding": vector}))


def _print_table(model: Model, given: Iterator[_Given]) -> None:
    paper = console()
    table = Table(box=None, pad_edge=False)
    for heading, alignment in (("text", "left"), ("length", "right"), ("norm", "right"), ("begins", "left")):
        table.add_column(heading, justify=alignment, no_wrap=True)  # type: ignore[arg-type]
    for some, vectors in _embedded(model, islice(given, _SHOWN)):
        for each, vector in zip(some, vectors, strict=True):
            begins = "".join(f"{value:7.4f} " for value in vector[:_FIRST])
            text = Cell(printable(shortened(each.text.text, paper.width)))
            text.truncate(paper.width - _BESIDE, overflow="ellipsis")
            table.add_row(text, str(len(vector)), f"{np.linalg.norm(vector):.4f}", f"{begins}…")
    paper.print(table)
    typer.echo(f"\nby {printable(model.name)}")
    if next(given, None):
        typer.echo(f"These are the first {_SHOWN}: --json embeds and prints all of them.")


def _embedded(model: Model, given: Iterator[_Given]) -> Iterator[tuple[list[_Given], list[list[float]]]]:
    done = 0
    while some := list(islice(given, _AT_ONCE)):
        for number, each in enumerate(some, done + 1):
            if told := too_long(each.text, model):
                typer.echo(f"dropforge: text {number} is {told}: the rest is ignored", err=True)
        vectors = model.embed([each.text for each in some])
        yield some, [brief(vector, f"text {number}") for number, vector in enumerate(vectors, done + 1)]
        done += len(some)
    if not done:
        raise Refused("there is no text to embed: the input is empty")
