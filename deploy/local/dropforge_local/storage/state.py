"""The whole state of the server: one folder with an SQLite file and the contents of objects beside it."""

from pathlib import Path

from dropforge_local.storage.blobs import Blobs
from dropforge_local.storage.buckets import Buckets
from dropforge_local.storage.database import Database
from dropforge_local.storage.listing import Page, Selection, list_objects
from dropforge_local.storage.objects import Objects
from dropforge_local.storage.outbox import Outbox
from dropforge_local.storage.uploads import Uploads


class Storage:
    """Buckets, objects, resumable uploads and owed notifications, as they were when the last server ended."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = Database(folder / "storage.sqlite3")
        self.blobs = Blobs(folder / "blobs")
        self.buckets = Buckets(self._database)
        self.outbox = Outbox(self._database)
        self.objects = Objects(self._database, self.blobs, self.buckets, self.outbox)
        self.uploads = Uploads(self._database, self.blobs, self.buckets, self.objects)
        self.uploads.forget_old()
        self.blobs.remove_all_but(self._blobs_in_use())

    def list(self, bucket: str, selection: Selection) -> Page:
        """One page of a bucket's objects, in order of name.

        Raises:
            NotFound: there is no such bucket.
            Invalid: the glob is malformed.
        """
        self.buckets.get(bucket)
        return list_objects(self._database, bucket, selection)

    def close(self) -> None:
        """Release the folder."""
        self._database.close()

    def _blobs_in_use(self) -> set[str]:
        rows = self._database.execute("SELECT blob FROM objects UNION SELECT blob FROM uploads WHERE finished IS NULL")
        return {row[0] for row in rows}
