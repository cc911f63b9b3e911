"""Try a dataset's model: what the base model and the tuned one find for a query, side by side.

The documents are those that were kept, with their vectors, when the model was measured. So a try asks each model for one
vector, and what it costs does not grow with the corpus.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from flask import Request
from werkzeug.exceptions import NotFound

from dropforge import bootstrap, wire
from dropforge.bootstrap import Ports
from dropforge.console.rendering import Page, rendered
from dropforge.domain.content import Text
from dropforge.domain.datasets import NAME
from dropforge.domain.errors import DropforgeError, Exhausted, Missing, Refused, Unreadable
from dropforge.domain.maps import Book, Shelf, shelf_name
from dropforge.domain.runs import Run
from dropforge.domain.spaces import Alias

if TYPE_CHECKING:
    from dropforge.domain.ranking import Vectors

_SHOWN = 10
_LONGEST = 500  # characters of a query
_LARGEST = 64 * 1024 * 1024  # bytes of a shelf
_KEPT_SHELVES, _KEPT_ANSWERS = 4, 256  # in this process; a shelf takes some 10 MB
_A_MINUTE = 30  # tries of one process: each asks both models
_MODELS = ("base", "tuned")


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found.

    Attributes:
        rank: From 1.
        score: Its cosine with the query.
        book: The document.
        other: Its rank by the other model, among all that are on the shelf.
    """

    rank: int
    score: float
    book: Book
    other: int


@dataclass(frozen=True, slots=True)
class Found:
    """The best documents by each model, and among how many."""

    hits: dict[str, list[Hit]]
    documents: int


def page(request: Request, name: str) -> Page:
    """`/datasets/NAME/try?q=QUERY`."""
    ports = bootstrap.ports()
    alias = ports.aliases.of(name) if NAME.fullmatch(name) else None
    run = ports.ledger.load(alias.run) if alias else None
    if alias is None or run is None:
        raise NotFound
    query = request.args.get("q", "").strip()
    found, told = None, ""
    shelf = next((file for file in ports.state.list(shelf_name(run.id)) if file.size <= _LARGEST), None)
    if query and shelf and ports.settings.console_predicts:
        try:
            found = tried(ports, alias, run, shelf.generation, query)
        except DropforgeError as error:
            told = str(error)
    return rendered(
        "try.html",
        name=name,
        query=query[:_LONGEST],
        most=_LONGEST,
        alias=alias,
        run=run,
        has_shelf=shelf is not None,
        is_allowed=ports.settings.console_predicts,
        found=found,
        told=told,
        examples=run.judgement.examples if run.judgement else (),
    )


def tried(ports: Ports, alias: Alias, run: Run, generation: int, query: str) -> Found:
    """What both models find for a query among the documents of a run's shelf.

    Raises:
        Refused: The query is too long; or a model does not take it.
        Exhausted: There were too many tries within a minute, or a quota is used up.
        Missing: The model or the shelf is gone.
        Unavailable: A service did not answer.
    """
    if len(query) > _LONGEST:
        raise Refused(f"The query has {len(query):,} characters: shorten it to {_LONGEST:,}.")
    return _answered(ports, alias.endpoint, run.id, generation, query)


@lru_cache(maxsize=_KEPT_ANSWERS)
def _answered(ports: Ports, endpoint: str, run_id: str, generation: int, query: str) -> Found:
    from dropforge.domain.ranking import best, units  # noqa: PLC0415 - numpy takes a tenth of a second to import

    run = ports.ledger.wanted(run_id)
    opened = _opened(ports, shelf_name(run_id), generation)
    _turns.take(ports.clock.now())
    text, task_type, tuning = [Text("", query)], run.tuning.task_type, run.tuning
    try:
        vectors = {
            "tuned": ports.host.embed(endpoint, text, task_type),
            "base": ports.host.embed_by_base(tuning.base_model, text, task_type, tuning.output_dimensionality),
        }
    except Missing as error:
        raise Missing("The model no longer answers: its endpoint is gone.") from error
    ranked, scores = {}, {}
    for model in _MODELS:
        asked, there = units(vectors[model], ["the query"]), opened.vectors[model]
        if asked.shape[1] != there.shape[1]:
            raise Refused(
                "The vectors that were kept differ in length from the model's: another attempt keeps new ones "
                f"(`dropforge rerun {run_id}`)."
            )
        [ranked[model]] = best(asked, there, len(opened.books))
        scores[model] = there @ asked[0]
    ranks = {model: {row: rank for rank, row in enumerate(ranked[model], 1)} for model in _MODELS}
    return Found(
        hits={
            model: [
                Hit(rank, float(scores[model][row]), opened.books[row], ranks[other][row])
                for rank, row in enumerate(ranked[model][:_SHOWN], 1)
            ]
            for model, other in zip(_MODELS, reversed(_MODELS), strict=True)
        },
        documents=len(opened.books),
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    books: tuple[Book, ...]
    vectors: "dict[str, Vectors]"


@lru_cache(maxsize=_KEPT_SHELVES)
def _opened(ports: Ports, name: str, _generation: int) -> _Opened:
    """A run's shelf, kept in this process while it stays as it is."""
    import numpy as np  # noqa: PLC0415 - takes a tenth of a second to import

    shelf = wire.decode(ports.state.read(name)[0], Shelf, name)
    sizes = {model: 2 * rows.dimensions * len(shelf.documents) for model, rows in shelf.models.items()}
    if sizes != {model: len(rows.vectors) for model, rows in shelf.models.items()} or not set(_MODELS) <= sizes.keys():
        raise Unreadable(f"{name} is no shelf of ours: another attempt of its run makes a new one (`dropforge rerun`).")
    return _Opened(
        shelf.documents,
        {
            model: np.frombuffer(rows.vectors, "<f2").reshape(len(shelf.documents), rows.dimensions).astype(np.float32)
            for model, rows in shelf.models.items()
        },
    )


class _Turns:
    """How often models may be asked: so many times within a minute."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken: deque[datetime] = deque(maxlen=_A_MINUTE)

    def take(self, now: datetime) -> None:
        """Take a turn.

        Raises:
            Exhausted: There is none just now.
        """
        with self._lock:
            if len(self._taken) == _A_MINUTE and now - self._taken[0] < timedelta(minutes=1):
                raise Exhausted(f"There were {_A_MINUTE} tries within a minute: wait a moment, and try again.")
            self._taken.append(now)


_turns = _Turns()
