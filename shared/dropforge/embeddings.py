"""Vectors of many texts in the state bucket, made part by part: whoever is cut off goes on where it stopped.

A folder of parts is what Vertex AI Vector Search imports as it is, and holds nothing else:

PREFIXpart-00000.json   one `{"id": ..., "embedding": [...]}` a line, in the order of the texts

The service tells a file's format by its suffix, wants every data file directly in the folder, no other folder there,
and at most 5,000 files (https://cloud.google.com/vertex-ai/docs/vector-search/setup/format-structure).

Each part is written once and whole. Its metadata say how many texts it has, and whether it is the last one: a listing
tells how far the folder is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice

from dropforge import wire
from dropforge.domain.content import Text
from dropforge.domain.errors import Conflict, Refused, Unreadable
from dropforge.domain.files import StoredFile
from dropforge.domain.text import printable, shortened
from dropforge.ports import NEW, Clock, ObjectStore

MOST_PARTS = 5_000
_FEWEST_DIGITS, _MOST_DIGITS = 6, 9  # nine tell every number of 32 bits from every other; six are printed as they are


@dataclass(frozen=True, slots=True)
class Embedded:
    """One line of a part."""

    id: str
    embedding: list[float]


@dataclass(frozen=True, slots=True)
class _Part:
    """What the metadata of a part say."""

    texts: int
    last: bool


class Embeddings:
    """Makes and reads folders of vectors."""

    def __init__(self, state: ObjectStore, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def fill(
        self,
        prefix: str,
        texts: Iterable[tuple[str, Text]],
        embed: Callable[[Sequence[Text]], list[list[float]]],
        *,
        part: int,
        until: datetime,
    ) -> bool:
        """Embed what is not embedded yet. If a call is cut off, the next goes on after the last part that is there.

        Args:
            prefix: The folder, with its slash.
            texts: All texts with their ids, always the same ones in the same order. They are read as they are needed,
                and not at all when the folder is complete.
            embed: Gives a vector for each text that it is given.
            part: How many texts a part has. It may change between calls: parts that are there count as they are.
            until: After this moment no part is begun.

        Returns:
            Whether all are there. False also when somebody else is writing the same folder: it is left to them, since
            vectors cost money; a later call goes on, should they have been cut off.

        Raises:
            Refused: A vector holds a value that is not finite; or the folder would have too many parts to be imported.
            Unreadable: The parts that are there are not numbered in a row from the first on.
        """
        there = self._there(prefix)
        if there and there[-1].last:
            return True
        rest = islice(iter(texts), sum(found.texts for found in there), None)
        following = list(islice(rest, part))
        for number in range(len(there), MOST_PARTS):
            if self._clock.now() >= until:
                return False
            batch, following = following, list(islice(rest, 1))
            content = _lines(batch, embed([text for _, text in batch])) if batch else b""
            told = _Part(len(batch), last=not following)
            try:
                self._state.write(_name(prefix, number), content, replacing=NEW, metadata=wire.as_metadata(told))
            except Conflict:  # or our own write, whose answer was lost
                return False
            if told.last:
                return True
            following = list(chain(following, islice(rest, part - 1)))
        raise Refused(f"{prefix} would have more than {MOST_PARTS:,} parts: make them larger than {part:,} texts")

    def complete(self, prefix: str) -> bool:
        """Whether every text of a folder is embedded."""
        there = self._there(prefix)
        return bool(there) and there[-1].last

    def read(self, prefix: str) -> Iterator[tuple[str, list[float]]]:
        """Every id of a folder with its vector, in the order of the texts, one part's line after the other.

        Raises:
            Unreadable: A part does not hold such lines.
        """
        for file in self._state.list(f"{prefix}part-"):
            with self._state.open(file) as lines:
                for line in lines:
                    found = wire.decode(line, Embedded, file.uri)
                    yield found.id, found.embedding

    def _there(self, prefix: str) -> list[_Part]:
        """The parts of a folder."""
        parts = []
        for number, file in enumerate(self._state.list(f"{prefix}part-")):
            if file.name != _name(prefix, number):
                raise Unreadable(f"{file.uri} comes after {number} parts: remove the folder, and it is made anew")
            parts.append(_told(file))
        return parts


def _name(prefix: str, number: int) -> str:
    return f"{prefix}part-{number:05}.json"


def _told(file: StoredFile) -> _Part:
    return wire.from_metadata(file.metadata, _Part, file.uri)


def _lines(texts: Sequence[tuple[str, Text]], vectors: Sequence[Sequence[float]]) -> bytes:
    records = (
        Embedded(identity, brief(vector, printable(identity)))
        for (identity, _), vector in zip(texts, vectors, strict=True)
    )
    return "".join(f"{wire.as_text(record)}\n" for record in records).encode()


def brief(vector: Sequence[float], what: str) -> list[float]:
    """A vector's numbers, each with as few digits as tell it from its neighbours of 32 bits.

    A model computes with 32 bits; further digits would be noise, and almost double what is stored.

    Args:
        vector: The numbers.
        what: What it is of, for the message.

    Raises:
        Refused: One is no finite number, which JSON cannot say.
    """
    import numpy as np  # noqa: PLC0415 - takes a tenth of a second to import

    with np.errstate(over="ignore"):
        exact = np.asarray(vector, dtype=np.float32)
    if not np.isfinite(exact).all():
        raise Refused(
            f"the vector of {shortened(what, 100)} holds a value that is no finite number: the model is broken"
        )
    wide = exact.astype(np.float64)
    magnitude = np.floor(np.log10(np.abs(wide), where=wide != 0, out=np.zeros_like(wide)))
    shortest = wide.copy()
    for digits in range(_MOST_DIGITS, _FEWEST_DIGITS - 1, -1):
        scale = 10.0 ** (digits - 1 - magnitude)
        rounded = np.round(wide * scale) / scale
        shortest = np.where(rounded.astype(np.float32) == exact, rounded, shortest)
    found: list[float] = shortest.tolist()
    return found
