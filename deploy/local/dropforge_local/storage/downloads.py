"""Sending contents: whole, in ranges, and decompressed for those who can't take gzip.

Sources: "Objects: get", "Transcoding of gzip-compressed files", Cloud Storage documentation.
"""

import re
import zlib
from collections.abc import AsyncIterator
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dropforge_local.storage.blobs import Blobs
from dropforge_local.storage.errors import BadRange
from dropforge_local.storage.resources import StoredObject

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def download(stored: StoredObject, blobs: Blobs, request: Request) -> Response:
    """The content of an object, or of the range that the request asks for.

    Raises:
        BadRange: the range starts beyond the end.
    """
    headers = _headers(stored)
    if _wants_it_decompressed(stored, request):
        headers["Warning"] = '214 UploadServer "Transformation Applied"'
        return StreamingResponse(_decompressed(blobs.open(stored.content.blob)), headers=headers)
    if "contentEncoding" in stored.fields:
        headers["Content-Encoding"] = _header(stored.fields["contentEncoding"])
    size = stored.content.size
    wanted = _range(request.headers.get("range", ""), size)
    start, end = wanted or (0, size)
    headers["Content-Length"] = str(end - start)
    headers["Accept-Ranges"] = "bytes"
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    body = _bytes(blobs.open(stored.content.blob), start, end)
    return StreamingResponse(body, status_code=206 if wanted else 200, headers=headers)


def _headers(stored: StoredObject) -> dict[str, str]:
    content, fields = stored.content, stored.fields
    headers = {
        "Content-Type": _header(fields.get("contentType", "application/octet-stream")),
        "ETag": stored.etag,
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Hash": f"crc32c={content.crc32c}" + (f",md5={content.md5}" if content.md5 else ""),
        "X-Goog-Storage-Class": _header(fields["storageClass"]),
        "X-Goog-Stored-Content-Length": str(content.size),
        "X-Goog-Stored-Content-Encoding": _header(fields.get("contentEncoding", "identity")),
    }
    for header, field in (
        ("Cache-Control", "cacheControl"),
        ("Content-Disposition", "contentDisposition"),
        ("Content-Language", "contentLanguage"),
    ):
        if field in fields:
            headers[header] = _header(fields[field])
    return headers


def _header(value: str) -> str:
    """A header that goes out as UTF-8, where Starlette would make it Latin-1."""
    return value.encode().decode("latin-1")


def _wants_it_decompressed(stored: StoredObject, request: Request) -> bool:
    return (
        stored.fields.get("contentEncoding") == "gzip"
        and "gzip" not in request.headers.get("accept-encoding", "")
        and "no-transform" not in stored.fields.get("cacheControl", "")
    )


def _range(header: str, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last; None if the whole is wanted (a malformed range is ignored, as by RFC 9110)."""
    match = _RANGE.fullmatch(header)
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    elif last and int(last) < int(first):
        return None
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= size:
        raise BadRange(f"The requested range cannot be satisfied: the object has {size} bytes.")
    return start, end


async def _bytes(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    with file:
        file.seek(start)
        while start < end and (chunk := file.read(min(_CHUNK, end - start))):
            start += len(chunk)
            yield chunk


async def _decompressed(file: BinaryIO) -> AsyncIterator[bytes]:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS + 16)
    with file:
        while chunk := inflater.unconsumed_tail or file.read(_CHUNK):
            if inflated := inflater.decompress(chunk, _CHUNK):
                yield inflated
        yield inflater.flush()
