"""The buckets."""

from collections.abc import Mapping
from typing import Any

import msgspec

from dropforge_local.storage.database import Database
from dropforge_local.storage.errors import Conflict, Invalid, NotFound
from dropforge_local.storage.fields import merged
from dropforge_local.storage.names import check_bucket_name
from dropforge_local.storage.preconditions import Preconditions
from dropforge_local.storage.resources import Bucket, Fields, now

_COMPUTED = {
    "acl",
    "defaultObjectAcl",
    "etag",
    "generation",
    "id",
    "kind",
    "metageneration",
    "name",
    "projectNumber",
    "selfLink",
    "timeCreated",
    "updated",
}


class Buckets:
    """Buckets by name. Settings are kept and shown; of them only `versioning` and `storageClass` have an effect."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, body: Mapping[str, Any]) -> Bucket:
        """Make a bucket.

        Raises:
            Invalid: the name or a setting is malformed.
            Conflict: the name is taken.
        """
        name = check_bucket_name(body.get("name"))
        with self._database.transaction():
            if self._find(name):
                raise Conflict(f"A bucket {name!r} exists already, and you own it.")
            moment = now()
            bucket = Bucket(name, self._database.next_generation(), 1, moment, moment, _settings(body), notify=None)
            self._save(bucket)
        return bucket

    def get(self, name: str) -> Bucket:
        """The bucket of that name.

        Raises:
            NotFound: there is none.
        """
        bucket = self._find(name)
        if bucket is None:
            raise NotFound(f"The specified bucket does not exist: {name}.")
        return bucket

    def list(self, *, prefix: str = "", after: str = "", limit: int) -> list[Bucket]:
        """The buckets in order of name, from the one after `after` on."""
        rows = self._database.execute(
            "SELECT * FROM buckets WHERE name > ? AND substr(name, 1, length(?)) = ? ORDER BY name LIMIT ?",
            after,
            prefix,
            prefix,
            limit,
        )
        return [Bucket.of_row(row) for row in rows]

    def change(self, name: str, body: Mapping[str, Any], when: Preconditions, *, replace: bool) -> Bucket:
        """Merge settings into those of a bucket (PATCH; null removes one), or replace them all (PUT).

        Raises:
            NotFound: there is no such bucket.
            PreconditionFailed: a condition does not hold; nothing was changed.
            Invalid: a setting is malformed.
        """
        with self._database.transaction():
            bucket = self.get(name)
            when.check(bucket)
            fields = _settings(body if replace else merged(bucket.fields, dict(body)))
            bucket = Bucket(
                name, bucket.generation, bucket.metageneration + 1, bucket.created, now(), fields, bucket.notify
            )
            self._save(bucket)
        return bucket

    def delete(self, name: str, when: Preconditions) -> None:
        """Remove an empty bucket.

        Raises:
            NotFound: there is no such bucket.
            PreconditionFailed: a condition does not hold.
            Conflict: objects, live or not, are in it.
        """
        with self._database.transaction():
            when.check(self.get(name))
            if self._database.row("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", name):
                raise Conflict("The bucket you tried to delete is not empty.")
            self._database.execute("DELETE FROM buckets WHERE name = ?", name)

    def ensure(self, name: str, *, notify: str | None = None) -> None:
        """See that a bucket exists, and, where a URL is given, that new objects are announced there.

        Raises:
            Invalid: no bucket may have that name.
        """
        with self._database.transaction():
            bucket = self._find(name) or self.create({"name": name})
            if notify is not None:
                self._database.execute("UPDATE buckets SET notify = ? WHERE name = ?", notify, bucket.name)

    def _find(self, name: str) -> Bucket | None:
        row = self._database.row("SELECT * FROM buckets WHERE name = ?", name)
        return Bucket.of_row(row) if row else None

    def _save(self, bucket: Bucket) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?, ?, ?, ?)",
            bucket.name,
            bucket.generation,
            bucket.metageneration,
            bucket.created,
            bucket.updated,
            msgspec.json.encode(bucket.fields).decode(),
            bucket.notify,
        )


def _settings(body: Mapping[str, Any]) -> Fields:
    settings = {name: value for name, value in body.items() if name not in _COMPUTED and value is not None}
    for name in ("versioning", "labels", "iamConfiguration"):
        if not isinstance(settings.get(name, {}), dict):
            raise Invalid(f"Invalid value for {name}: an object is needed.")
    for name in ("location", "storageClass"):
        if not isinstance(settings.get(name, ""), str):
            raise Invalid(f"Invalid value for {name}: text is needed.")
    if "location" in settings:
        settings["location"] = settings["location"].upper()
    return settings
