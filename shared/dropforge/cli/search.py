"""`dropforge search`: what a dataset's readers would find, by the tuned model or by its base."""

import hashlib
import heapq
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.progress import MofNCompleteColumn
from rich.table import Table
from rich.text import Text as Cell

from dropforge import wire
from dropforge.bootstrap import Ports
from dropforge.cli.paper import AsJson, bar, console
from dropforge.cli.place import connect
from dropforge.cli.predict import Model, of_base, of_space, space_of, too_long
from dropforge.domain.content import Text, text_of
from dropforge.domain.datasets import CORPUS
from dropforge.domain.errors import Missing, Refused, Unreadable
from dropforge.domain.files import StoredFile
from dropforge.domain.spaces import Alias
from dropforge.domain.text import printable, shortened
from dropforge.embeddings import Embeddings

Vectors = npt.NDArray[np.float32]
Documents = list[tuple[str, Text]]

_PART = 500  # documents that are embedded, and kept, at a time
_LONGEST_ID = 24  # characters on a terminal
_EXAMPLES = """
Example: `dropforge search topics "how do I return a parcel"`

Example: `dropforge search topics "how do I return a parcel" --base -k 3 --json`
"""


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog=_EXAMPLES)(search)


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A document that was found. The better one compares as greater; of equals, the one earlier in the corpus."""

    score: float
    place: int
    id: str
    title: str
    text: str


def search(
    dataset: Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name.")],
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")],
    *,
    most: Annotated[int, typer.Option("-k", min=1, max=1_000, help="How many documents to show.")] = 10,
    base: Annotated[bool, typer.Option("--base", help="Search with the base model, untuned, to compare.")] = False,
    as_json: AsJson = False,
) -> None:
    """Search a dataset's documents with its deployed model, by the cosine of their vectors and the query's.

    The documents' vectors are taken from the run where it has them; else they are made, which may take minutes the
    first time, and kept in `~/.cache/dropforge` (or in XDG_CACHE_HOME), which may be removed.

    In JSON: a list, the best first, of `rank`, `score`, `id`, `title`, `text`.
    """
    if not query.strip():
        raise Refused("the query is empty: say what to look for")
    made = connect()
    space = space_of(made, dataset)
    model = of_base(made, space.base_model, space.task_type) if base else of_space(made, space)
    asked = Text("", query)
    if told := too_long(asked, model):
        raise Refused(f"the query is {told}: shorten it")
    corpus = next(iter(made.state.list(f"runs/{space.run}/input/{CORPUS}")), None)
    if corpus is None:
        where = f"gs://{made.state.bucket}/runs/{space.run}/input/{CORPUS}"
        raise Missing(f"{where} is gone: put the run's {CORPUS} back there to search it")
    [vector] = model.embed([asked])
    hits = _ranked(np.asarray(vector, np.float32), _documents(made, space, corpus, model, base=base), most)
    if as_json:
        records = [
            {"rank": rank, "score": hit.score, "id": hit.id, "title": hit.title, "text": hit.text}
            for rank, hit in enumerate(hits, 1)
        ]
        typer.echo(wire.as_text(records))
        return
    paper = console()
    paper.print(_table(hits, paper.width))
    other = "without --base: the tuned model" if base else "--base: the base model"
    typer.echo(f"\nby {printable(model.name)}  ({other})")


def _ranked(query: Vectors, documents: Iterator[tuple[Documents, Vectors]], most: int) -> list[Hit]:
    """The documents nearest to the query, the best first."""
    best: list[Hit] = []
    place = 0
    for some, vectors in documents:
        scores = _units(vectors) @ _units(query[np.newaxis])[0]
        found = (
            Hit(round(float(score), 6), -(place + row), identity, text.title, text.text)
            for row, (score, (identity, text)) in enumerate(zip(scores, some, strict=True))
        )
        best = heapq.nlargest(most, [*best, *found])
        place += len(some)
    return best


def _units(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


# The vectors of the documents


def _documents(
    made: Ports, space: Alias, corpus: StoredFile, model: Model, *, base: bool
) -> Iterator[tuple[Documents, Vectors]]:
    """All documents with their vectors, a part at a time; whatever is not kept here yet is then kept."""
    kept = _Kept(_folder_of(made, space, corpus, model))
    embeddings, prefix = Embeddings(made.state, made.clock), f"runs/{space.run}/embeddings/"
    ready = not base and embeddings.complete(prefix)
    stored: Iterator[tuple[str, list[float]]] | None = None
    run = made.ledger.load(space.run)
    total = run.checked.rows.get(CORPUS) if run and run.checked else None
    what = f"Reading the documents of {space.dataset}"
    with made.state.open(corpus) as lines, bar(what, total, MofNCompleteColumn()) as advance:
        texts = map(text_of, lines)
        number = 0
        while some := list(islice(texts, _PART)):
            vectors = kept.part(number, len(some))
            if vectors is None and ready and stored is None:
                stored = islice(embeddings.read(prefix), number * _PART, None)
            theirs = list(islice(stored or (), len(some)))  # read even for a part that is kept, to stay in step
            if vectors is None:
                vectors = _matching(some, theirs, prefix) if ready else _embedded(some, model)
                kept.keep(number, vectors)
            yield some, vectors
            advance(len(some))
            number += 1


def _embedded(documents: Documents, model: Model) -> Vectors:
    return np.asarray(model.embed([text for _, text in documents]), np.float32)


def _matching(documents: Documents, stored: list[tuple[str, list[float]]], prefix: str) -> Vectors:
    if [identity for identity, _ in documents] != [identity for identity, _ in stored]:
        raise Unreadable(f"the vectors in {prefix} are not those of the run's documents: remove them, and search again")
    return np.asarray([vector for _, vector in stored], np.float32)


def _folder_of(made: Ports, space: Alias, corpus: StoredFile, model: Model) -> Path:
    """Where vectors are kept: one folder for each model of each Dropforge and the exact corpus that it embeds."""
    settings = made.settings
    where = (settings.project, settings.location, settings.vertex_endpoint, space.endpoint, corpus.uri)
    what = "\n".join([*where, str(corpus.generation), model.name, space.task_type])
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root, "dropforge", "vectors", f"{space.run}-{hashlib.sha256(what.encode()).hexdigest()[:16]}")


@dataclass(frozen=True, slots=True)
class _Kept:
    """Vectors in a folder of this machine, a file for each part."""

    folder: Path

    def part(self, number: int, rows: int) -> Vectors | None:
        """The vectors of a part; None where they are not there, or not whole."""
        try:
            vectors = np.load(self._path(number), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return vectors if vectors.ndim == 2 and len(vectors) == rows else None

    def keep(self, number: int, vectors: Vectors) -> None:
        """Keep a part, whole or not at all.

        Raises:
            Refused: The folder cannot be written to.
        """
        path = self._path(number)
        writing = path.with_suffix(f".{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with writing.open("wb") as stream:
                np.save(stream, vectors, allow_pickle=False)
            writing.replace(path)
        except OSError as error:
            with suppress(OSError):
                writing.unlink()
            step = "name a folder with room for them in XDG_CACHE_HOME"
            raise Refused(f"vectors cannot be kept in {self.folder} ({error.strerror}): {step}") from error

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:05}.npy"


def _table(hits: list[Hit], width: int) -> Table:
    ids = [Cell(printable(shortened(hit.id, _LONGEST_ID))) for hit in hits]
    beside = len(str(len(hits))) + 7 + max((cell.cell_len for cell in ids), default=0) + 3 * 2
    table = Table(box=None, pad_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    for heading, alignment in (("score", "right"), ("id", "left"), ("document", "left")):
        table.add_column(heading, justify=alignment, no_wrap=True)  # type: ignore[arg-type]
    for rank, (hit, identity) in enumerate(zip(hits, ids, strict=True), 1):
        document = Cell()
        document.append(printable(shortened(hit.title, width)), style="bold")
        document.append(f"{'  ' if hit.title else ''}{printable(shortened(hit.text, width))}")
        document.truncate(max(width - beside, 1), overflow="ellipsis")
        table.add_row(str(rank), f"{hit.score:.4f}", identity, document)
    return table
