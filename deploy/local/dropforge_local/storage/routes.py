"""What the JSON API's methods do, by verb and path."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dropforge_local.storage.downloads import download
from dropforge_local.storage.errors import Invalid, NotFound
from dropforge_local.storage.fields import settable
from dropforge_local.storage.json_bodies import answer, base_url, parse
from dropforge_local.storage.listing import Selection
from dropforge_local.storage.methods import segments
from dropforge_local.storage.preconditions import Preconditions, whole_number
from dropforge_local.storage.receiving import Receiver
from dropforge_local.storage.resources import StoredObject, with_links
from dropforge_local.storage.state import Storage

_MOST_SOURCES = 32
_MOST_BUCKETS = 1000
_NO_CONTENT = 204


class Routes:
    """Answers requests to the API."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._receiver = Receiver(storage)

    async def respond(self, request: Request) -> Response:
        """Do what a request asks for.

        Raises:
            StorageError: it can't be done.
        """
        match segments(request):
            case [""]:
                return answer({"service": "Dropforge's local Cloud Storage"})
            case ["_local", "outbox"]:
                return answer(self._storage.outbox.figures())
            case ["storage", "v1", "b", *rest]:
                return await self._resource(rest, request)
            case ["download", "storage", "v1", "b", bucket, "o", name]:
                return self._download(bucket, name, request)
            case ["upload", "storage", "v1", "b", bucket, "o"]:
                return await self._upload(bucket, request)
        raise _no_such_method(request)

    async def _resource(self, rest: Sequence[str], request: Request) -> Response:
        match rest:
            case []:
                return await self._buckets(request)
            case [bucket]:
                return await self._bucket(bucket, request)
            case [bucket, "storageLayout"] if request.method == "GET":
                return answer(self._storage.buckets.get(bucket).storage_layout())
            case [bucket, "o"] if request.method == "GET":
                return self._list(bucket, request)
            case [bucket, "o", name]:
                return await self._object(bucket, name, request)
            case [bucket, "o", name, *how] if request.method == "POST":
                return await self._made_of_objects(bucket, name, how, request)
        raise _no_such_method(request)

    async def _made_of_objects(self, bucket: str, name: str, how: Sequence[str], request: Request) -> Response:
        match how:
            case ["compose"]:
                return await self._compose(bucket, name, request)
            case ["moveTo", "o", to_name]:
                return self._move(bucket, name, to_name, request)
            case ["copyTo", "b", to_bucket, "o", to_name]:
                return answer(await self._copy(bucket, name, to_bucket, to_name, request))
            case ["rewriteTo", "b", to_bucket, "o", to_name]:
                return answer(_rewritten(await self._copy(bucket, name, to_bucket, to_name, request)))
        raise _no_such_method(request)

    async def _buckets(self, request: Request) -> Response:
        query, buckets = request.query_params, self._storage.buckets
        match request.method:
            case "POST":
                return answer(buckets.create(parse(await request.body())).resource(base_url(request)))
            case "GET":
                limit = min(whole_number(query, "maxResults") or _MOST_BUCKETS, _MOST_BUCKETS)
                found = buckets.list(prefix=query.get("prefix", ""), after=query.get("pageToken", ""), limit=limit + 1)
                page = {
                    "kind": "storage#buckets",
                    "items": [bucket.resource(base_url(request)) for bucket in found[:limit]],
                }
                return answer(page if len(found) <= limit else {**page, "nextPageToken": found[limit - 1].name})
        raise _no_such_method(request)

    async def _bucket(self, name: str, request: Request) -> Response:
        when, buckets = Preconditions.parse(request.query_params), self._storage.buckets
        match request.method:
            case "GET":
                bucket = buckets.get(name)
                when.check_read(bucket)
                return answer(bucket.resource(base_url(request)))
            case "PATCH" | "PUT" as verb:
                bucket = buckets.change(name, parse(await request.body()), when, replace=verb == "PUT")
                return answer(bucket.resource(base_url(request)))
            case "DELETE":
                buckets.delete(name, when)
                return Response(status_code=_NO_CONTENT)
        raise _no_such_method(request)

    def _list(self, bucket: str, request: Request) -> Response:
        page = self._storage.list(bucket, Selection.parse(request.query_params))
        listed: dict[str, Any] = {"kind": "storage#objects"}
        if page.objects:
            listed["items"] = [self._linked(stored, request) for stored in page.objects]
        if page.prefixes:
            listed["prefixes"] = page.prefixes
        if page.next_token:
            listed["nextPageToken"] = page.next_token
        return answer(listed)

    async def _object(self, bucket: str, name: str, request: Request) -> Response:
        query, objects = request.query_params, self._storage.objects
        generation, when = whole_number(query, "generation"), Preconditions.parse(query)
        match request.method:
            case "GET" if query.get("alt") == "media":
                return self._download(bucket, name, request)
            case "GET":
                stored = objects.get(bucket, name, generation)
                when.check_read(stored)
                return answer(self._linked(stored, request))
            case "PATCH" | "PUT" as verb:
                fields = settable(parse(await request.body()))
                stored = objects.change(bucket, name, generation, fields, when, replace_all=verb == "PUT")
                return answer(self._linked(stored, request))
            case "DELETE":
                objects.delete(bucket, name, generation, when)
                return Response(status_code=_NO_CONTENT)
        raise _no_such_method(request)

    def _download(self, bucket: str, name: str, request: Request) -> Response:
        query = request.query_params
        stored = self._storage.objects.get(bucket, name, whole_number(query, "generation"))
        Preconditions.parse(query).check_read(stored)
        return download(stored, self._storage.blobs, request)

    async def _upload(self, bucket: str, request: Request) -> Response:
        upload = request.query_params.get("upload_id")
        match request.method:
            case "POST" if upload is None:
                return await self._receiver.insert(bucket, request)
            case "PUT" | "POST" if upload is not None:
                return await self._receiver.resume(upload, request)
            case "DELETE" if upload is not None:
                return self._receiver.cancel(upload)
        raise _no_such_method(request)

    async def _copy(self, bucket: str, name: str, to_bucket: str, to_name: str, request: Request) -> dict[str, Any]:
        query, objects = request.query_params, self._storage.objects
        fields = settable(parse(await request.body()))
        # No await from here on: the source must not be deleted before the copy shares its content.
        source = objects.get(bucket, name, whole_number(query, "sourceGeneration"))
        Preconditions.parse(query, "ifSource").check(source)
        copy = objects.copy(source, to_bucket, to_name, fields, Preconditions.parse(query))
        return self._linked(copy, request)

    def _move(self, bucket: str, source: str, target: str, request: Request) -> Response:
        when_source = Preconditions.parse(request.query_params, "ifSource")
        when_target = Preconditions.parse(request.query_params)
        moved = self._storage.objects.move(bucket, source, target, when_source, when_target)
        return answer(self._linked(moved, request))

    async def _compose(self, bucket: str, name: str, request: Request) -> Response:
        body = parse(await request.body())
        sources = [self._component(bucket, named) for named in _list_of_objects(body, "sourceObjects")]
        if not 1 <= len(sources) <= _MOST_SOURCES:
            raise Invalid(f"The number of source components must be 1 to {_MOST_SOURCES}, and is {len(sources)}.")
        fields = settable(_object_in(body, "destination"))
        when = Preconditions.parse(request.query_params)
        blobs = self._storage.blobs
        with self._storage.objects.draft() as blob, ExitStack() as opened:
            # Opened before the first await: a source that is deleted meanwhile can still be read.
            files = [opened.enter_context(blobs.open(source.content.blob)) for source in sources]
            await asyncio.to_thread(blobs.concatenate, files, blob)
            content = await asyncio.to_thread(blobs.seal, blob)
            composed = self._storage.objects.compose(bucket, name, content, sources, fields, when)
        return answer(self._linked(composed, request))

    def _component(self, bucket: str, named: Mapping[str, Any]) -> StoredObject:
        component = self._storage.objects.get(bucket, str(named.get("name")), whole_number(named, "generation"))
        Preconditions.parse(_object_in(named, "objectPreconditions")).check(component)
        return component

    def _linked(self, stored: StoredObject, request: Request) -> dict[str, Any]:
        return with_links(stored.resource(), base_url(request))


def _rewritten(copy: Mapping[str, Any]) -> dict[str, Any]:
    """A finished rewrite: it never takes more than one call here."""
    return {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": copy["size"],
        "objectSize": copy["size"],
        "done": True,
        "resource": copy,
    }


def _object_in(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    value = body.get(field) or {}
    if not isinstance(value, dict):
        raise Invalid(f"Invalid value for {field}: an object is needed.")
    return value


def _list_of_objects(body: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    values = body.get(field)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise Invalid(f"Invalid value for {field}: a list of objects is needed.")
    return values


def _no_such_method(request: Request) -> NotFound:
    return NotFound(f"The local storage server does not offer {request.method} {request.url.path}.")
