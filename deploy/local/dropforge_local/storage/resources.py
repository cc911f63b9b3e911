"""What the tables hold, as values, and how they read as Google's JSON.

Links name the host that a client has reached the server at, so they are added when a resource is sent and never kept.
"""

import base64
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote

import msgspec

from dropforge_local.storage.blobs import Content

Fields = dict[str, Any]
"""What a client may set of a bucket or an object, under the API's names."""


def now() -> str:
    """This moment as the API writes it: RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A row of `buckets`; `notify` is the URL that hears of new objects."""

    name: str
    generation: int
    metageneration: int
    created: str
    updated: str
    fields: Fields
    notify: str | None

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Self:
        """Read a row."""
        name, generation, metageneration, created, updated, fields, notify = row
        return cls(name, generation, metageneration, created, updated, msgspec.json.decode(fields), notify)

    @property
    def versioned(self) -> bool:
        """Whether generations are kept when they are overwritten or deleted."""
        return bool(self.fields.get("versioning", {}).get("enabled"))

    def resource(self, base_url: str) -> dict[str, Any]:
        """The bucket as the API shows it."""
        return {
            "kind": "storage#bucket",
            "id": self.name,
            "selfLink": f"{base_url}/storage/v1/b/{self.name}",
            "projectNumber": "0",
            **self._place(),
            "storageClass": "STANDARD",
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
            **self.fields,
            "name": self.name,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "etag": _etag(self.generation, self.metageneration),
            "timeCreated": self.created,
            "updated": self.updated,
        }

    def storage_layout(self) -> dict[str, Any]:
        """How names are kept, as `gcloud storage` asks before it copies: flat."""
        return {
            "kind": "storage#storageLayout",
            "bucket": self.name,
            **self._place(),
            "hierarchicalNamespace": {"enabled": False},
        }

    def _place(self) -> dict[str, str]:
        return {"location": self.fields.get("location", "US"), "locationType": "multi-region"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A row of `objects`: one generation of one object; live until it is `deleted`."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    content: Content
    components: int | None
    fields: Fields
    created: str
    updated: str
    deleted: str | None = None

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Self:
        """Read a row."""
        bucket, name, generation, metageneration, blob, size, crc32c, md5, components, fields, *times = row
        content = Content(blob, size, crc32c, md5)
        return cls(bucket, name, generation, metageneration, content, components, msgspec.json.decode(fields), *times)

    def row(self) -> tuple[Any, ...]:
        """The values of its row."""
        return (
            self.bucket,
            self.name,
            self.generation,
            self.metageneration,
            *astuple(self.content),
            self.components,
            msgspec.json.encode(self.fields).decode(),
            self.created,
            self.updated,
            self.deleted,
        )

    @property
    def etag(self) -> str:
        """Changes whenever the content or the metadata does."""
        return _etag(self.generation, self.metageneration)

    def resource(self) -> dict[str, Any]:
        """The object as the API shows it, but for its links."""
        optional = {
            "md5Hash": self.content.md5,
            "componentCount": self.components,
            "timeDeleted": self.deleted,
        }
        return {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            **self.fields,
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "size": str(self.content.size),
            "crc32c": self.content.crc32c,
            "etag": self.etag,
            "timeCreated": self.created,
            "timeFinalized": self.created,
            "updated": self.updated,
            "timeStorageClassUpdated": self.created,
            **{name: value for name, value in optional.items() if value is not None},
        }


def with_links(resource: dict[str, Any], base_url: str) -> dict[str, Any]:
    """An object's resource with its absolute `selfLink` and `mediaLink`; clients download from the latter."""
    path = f"b/{resource['bucket']}/o/{quote(resource['name'], safe='')}"
    return {
        **resource,
        "selfLink": f"{base_url}/storage/v1/{path}",
        "mediaLink": f"{base_url}/download/storage/v1/{path}?generation={resource['generation']}&alt=media",
    }


def _etag(generation: int, metageneration: int) -> str:
    return base64.b64encode(f"{generation}/{metageneration}".encode()).decode()
