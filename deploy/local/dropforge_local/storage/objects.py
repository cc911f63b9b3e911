"""The objects: their generations, contents and settable fields.

Every change is one transaction without an `await` in it: conditions are checked, rows are swapped and the notification
is put into the outbox together, so that neither a race nor a killed process can take them apart.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from dropforge_local.storage.blobs import Blobs, Content
from dropforge_local.storage.buckets import Buckets
from dropforge_local.storage.database import Database
from dropforge_local.storage.errors import NotFound
from dropforge_local.storage.fields import merged
from dropforge_local.storage.names import check_object_name
from dropforge_local.storage.outbox import Outbox
from dropforge_local.storage.preconditions import Preconditions
from dropforge_local.storage.resources import Bucket, Fields, StoredObject, now

ALWAYS = Preconditions()


class Objects:
    """Objects by bucket, name and generation."""

    def __init__(self, database: Database, blobs: Blobs, buckets: Buckets, outbox: Outbox) -> None:
        self._database = database
        self._blobs = blobs
        self._buckets = buckets
        self._outbox = outbox

    @contextmanager
    def draft(self) -> Iterator[str]:
        """The name of a new blob, which is removed again unless an object has come of it."""
        blob = self._blobs.create()
        try:
            yield blob
        finally:
            self.remove_unused(blob)

    def remove_unused(self, blob: str) -> None:
        """Remove a blob that is the content of no object; copies share one."""
        if not self._database.row("SELECT 1 FROM objects WHERE blob = ? LIMIT 1", blob):
            self._blobs.remove(blob)

    def put(
        self,
        bucket: str,
        name: object,
        content: Content,
        fields: Fields,
        when: Preconditions = ALWAYS,
        *,
        components: int | None = None,
    ) -> StoredObject:
        """Make a new live generation out of a sealed content, and owe its notification.

        Raises:
            NotFound: there is no such bucket.
            Invalid: no object may have that name.
            PreconditionFailed: a condition does not hold; nothing was changed.
        """
        name = check_object_name(name)
        with self._database.transaction():
            owner = self._buckets.get(bucket)
            existing = self.find(bucket, name)
            when.check(existing)
            if existing:
                self._retire(existing, owner)
            moment = now()
            new = StoredObject(
                bucket,
                name,
                self._database.next_generation(),
                1,
                content,
                components,
                merged({"storageClass": owner.fields.get("storageClass", "STANDARD")}, fields),
                moment,
                moment,
            )
            self._save(new)
            if owner.notify:
                self._outbox.add(new)
        return new

    def find(self, bucket: str, name: str, generation: int | None = None) -> StoredObject | None:
        """The live generation of an object, or the generation asked for; None if there is none."""
        if generation is None:
            row = self._database.row(
                "SELECT * FROM objects WHERE bucket = ? AND name = ? AND deleted IS NULL", bucket, name
            )
        else:
            row = self._database.row(
                "SELECT * FROM objects WHERE bucket = ? AND name = ? AND generation = ?", bucket, name, generation
            )
        return StoredObject.of_row(row) if row else None

    def get(self, bucket: str, name: str, generation: int | None = None) -> StoredObject:
        """As `find`.

        Raises:
            NotFound: there is no such bucket, object or generation.
        """
        self._buckets.get(bucket)
        found = self.find(bucket, name, generation)
        if found is None:
            raise NotFound(f"No such object: {bucket}/{name}" + (f"#{generation}" if generation is not None else ""))
        return found

    def change(
        self, bucket: str, name: str, generation: int | None, fields: Fields, when: Preconditions, *, replace_all: bool
    ) -> StoredObject:
        """Merge fields into those of an object (PATCH; null removes one), or replace them all (PUT).

        Raises:
            NotFound: there is no such bucket, object or generation.
            PreconditionFailed: a condition does not hold; nothing was changed.
        """
        with self._database.transaction():
            existing = self.get(bucket, name, generation)
            when.check(existing)
            kept = {"storageClass": existing.fields["storageClass"]} if replace_all else existing.fields
            changed = replace(
                existing,
                fields=merged(kept, fields),
                metageneration=existing.metageneration + 1,
                updated=now(),
            )
            self._save(changed)
        return changed

    def delete(self, bucket: str, name: str, generation: int | None = None, when: Preconditions = ALWAYS) -> None:
        """Delete the live generation, which a versioned bucket keeps, or delete one generation for good.

        Raises:
            NotFound: there is no such bucket, object or generation.
            PreconditionFailed: a condition does not hold; nothing was changed.
        """
        with self._database.transaction():
            existing = self.get(bucket, name, generation)
            when.check(existing)
            if generation is None:
                self._retire(existing, self._buckets.get(bucket))
            else:
                self._destroy(existing)

    def copy(
        self,
        source: StoredObject,
        bucket: str,
        name: str,
        fields: Fields,
        when: Preconditions = ALWAYS,
    ) -> StoredObject:
        """Make a new object of the content of another, with its fields where none are given. Copies no bytes.

        Raises:
            NotFound: there is no such target bucket.
            Invalid: no object may have the target name.
            PreconditionFailed: a condition on the target does not hold; nothing was changed.
        """
        return self.put(bucket, name, source.content, {**source.fields, **fields}, when, components=source.components)

    def move(
        self, bucket: str, source: str, target: str, when_source: Preconditions, when_target: Preconditions
    ) -> StoredObject:
        """Rename an object within its bucket, as one step.

        Raises:
            NotFound: there is no such bucket or object.
            Invalid: no object may have the target name.
            PreconditionFailed: a condition does not hold; nothing was changed.
        """
        with self._database.transaction():
            existing = self.get(bucket, source)
            when_source.check(existing)
            moved = self.copy(existing, bucket, target, {}, when_target)
            if source != target:
                self.delete(bucket, source)
        return moved

    def compose(
        self,
        bucket: str,
        name: str,
        content: Content,
        sources: Sequence[StoredObject],
        fields: Fields,
        when: Preconditions,
    ) -> StoredObject:
        """Make an object of the contents of others, already concatenated. It has a crc32c and no md5.

        Raises:
            NotFound: there is no such bucket.
            Invalid: no object may have that name.
            PreconditionFailed: a condition does not hold; nothing was changed.
        """
        components = sum(source.components or 1 for source in sources)
        return self.put(bucket, name, replace(content, md5=None), fields, when, components=components)

    def _retire(self, existing: StoredObject, owner: Bucket) -> None:
        if owner.versioned:
            self._save(replace(existing, deleted=now()))
        else:
            self._destroy(existing)

    def _destroy(self, existing: StoredObject) -> None:
        self._database.execute(
            "DELETE FROM objects WHERE bucket = ? AND name = ? AND generation = ?",
            existing.bucket,
            existing.name,
            existing.generation,
        )
        self._database.after_commit(partial(self.remove_unused, existing.content.blob))

    def _save(self, stored: StoredObject) -> None:
        self._database.execute(
            "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (bucket, name, generation) DO UPDATE SET metageneration = excluded.metageneration,"
            " fields = excluded.fields, updated = excluded.updated, deleted = excluded.deleted",
            *stored.row(),
        )
