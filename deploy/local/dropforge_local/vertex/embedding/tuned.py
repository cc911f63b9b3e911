"""A tuned model: the frozen base and one linear map, kept as two files in a folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from dropforge_local.vertex.embedding import EmbeddingModel, Encoded, Vectors, unit

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "model.json"


class TunedModel:
    """Base vectors multiplied by a map and scaled to unit length.

    The map has shape `(base.dimensions, dimensions)`; the identity (cut to `dimensions` columns) is the base itself.
    """

    def __init__(self, base: EmbeddingModel, matrix: Vectors, card: dict[str, Any]) -> None:
        self._base = base
        self._matrix = matrix
        self.card = card

    @property
    def name(self) -> str:
        """The base's name: that is what was really tuned."""
        return f"{self._base.name}, tuned"

    @property
    def dimensions(self) -> int:
        """Length of one vector."""
        return int(self._matrix.shape[1])

    def encode(self, texts: Sequence[str]) -> Encoded:
        """See `EmbeddingModel.encode`."""
        encoded = self._base.encode(texts)
        return Encoded(project(encoded.vectors, self._matrix), encoded.token_counts, encoded.truncated)

    def files(self) -> dict[str, bytes]:
        """The model as file contents by file name."""
        return {
            WEIGHTS_FILE: save({"map": np.ascontiguousarray(self._matrix)}),
            CARD_FILE: json.dumps(self.card, indent=2, ensure_ascii=False).encode(),
        }


def project(vectors: Vectors, matrix: Vectors) -> Vectors:
    """What the tuned model makes of base vectors."""
    return unit(vectors @ matrix)


def load_tuned(folder: Path, base: EmbeddingModel) -> TunedModel:
    """Read a model that was written as `TunedModel.files`."""
    matrix = load((folder / WEIGHTS_FILE).read_bytes())["map"]
    return TunedModel(base, matrix, json.loads((folder / CARD_FILE).read_bytes()))
