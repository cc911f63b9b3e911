"""Chance that follows from the seed and a name, not from what was asked before: one fault leaves the rest as it was."""

import math
from hashlib import blake2b
from random import Random


class Chance:
    """Draws by name."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def draw(self, *name: object) -> float:
        """A number from 0 up to 1, always the same for a name."""
        digest = blake2b(repr((self._seed, *name)).encode(), digest_size=7).digest()
        return int.from_bytes(digest, "big") / 2**56

    def waiting(self, mean: float, *name: object) -> float:
        """An exponential delay, always the same for a name."""
        return -mean * math.log(1 - self.draw(*name))

    def stream(self, *name: object) -> Random:
        """A stream of its own, for whoever draws a lot."""
        return Random(repr((self._seed, *name)))
