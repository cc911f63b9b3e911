"""Texts to vectors: the port, the base model that is bundled, and a base with a tuned map on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoded:
    """The vectors of some texts, one row a text, and how many tokens each text had."""

    vectors: Vectors
    token_counts: list[int]
    truncated: list[bool]


class EmbeddingModel(Protocol):
    """Turns texts into vectors whose dot product is their similarity."""

    @property
    def name(self) -> str:
        """Which model this really is, as shown to people."""

    @property
    def dimensions(self) -> int:
        """Length of one vector."""

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Vectors of shape `(len(texts), dimensions)`, each of unit length; all zeros for a text with no tokens.

        A text longer than the model reads is truncated, never refused, and marked so.
        """


def titled(text: str, title: str | None) -> str:
    """The one text that is embedded for a text with a title."""
    return f"{title} {text}" if title else text


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length one; rows of zeros stay so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)
