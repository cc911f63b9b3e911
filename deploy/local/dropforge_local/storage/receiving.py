"""Receiving contents: in one piece, with metadata in front, or in chunks with a resumable upload.

Source: "Uploads and downloads", Cloud Storage documentation.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from dropforge_local.storage.blobs import Hashes
from dropforge_local.storage.errors import Invalid, Unavailable
from dropforge_local.storage.fields import settable
from dropforge_local.storage.json_bodies import answer, base_url, parse
from dropforge_local.storage.multipart import MultipartReader
from dropforge_local.storage.preconditions import Preconditions
from dropforge_local.storage.resources import Fields, with_links
from dropforge_local.storage.state import Storage
from dropforge_local.storage.uploads import Upload

_CONTENT_RANGE = re.compile(r"bytes (?:\*|(\d{1,18})-(\d{1,18}))/(\*|\d{1,18})")
_LONGEST_METADATA = 1024 * 1024
_CANCELLED = 499
_INCOMPLETE = 308


class Receiver:
    """The upload methods of the API."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def insert(self, bucket: str, request: Request) -> Response:
        """`POST .../upload/...?uploadType=media|multipart|resumable`: make an object, or begin to.

        Raises:
            StorageError: as of `Objects.put` and `Uploads.start`.
        """
        match request.query_params.get("uploadType"):
            case "media":
                return await self._media(bucket, request)
            case "multipart":
                return await self._multipart(bucket, request)
            case "resumable":
                return await self._start(bucket, request)
            case other:
                raise Invalid(f"Invalid value for uploadType: {other!r}.")

    async def resume(self, upload_id: str, request: Request) -> Response:
        """`PUT` of a chunk, or of nothing, to ask how much has arrived: 308 until the object is complete.

        Raises:
            StorageError: as of `Uploads.get` and `Uploads.finish`.
        """
        upload = self._storage.uploads.get(upload_id)
        if upload.finished is None:
            total = await self._receive_chunk(upload, request)
            received = self._storage.uploads.received(upload)
            if total is None or received < total:
                return Response(
                    status_code=_INCOMPLETE, headers={"Range": f"bytes=0-{received - 1}"} if received else {}
                )
            if received > total:
                raise Invalid(f"Invalid request. {received} byte(s) have arrived for an object of {total} byte(s).")
            content = await asyncio.to_thread(self._storage.blobs.seal, upload.blob)
            finished = self._storage.uploads.finish(upload, content, _hashes(request.headers))
        else:
            finished = upload.finished
        return answer(with_links(finished, base_url(request)))

    def cancel(self, upload_id: str) -> Response:
        """`DELETE`: forget an upload.

        Raises:
            NotFound: there is no such upload.
        """
        self._storage.uploads.cancel(self._storage.uploads.get(upload_id))
        return Response(status_code=_CANCELLED)

    async def _media(self, bucket: str, request: Request) -> Response:
        fields = settable(
            {
                "contentType": request.headers.get("content-type", "application/octet-stream"),
                "contentEncoding": request.query_params.get("contentEncoding"),
            }
        )
        return await self._store(bucket, {}, fields, request.stream(), request)

    async def _multipart(self, bucket: str, request: Request) -> Response:
        reader = MultipartReader(request.headers.get("content-type", ""), request.stream())
        if await reader.next_part() is None:
            raise Invalid("Invalid multipart request: two parts are needed, metadata and content.")
        body = parse(await reader.text(_LONGEST_METADATA))
        headers = await reader.next_part()
        if headers is None:
            raise Invalid("Invalid multipart request: two parts are needed, metadata and content.")
        default = {"contentType": headers.get("content-type", "application/octet-stream")}
        return await self._store(bucket, body, {**default, **settable(body)}, reader.content(), request)

    async def _store(
        self, bucket: str, body: Mapping[str, Any], fields: Fields, stream: AsyncIterator[bytes], request: Request
    ) -> Response:
        query, storage = request.query_params, self._storage
        with storage.objects.draft() as blob:
            with storage.blobs.write_at(blob, 0) as file:
                async for chunk in stream:
                    file.write(chunk)
            content = await asyncio.to_thread(storage.blobs.seal, blob)
            content.verify(_hashes(request.headers))
            content.verify(_hashes_of_body(body))
            stored = storage.objects.put(
                bucket, query.get("name") or body.get("name"), content, fields, Preconditions.parse(query)
            )
        return answer(with_links(stored.resource(), base_url(request)))

    async def _start(self, bucket: str, request: Request) -> Response:
        query = request.query_params
        body = parse(await request.body())
        default = {"contentType": request.headers.get("x-upload-content-type", "application/octet-stream")}
        upload = self._storage.uploads.start(
            bucket,
            query.get("name") or body.get("name"),
            {**default, **settable(body)},
            Preconditions.parse(query),
            _hashes_of_body(body),
        )
        location = (
            f"{base_url(request)}/upload/storage/v1/b/{bucket}/o"
            f"?uploadType=resumable&name={quote(upload.name, safe='')}&upload_id={upload.id}"
        )
        return Response(headers={"Location": location, "X-GUploader-UploadID": upload.id})

    async def _receive_chunk(self, upload: Upload, request: Request) -> int | None:
        """Write what the request brings.

        Returns:
            The size of the whole object in bytes, if the client has said it.
        """
        start, total = _content_range(request.headers.get("content-range"))
        received = self._storage.uploads.received(upload)
        if start is not None and start > received:
            raise Unavailable(
                f"Invalid request. According to the Content-Range header, the upload offset is {start} byte(s), "
                f"which exceeds already uploaded size of {received} byte(s)."
            )
        # Every request writes at its own offset: a chunk that is sent twice, even at once, lands on itself.
        with self._storage.blobs.write_at(upload.blob, start or 0) as file:
            async for chunk in request.stream():
                file.write(chunk)
            end = file.tell()
        if "content-range" not in request.headers:
            return end
        return total


def _content_range(header: str | None) -> tuple[int | None, int | None]:
    """Offset of the chunk and size of the whole, in bytes; None where the header says `*`, or is not there."""
    if header is None:
        return None, None
    match = _CONTENT_RANGE.fullmatch(header)
    if not match:
        raise Invalid(f"Failed to parse Content-Range header: {header!r}.")
    start, _, total = match.groups()
    return int(start) if start else None, int(total) if total != "*" else None


def _hashes(headers: Mapping[str, str]) -> Hashes:
    """What `x-goog-hash: crc32c=...,md5=...` and `content-md5` say."""
    named = dict(part.strip().split("=", 1) for part in headers.get("x-goog-hash", "").split(",") if "=" in part)
    return Hashes(named.get("crc32c"), named.get("md5") or headers.get("content-md5"))


def _hashes_of_body(body: Mapping[str, Any]) -> Hashes:
    for name in ("crc32c", "md5Hash"):
        if not isinstance(body.get(name), str | None):
            raise Invalid(f"Invalid value for {name}: text is needed.")
    return Hashes(body.get("crc32c"), body.get("md5Hash"))
