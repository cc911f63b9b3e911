"""Compare-and-swap in the local Cloud Storage server: what leases and ledgers are built on, through Google's own client."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from threading import Barrier

import pytest
from google.api_core import exceptions
from google.cloud.storage.retry import DEFAULT_RETRY
from support.servers import running
from support.storage import StorageServer, put

QUICKLY = DEFAULT_RETRY.with_delay(initial=0.05)


@pytest.fixture
def buckets(server, bucket):
    """The bucket of the test, for as many threads as are asked for: each has a client, and so connections, of its own."""
    with ExitStack() as clients:
        yield lambda count: [clients.enter_context(server.client()).bucket(bucket.name) for _ in range(count)]


def test_of_32_who_create_each_of_200_objects_exactly_one_wins(bucket, buckets):
    """Given 32 threads that race for 200 names, expect one winner for each name, whose content is what is there."""
    together = Barrier(32)

    def create_all(number, own):
        together.wait()
        won = {}
        for name in map(str, range(200)):
            try:
                won[name] = put(own, name, str(number).encode(), if_generation_match=0).generation
            except exceptions.PreconditionFailed:
                continue
        return won

    with ThreadPoolExecutor(32) as threads:
        wins = list(threads.map(create_all, range(32), buckets(32)))

    assert sorted(map(str, range(200))) == sorted(name for won in wins for name in won)
    assert {blob.name: blob.generation for blob in bucket.list_blobs()} == {
        name: generation for won in wins for name, generation in won.items()
    }
    winner_of = {name: str(number).encode() for number, won in enumerate(wins) for name in won}
    assert winner_of == {name: bucket.blob(name).download_as_bytes() for name in winner_of}


def test_2000_increments_of_8_threads_lose_none(bucket, buckets):
    """Given 8 threads that read, add 1 and write if nobody else has, expect every increment and no generation twice."""
    first = put(bucket, "counter", b"0").generation

    def increment(own):
        written, chance = [], random.Random(id(own))
        while len(written) < 250:
            seen = own.blob("counter")
            value = int(seen.download_as_bytes())
            try:
                seen.upload_from_string(str(value + 1), if_generation_match=seen.generation)
            except exceptions.PreconditionFailed:
                time.sleep(chance.uniform(0, 0.05))
            else:
                written.append(seen.generation)
        return written

    with ThreadPoolExecutor(8) as threads:
        generations = [generation for written in threads.map(increment, buckets(8)) for generation in written]

    assert bucket.blob("counter").download_as_bytes() == b"2000"
    assert len({first, *generations}) == 2001
    assert bucket.get_blob("counter").generation == max(generations)


class TestStale:
    """Given an object that was written again, expect everything to be refused that names what was there before."""

    @pytest.fixture
    def old(self, bucket):
        old = put(bucket, "a", b"old").generation
        put(bucket, "a", b"new")
        return old

    @pytest.fixture(autouse=True)
    def nothing_changes(self, bucket, old):
        before = bucket.get_blob("a")
        yield
        after = bucket.get_blob("a")
        assert (before.generation, before.metageneration) == (after.generation, after.metageneration)
        assert after.download_as_bytes() == b"new"

    def test_a_write(self, bucket, old):
        with pytest.raises(exceptions.PreconditionFailed):
            put(bucket, "a", b"late", if_generation_match=old)

    def test_a_write_in_chunks(self, bucket, old):
        """Given a content of unknown size, which the client sends in chunks, expect its first request to be refused."""
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.blob("a").upload_from_file(BytesIO(b"x" * 600_000), if_generation_match=old)

    def test_a_write_in_chunks_that_was_overtaken(self, bucket, http):
        """Given an upload that began while its condition held, expect it to be checked again at the end."""
        current = bucket.get_blob("a").generation
        began = http.post(
            f"/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable&name=b&ifGenerationMatch=0", json={}
        )
        put(bucket, "b", b"faster")

        assert http.put(began.headers["location"], content=b"late").status_code == 412
        assert bucket.blob("b").download_as_bytes() == b"faster"
        assert bucket.get_blob("a").generation == current

    def test_a_deletion(self, bucket, old):
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.blob("a").delete(if_generation_match=old)

    def test_a_change_of_metadata(self, bucket, old):
        blob = bucket.blob("a")
        blob.metadata = {"k": "v"}
        with pytest.raises(exceptions.PreconditionFailed):
            blob.patch(if_generation_match=old)
        with pytest.raises(exceptions.PreconditionFailed):
            blob.patch(if_metageneration_match=2)

    def test_the_target_of_a_rewrite(self, bucket, old):
        other = put(bucket, "other", b"other")
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.blob("a").rewrite(other, if_generation_match=old)

    def test_the_target_of_a_composition(self, bucket, old):
        other = put(bucket, "other", b"other")
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.blob("a").compose([other], if_generation_match=old)

    def test_the_source_of_a_copy(self, bucket, old):
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.copy_blob(bucket.blob("a"), bucket, "copy", if_source_generation_match=old)
        assert not bucket.blob("copy").exists()

    def test_another_metageneration(self, bucket, old):
        for refused in (
            lambda: put(bucket, "a", b"late", if_metageneration_match=2),
            lambda: bucket.blob("a").delete(if_metageneration_match=2),
            lambda: bucket.blob("a").rewrite(put(bucket, "other", b"other"), if_metageneration_match=2),
        ):
            with pytest.raises(exceptions.PreconditionFailed):
                refused()


def test_of_8_who_change_the_metadata_of_one_metageneration_exactly_one_wins(bucket, buckets):
    put(bucket, "a")

    def claim(number, own):
        blob = own.blob("a")
        blob.metadata = {"owner": str(number)}
        try:
            blob.patch(if_metageneration_match=1)
        except exceptions.PreconditionFailed:
            return None
        return str(number)

    with ThreadPoolExecutor(8) as threads:
        [winner] = [won for won in threads.map(claim, range(8), buckets(8)) if won]

    claimed = bucket.get_blob("a")
    assert (claimed.metadata, claimed.metageneration) == ({"owner": winner}, 2)


def test_of_8_who_delete_one_generation_exactly_one_succeeds(bucket, buckets):
    generation = put(bucket, "a").generation

    def delete(own):
        try:
            own.blob("a").delete(if_generation_match=generation)
        except (exceptions.NotFound, exceptions.PreconditionFailed):
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(delete, buckets(8))).count(True) == 1


def test_what_was_deleted_can_be_created_again_with_a_later_generation(bucket):
    first = put(bucket, "a", if_generation_match=0).generation
    bucket.blob("a").delete(if_generation_match=first)

    assert put(bucket, "a", if_generation_match=0).generation > first


def test_generations_ascend_across_kills_of_the_server(tmp_path):
    """Given a server that is killed amid writes, expect what it answered to be there, and no generation used again."""
    with running(StorageServer(tmp_path, "--bucket", "state")) as server, server.client() as client:
        bucket = client.bucket("state")
        with ThreadPoolExecutor(1) as writer:
            writing = writer.submit(lambda: [put(bucket, "a", retry=QUICKLY).generation for _ in range(400)])
            while not writing.done():
                time.sleep(0.2)
                server.restart()
        generations = writing.result()
        kept = bucket.get_blob("a")

        assert generations == sorted(set(generations))
        assert kept.generation == generations[-1]
        with pytest.raises(exceptions.PreconditionFailed):
            put(bucket, "a", if_generation_match=generations[-2])
        assert put(bucket, "a", if_generation_match=kept.generation).generation > kept.generation
