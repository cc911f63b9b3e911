"""The validator: reads a dataset once, line by line, and tells every fault by file and line.

What Vertex documents is checked as documented; what it leaves open (encoding, byte-order marks, line ends, blank
lines, quoting, duplicate ids) is refused, because there a fault shows only minutes into a paid job.

A file is cut into blocks of whole lines. Each block is inspected by itself (`records`, `labels`), in any process; the
results are small, and are taken in one by one (`dataset`). What only shows at the end is judged then (`judge`).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import BinaryIO, Protocol

from dropforge.domain.catalogue import CATALOGUE, LIMITS, Catalogue, Limits
from dropforge.domain.datasets import CORPUS, QUERIES, TEST_LABELS, TRAINING_LABELS, VALIDATION_LABELS
from dropforge.domain.findings import Findings, Report
from dropforge.domain.tuning import Tuning
from dropforge.domain.validator import labels, records
from dropforge.domain.validator.blocks import Block, blocks
from dropforge.domain.validator.dataset import Dataset, Kind
from dropforge.domain.validator.judge import judge

Inspect = Callable[[str, Block, Callable[[], bytes]], Kind]


class Inspection(Protocol):
    """Inspects a file's blocks, and gives what they hold in their order."""

    def __call__(self, inspect: Inspect[Kind], file: str, stream: BinaryIO) -> Iterator[Kind]:
        """Read the stream to its end."""
        ...


def in_turn(inspect: Inspect[Kind], file: str, stream: BinaryIO) -> Iterator[Kind]:
    """Inspect one block after the other, here."""
    for block in blocks(stream):
        yield inspect(file, block, partial(_data_of, block))


def _data_of(block: Block) -> bytes:
    return block.data


def check(
    files: Mapping[str, BinaryIO],
    tuning: Tuning,
    findings: Findings,
    limits: Limits = LIMITS,
    *,
    sizes: Mapping[str, int] | None = None,
    catalogue: Catalogue = CATALOGUE,
    inspection: Inspection = in_turn,
    progress: Callable[[int], object] = int,
) -> Report:
    """Check a dataset.

    Args:
        files: The data files by their name in the folder, open for reading at their start. Each is read once.
        tuning: The resolved configuration.
        findings: May hold findings already, such as those of `tuning.yaml`.
        limits: How large a dataset may be.
        sizes: Of the files in bytes: what is not known to be small is taken for large.
        catalogue: Knows the base model's languages.
        inspection: Where the blocks are inspected.
        progress: Called with how many bytes have been taken in since the last call.
    """
    dataset = Dataset(tuning, findings, limits, sizes or {})

    def seen(parts: Iterator[Kind]) -> Iterator[Kind]:
        for part in parts:
            yield part
            progress(part.size)

    english = catalogue.model(tuning.base_model).english
    inspect_records = partial(records.inspect, most_tokens=limits.most_tokens, english=english)
    for name in (CORPUS, QUERIES):
        if name in files:
            dataset.take_records(name, seen(inspection(inspect_records, name, files[name])))
    for name in (TRAINING_LABELS, TEST_LABELS, VALIDATION_LABELS):
        if name in files:
            dataset.take_labels(name, seen(inspection(labels.inspect, name, files[name])))
    judge(dataset)
    return findings.report()
