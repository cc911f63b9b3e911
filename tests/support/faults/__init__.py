"""Every fault that a dataset can have, one folder each, and what must be told of it."""

from support.faults import fields, folder, labels, lines, quality, records, settings, texts
from support.faults.fault import Fault

EVERY: tuple[Fault, ...] = (
    *folder.FAULTS,
    *lines.FAULTS,
    *records.FAULTS,
    *fields.FAULTS,
    *labels.FAULTS,
    *texts.FAULTS,
    *quality.FAULTS,
    *settings.FAULTS,
)
