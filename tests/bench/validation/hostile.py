"""Datasets that are made to hurt: each at any size, for how the cost grows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from validation.folder import CORPUS, HEADER, LABELS, QUERIES
from validation.samples import Shape, write

# Above what Vertex takes, so that twice as much is read to its end as well.
LIMITS = {"most_documents": 2_000_000, "most_queries": 100_000, "most_labels": 2_000_000}

_PIECE = "Words of a line without an end. " * 2_000
_WIDE = 128  # bytes of an id
_AROUND = Shape(documents=1_000, queries=100, labels=1_000)  # what is in order beside the hostile file
_HEADER = "\t".join(HEADER) + "\n"


@dataclass(frozen=True, slots=True)
class Hostility:
    """One way to hurt.

    Attributes:
        title: What it is, with a place for how many.
        once: How many, of lines or bytes, in the smaller of two sizes.
        write: Writes a folder with so many.
    """

    title: str
    once: int
    write: Callable[[Path, int], None]


def _one_line(folder: Path, size: int) -> None:
    write(folder, _AROUND)
    with (folder / CORPUS).open("a") as file:
        file.write('{"_id": "x", "text": "')
        file.writelines(repeat(_PIECE, size // len(_PIECE)))
        file.write('"}\n')


def _all_malformed(folder: Path, rows: int) -> None:
    write(folder, _AROUND)
    with (folder / CORPUS).open("a") as file:
        file.writelines(f'{{"_id": "x{row}", "text": "He said "no" and left the room."}}\n' for row in range(rows))


def _wide_ids(folder: Path, labels: int) -> None:
    documents, queries = labels // 10, labels // 100
    with (folder / CORPUS).open("w") as file:
        file.writelines(f'{{"_id": "{_wide("d", row)}", "text": "Document {row}."}}\n' for row in range(documents))
    with (folder / QUERIES).open("w") as file:
        file.writelines(f'{{"_id": "{_wide("q", row)}", "text": "Query {row}?"}}\n' for row in range(queries))
    for name, begin, end in zip(LABELS, (0, labels // 10 * 9), (labels // 10 * 9, labels), strict=True):
        with (folder / name).open("w") as file:
            file.write(_HEADER)
            file.writelines(
                f"{_wide('q', row // 100)}\t{_wide('d', row * 7919 % documents)}\t1\n" for row in range(begin, end)
            )


def _all_twice(folder: Path, rows: int) -> None:
    write(folder, _AROUND)
    with (folder / CORPUS).open("a") as file:
        file.writelines(repeat('{"_id": "x", "text": "Where is my card, and when will it come?"}\n', rows))
    with (folder / LABELS[0]).open("a") as file:
        file.writelines(repeat("q1\tx\t1\n", rows))


def _wide(kind: str, number: int) -> str:
    return f"{kind}{number}-".ljust(_WIDE, "x")


HOSTILITIES = (
    Hostility("one line of {:,} bytes", 300_000_000, _one_line),
    Hostility("{:,} records, each malformed", 500_000, _all_malformed),
    Hostility("{:,} labels with ids of 128 bytes", 500_000, _wide_ids),
    Hostility("{:,} times the same record, and the same label", 500_000, _all_twice),
)


def sizes(hostility: Hostility, share: float) -> Iterator[int]:
    """The two sizes at which it is measured."""
    once = int(hostility.once * share)
    return iter((once, 2 * once))
