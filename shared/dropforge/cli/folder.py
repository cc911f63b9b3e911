"""A dataset folder that a command names, wherever it lies: opened, examined."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from rich.progress import TaskProgressColumn

from dropforge import bootstrap, settings
from dropforge.bootstrap import BUCKETS
from dropforge.cli.paper import bar
from dropforge.cli.place import require_running
from dropforge.domain.datasets import CORPUS, DATA, KNOWN, Folder
from dropforge.domain.errors import Misconfigured, Missing, Refused
from dropforge.domain.files import StoredFile
from dropforge.domain.findings import Report
from dropforge.examine import Examiner
from dropforge.ports import Reader

_LONG = 20_000_000  # bytes: from this size on, people want to see progress


def examined(place: str) -> Report:
    """The report on a folder.

    Raises:
        DropforgeError: It could not be examined.
    """
    operator, remote = settings.operator(), place.startswith(BUCKETS)
    with bar(f"Looking into {place}", None, wanted=remote):
        reader, prefix, folder = opened(place)
    size = sum(file.size for name, file in folder.by_name.items() if name in DATA)
    with (
        bootstrap.inspection(place, size) as inspection,
        bar(f"Checking {place}", size, TaskProgressColumn(), wanted=remote or size > _LONG) as progress,
    ):
        examiner = Examiner(reader, operator, inspection, progress)
        return examiner.examine_unchanged(prefix, datetime.now(UTC).date())


def opened(place: str) -> tuple[Reader, str, Folder]:
    """What reads a folder, its prefix, and what it holds.

    Raises:
        DropforgeError: It holds no dataset, or cannot be read; says what to do.
    """
    remote = place.startswith(BUCKETS)
    bucket = place.removeprefix(BUCKETS).partition("/")[0]
    if (remote and not bucket) or (not remote and "://" in place):
        raise Refused(f"{place} cannot be checked: name a folder on this machine, or gs://BUCKET/PATH")
    if remote:
        require_running()
    try:
        reader, prefix = bootstrap.reader(place)
        folder, inner = _looked_into(reader, prefix)
    except Missing as error:
        what = f"bucket {bucket}" if remote else f"folder {place}"
        raise Missing(f"there is no {what}: check its name") from error
    except Misconfigured as error:
        what, step = str(error).partition(". ")[0], "`gcloud auth application-default login` signs you in"
        raise Misconfigured(f"{what}; {step}, and reading takes the role Storage Object Viewer") from error
    if folder.probably_meant or not folder.by_name.keys().isdisjoint(KNOWN):
        return reader, prefix, folder
    if remote:
        inner = [f"{BUCKETS}{bucket}/{path}" for path in inner]
    else:
        inner = [str(found.parent) for depth in ("*", "*/*") for found in Path(place).glob(f"{depth}/{CORPUS}")]
    where = f"; {min(inner)} has one" if inner else ""
    raise Missing(f"{place} holds no file of a dataset: name the folder that {CORPUS} lies in{where}")


def _looked_into(reader: Reader, prefix: str) -> tuple[Folder, list[str]]:
    """What a folder holds, and the folders further down that hold a corpus."""
    inner: list[str] = []

    def direct() -> Iterator[StoredFile]:
        for file in reader.list(prefix):
            if "/" not in file.name.removeprefix(prefix):
                yield file
            elif PurePosixPath(file.name).name == CORPUS:
                inner.append(file.name.rpartition("/")[0])

    return Folder.anywhere(prefix, direct()), inner
