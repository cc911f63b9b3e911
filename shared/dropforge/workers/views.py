"""Keeps what people look at of a measurement on a run's page: a map of the texts, and a shelf of documents to search.

    runs/RUN/map.json    `dropforge.domain.maps.Map`, less than 100 KB
    runs/RUN/shelf.json  `dropforge.domain.maps.Shelf`, 4 to 5 MB for a thousand documents

Neither may cost a verdict: what goes wrong with them is logged, and the gate decides without them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dropforge import wire
from dropforge.domain.evaluation import Measured
from dropforge.domain.maps import Shelf, books, chosen, map_name, shelf_name
from dropforge.domain.sampling import Sample
from dropforge.logs import isolated
from dropforge.ports import ObjectStore

if TYPE_CHECKING:
    from dropforge.domain.projection import View

Vectors = Sequence[Sequence[float]]


class Views:
    """Takes each model's vectors while they are there, keeps a fraction of them, and writes that down at the end."""

    def __init__(self, sample: Sample, run_id: str) -> None:
        self._sample = sample
        self._run = run_id
        self._chosen = chosen(sample)
        self._views: dict[str, View] = {}

    def take(self, model: str, queries: Vectors, documents: Vectors, measured: Measured) -> None:
        """Keep what is shown of a model's measured vectors."""
        from dropforge.domain.projection import view  # noqa: PLC0415 - numpy takes a tenth of a second to import

        with isolated(run=self._run):
            self._views[model] = view(self._sample, self._chosen, queries, documents, dict(measured.ranks))

    def write(self, state: ObjectStore) -> None:
        """Write down map and shelf, where both models were measured: one alone is nothing to compare."""
        from dropforge.domain.projection import map_of  # noqa: PLC0415 - as above

        views = self._views
        if not {"base", "tuned"} <= views.keys():
            return
        with isolated(run=self._run):
            drawn = map_of(self._sample, self._chosen, views["base"], views["tuned"])
            state.write(map_name(self._run), wire.encode(drawn), replacing=None)
        with isolated(run=self._run):
            shelf = Shelf(
                documents=books(self._sample, self._chosen.shelved),
                models={model: view.rows for model, view in views.items()},
            )
            state.write(shelf_name(self._run), wire.encode(shelf), replacing=None)
