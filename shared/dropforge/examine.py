"""Examines a dataset folder wherever it lies: which files it has, its configuration, its manifest, its data.

The function and `dropforge check` examine alike, because both do it here.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from dropforge import wire
from dropforge.domain import datasets
from dropforge.domain.datasets import MANIFEST, TUNING, Folder
from dropforge.domain.errors import Missing, Unavailable, Unreadable
from dropforge.domain.files import Pin, StoredFile
from dropforge.domain.findings import Findings, Report, quoted
from dropforge.domain.tuning import Tuning, resolve
from dropforge.ports import Reader
from dropforge.settings import Operator

if TYPE_CHECKING:
    from dropforge.domain.validator.check import Inspection

_LARGEST_SIDE_FILE = 256 * 1024  # bytes of tuning.yaml or MANIFEST.json
_SHOWN_STRAYS = 20
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Examiner:
    """Examines folders that a reader can open.

    Attributes:
        reader: Opens their files.
        operator: What the operator configured.
        inspection: Where the data is inspected; None for one block after the other, here.
        progress: Called with how many bytes of data have been examined since its last call.
    """

    reader: Reader
    operator: Operator
    inspection: "Inspection | None" = None
    progress: Callable[[int], object] = int

    def configuration(self, folder: Folder, today: date, findings: Findings) -> Tuning:
        """The configuration as resolved.

        Raises:
            Missing: The file was replaced or removed meanwhile.
        """
        file = folder.by_name.get(TUNING)
        text = None
        try:
            text = self._small(file) if file else None
        except Unreadable as error:
            findings.add("tuning-unreadable", TUNING, 0, str(error))
        return resolve(text, self.operator.bounds, today, findings)

    def manifest(self, folder: Folder) -> tuple[Pin, ...]:
        """The files that the folder's manifest lists; none where there is no manifest.

        Raises:
            Unreadable: It is no manifest.
            Missing: It was replaced or removed meanwhile.
        """
        file = folder.by_name.get(MANIFEST)
        return wire.manifest(self._small(file)) if file else ()

    def compare_with_manifest(self, folder: Folder, findings: Findings) -> None:
        """Tell which files are not as the manifest lists them.

        Raises:
            Missing: The manifest was replaced or removed meanwhile.
        """
        try:
            listed = self.manifest(folder)
        except Unreadable as error:
            findings.add("manifest-unreadable", MANIFEST, 0, str(error))
            return
        for name in folder.differing(listed)[:_SHOWN_STRAYS]:
            findings.add("manifest-mismatch", MANIFEST, 0, f"{quoted(name)} is not as it is listed")

    def check(self, folder: Folder, tuning: Tuning, findings: Findings) -> Report:
        """Check the folder's data, and close the findings.

        Raises:
            Missing: A file was replaced or removed meanwhile.
            Unavailable: A file could not be read.
        """
        from dropforge.domain.validator import check as validator  # noqa: PLC0415 - numpy takes a tenth of a second

        meant = {found: name for name, found in folder.probably_meant.items()}
        for name in folder.unknown[:_SHOWN_STRAYS]:
            hint = f"; was it meant to be {meant[name]}?" if name in meant else ""
            findings.add("folder-unknown-file", name, 0, f"not a file of a dataset{hint}")
        data = {name: folder.by_name[name] for name in datasets.DATA if name in folder.by_name}
        for name, file in data.items():
            if file.encoding:  # what would be unpacked on the way can be of any size
                findings.add("bytes-encoded", name, 0, f"stored with Content-Encoding {quoted(file.encoding)}")
        size, most = sum(file.size for file in data.values()), self.operator.limits.most_bytes
        if size > most:
            findings.add("size-bytes", "", 0, f"{size:,} bytes in all files; at most {most:,} are read")
        if size > most or any(file.encoding for file in data.values()):
            return findings.report()
        with ExitStack() as stack:
            files = {name: stack.enter_context(self.reader.open(file)) for name, file in data.items()}
            return validator.check(
                files,
                tuning,
                findings,
                self.operator.limits,
                sizes={name: file.size for name, file in data.items()},
                catalogue=self.operator.catalogue,
                inspection=self.inspection or validator.in_turn,
                progress=self.progress,
            )

    def examine(self, folder: Folder, today: date) -> Report:
        """Examine a folder that is as complete as it will be: what is not there is a finding.

        Raises:
            Missing: A file was replaced or removed meanwhile.
            Unavailable: A file could not be read.
        """
        findings = Findings()
        tuning = self.configuration(folder, today, findings)
        for name in folder.missing(split_test_labels=tuning.test_labels == "split"):
            near = (
                f"; was {quoted(folder.probably_meant[name])} meant to be it?" if name in folder.probably_meant else ""
            )
            findings.add("folder-missing-file", name, 0, f"{name} is not there{near}")
        self.compare_with_manifest(folder, findings)
        return self.check(folder, tuning, findings)

    def examine_unchanged(self, prefix: str, today: date) -> Report:
        """Examine the folder of this prefix; begin again when it changes meanwhile.

        Raises:
            Missing: The folder holds no file.
            Unavailable: A file could not be read, or they keep changing.
        """
        for _ in range(_ATTEMPTS):
            folder = Folder.anywhere(prefix, self.reader.list(prefix))
            if not folder.files:
                raise Missing(f"{prefix or 'the bucket'} holds no file: name the folder that corpus.jsonl lies in")
            try:
                report = self.examine(folder, today)
            except Missing:
                continue
            if Folder.anywhere(prefix, self.reader.list(prefix)) == folder:
                return report
        raise Unavailable(f"{prefix or 'the folder'} keeps changing while it is read: check it when the upload is over")

    def _small(self, file: StoredFile) -> bytes:
        """Read a side file whole. One that is large, or that would be unpacked on the way, is not even opened."""
        if file.encoding:
            raise Unreadable(f"stored with Content-Encoding {quoted(file.encoding)}")
        if file.size > _LARGEST_SIDE_FILE:
            raise Unreadable(f"{file.size:,} bytes, more than the {_LARGEST_SIDE_FILE:,} that are read")
        with self.reader.open(file) as stream:
            return stream.read()
