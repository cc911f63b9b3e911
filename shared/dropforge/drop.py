"""Drops a folder of this machine into the bucket: what is there already is kept, and the manifest comes last.

The bucket's folder changes file by file, and whoever looks at it meanwhile must not take a mixture for a dataset. So where
more than one file changes, the keystone is taken away first and put back last: until then the folder is incomplete. Every
write names the generation that it replaces, so that of two who drop at once one gets an error, and stops.
"""

import io
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, cast

from dropforge import wire
from dropforge.domain.datasets import DATA, KNOWN, MANIFEST, ROOT, TRAINING_LABELS, TUNING, Folder
from dropforge.domain.errors import Conflict, Missing, Refused, Unavailable
from dropforge.domain.files import Pin, StoredFile
from dropforge.ports import NEW, ObjectStore, Reader

KEYSTONE = TRAINING_LABELS  # required whatever `tuning.yaml` says, and small
_CHANGED = "leave the folder alone until it is dropped"


def files_of(here: Iterable[StoredFile]) -> tuple[StoredFile, ...]:
    """The files of a dataset among those of a folder; its manifest, which is made anew, is not among them."""
    return tuple(file for file in here if file.name in {*DATA, TUNING})


@dataclass(frozen=True, slots=True)
class Delivery:
    """What has to be done for the bucket's folder to hold what a folder here does.

    Attributes:
        dataset: The dataset's name.
        files: The files here, with their checksums.
        there: The dataset's files in the bucket's folder, by name, its manifest included.
    """

    dataset: str
    files: tuple[StoredFile, ...]
    there: dict[str, StoredFile]

    @classmethod
    def between(cls, files: Iterable[StoredFile], store: ObjectStore, dataset: str) -> "Delivery":
        """Compare files here with the bucket's folder.

        Raises:
            Missing: There is no such bucket.
            Unavailable: The service did not answer.
        """
        return cls(dataset, tuple(files), _listed(store, dataset))

    @property
    def sent(self) -> tuple[StoredFile, ...]:
        """The files here that the bucket lacks, or has with other bytes or an encoding."""
        return tuple(file for file in self.files if not self._is_there(file))

    @property
    def kept(self) -> tuple[StoredFile, ...]:
        """The files here whose very bytes are in the bucket."""
        return tuple(file for file in self.files if self._is_there(file))

    @property
    def surplus(self) -> tuple[str, ...]:
        """Names of the files that only the bucket has: they would be part of the dataset."""
        return tuple(sorted(self.there.keys() - {file.name for file in self.files} - {MANIFEST}))

    @property
    def is_gradual(self) -> bool:
        """Whether the folder is neither the old one nor the new one for a while: more than one file changes."""
        return len(self.sent) + len(self.surplus) > 1

    def _is_there(self, file: StoredFile) -> bool:
        found = self.there.get(file.name)
        return found is not None and (found.size, found.crc32c, found.encoding) == (file.size, file.crc32c, "")


@dataclass(slots=True)
class Deliverer:
    """Makes a delivery.

    Attributes:
        delivery: What is to be done.
        source: Opens the files here.
        store: The bucket.
        progress: Called with how many more bytes have been sent; negative where a piece is repeated.
    """

    delivery: Delivery
    source: Reader
    store: ObjectStore
    progress: Callable[[int], object] = int
    _live: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self._live = {name: file.generation for name, file in self.delivery.there.items()}

    @property
    def sent(self) -> tuple[StoredFile, ...]:
        """The files that are sent: those that differ, and the keystone with them where they are several."""
        differing, is_gradual = self.delivery.sent, self.delivery.is_gradual
        return tuple(
            file for file in self.delivery.files if file in differing or (is_gradual and file.name == KEYSTONE)
        )

    def deliver(self) -> Folder:
        """Remove the surplus, send what differs, write the manifest.

        Returns:
            The bucket's folder as it is now.

        Raises:
            Conflict: Somebody else changed it meanwhile.
            Missing: There is no such bucket.
            Refused: The service does not take a file.
            Unavailable: The service did not answer, or a file here changed; a further delivery goes on from there.
        """
        last = [file for file in self.sent if file.name == KEYSTONE and self.delivery.is_gradual]
        self._clear()
        self._send([file for file in self.sent if file not in last])
        self._require_untouched()
        self._send(last)
        self._write_manifest()
        return self._require_untouched()

    def _clear(self) -> None:
        """Remove what would let a half-sent folder pass, or keep a whole one from passing; then the surplus."""
        former = [MANIFEST] if self.delivery.sent or self.delivery.surplus else []
        keystone = [KEYSTONE] if self.delivery.is_gradual else []
        for name in (*former, *keystone, *self.delivery.surplus):
            if name in self._live:
                self.store.delete(self._path(name), generation=self._live.pop(name))

    def _send(self, files: Sequence[StoredFile]) -> None:
        """Send files at once: a dataset has few. The first that fails stops the others, and so does an interrupt."""
        stopped = threading.Event()
        sending = [_begun(partial(self._send_one, file, stopped)) for file in files]
        try:
            wait(sending, return_when=FIRST_EXCEPTION)
            failed = [error for one in sending if one.done() and (error := one.exception())]
            if failed:
                raise failed[0]
        finally:
            stopped.set()
        self._live |= {file.name: one.result() for file, one in zip(files, sending, strict=True)}

    def _send_one(self, file: StoredFile, stopped: threading.Event) -> int:
        try:
            stream = self.source.open(file)
        except Missing as error:
            raise Unavailable(f"{error}: {_CHANGED}") from error
        with stream:
            watched = _Watched(stream, self.progress, stopped)
            try:
                return self.store.upload(
                    self._path(file.name),
                    cast("BinaryIO", watched),
                    size=file.size,
                    crc32c=file.crc32c,
                    replacing=self._live.get(file.name, NEW),
                )
            except Refused as error:
                self._require_unchanged(file, error)
                raise
            except Conflict:
                # The client repeats a write whose answer was lost, and is then refused by its own first try.
                found = _listed(self.store, self.delivery.dataset).get(file.name)
                if found and (found.size, found.crc32c) == (file.size, file.crc32c):
                    return found.generation
                raise self._conflict(file.name) from None

    def _require_unchanged(self, file: StoredFile, error: Refused) -> None:
        with suppress(Missing), self.source.open(file):
            return
        raise Unavailable(f"{file.name} changed while it was uploaded: {_CHANGED}") from error

    def _write_manifest(self) -> None:
        listed = [Pin(file.name, 0, file.size, file.crc32c) for file in self.delivery.files]
        data, replacing = wire.as_manifest(listed), self._live.get(MANIFEST, NEW)
        try:
            self._live[MANIFEST] = self.store.write(self._path(MANIFEST), data, replacing=replacing)
        except Conflict:
            with suppress(Missing):
                found, generation = self.store.read(self._path(MANIFEST))
                if found == data:  # by a first try whose answer was lost, or by somebody with the same files
                    self._live[MANIFEST] = generation
                    return
            raise self._conflict(MANIFEST) from None

    def _require_untouched(self) -> Folder:
        """See that the folder holds what was sent and kept, and nothing else of a dataset."""
        found = _listed(self.store, self.delivery.dataset)
        now = {name: file.generation for name, file in found.items()}
        if differing := sorted(name for name in KNOWN if now.get(name) != self._live.get(name)):
            raise self._conflict(*differing)
        return Folder(self.delivery.dataset, tuple(found.values()))

    def _conflict(self, *names: str) -> Conflict:
        place = f"gs://{self.store.bucket}/{ROOT}{self.delivery.dataset}/"
        return Conflict(
            f"somebody else is dropping into {place} too ({', '.join(names)} changed there meanwhile). Files of two drops are "
            "not tuned together: agree on whose it should be, and drop that again"
        )

    def _path(self, name: str) -> str:
        return f"{ROOT}{self.delivery.dataset}/{name}"


def _listed(store: ObjectStore, dataset: str) -> dict[str, StoredFile]:
    """The files of a dataset that its folder in the bucket holds, by name; an empty one has a generation, too."""
    prefix = f"{ROOT}{dataset}/"
    found = ((file.name.removeprefix(prefix), file) for file in store.list(prefix))
    return {name: file for name, file in found if name in KNOWN}


def _begun(work: Callable[[], int]) -> Future[int]:
    """Begin some work in a thread that nobody waits for at the end of the process: an interrupt ends it, too."""
    future: Future[int] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


class _Watched(io.RawIOBase):
    """A stream that reports how far it has been read, and that can be stopped."""

    def __init__(self, stream: BinaryIO, progress: Callable[[int], object], stopped: threading.Event) -> None:
        self._stream = stream
        self._progress = progress
        self._stopped = stopped
        self._told = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, into: object, /) -> int:
        if self._stopped.is_set():
            raise InterruptedError("another file could not be sent")
        view = memoryview(into).cast("B")  # type: ignore[arg-type]
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._tell_how_far()
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        place = self._stream.seek(offset, whence)
        self._tell_how_far()
        return place

    def tell(self) -> int:
        return self._stream.tell()

    def _tell_how_far(self) -> None:
        far = self._stream.tell()
        self._progress(far - self._told)
        self._told = far
