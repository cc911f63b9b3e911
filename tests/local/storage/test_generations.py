"""Generations in the local Cloud Storage server, and what is done only where they are as expected."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core import exceptions
from support.storage import put

from dropforge_local.storage.database import Database


def test_every_content_has_a_generation_of_its_own_and_every_change_of_metadata_counts(bucket):
    blob = put(bucket, "a")
    first = blob.generation
    blob.metadata = {"k": "v"}
    blob.patch()
    assert (first, 2) == (blob.generation, blob.metageneration)

    again = put(bucket, "a")
    assert again.generation > first
    assert again.metageneration == 1


def test_an_overwritten_generation_is_gone(bucket):
    old = put(bucket, "a", b"old").generation
    put(bucket, "a", b"new")

    with pytest.raises(exceptions.NotFound):
        bucket.blob("a", generation=old).download_as_bytes()


def test_a_versioned_bucket_keeps_what_is_overwritten_and_deleted(bucket):
    bucket.versioning_enabled = True
    bucket.patch()
    old = put(bucket, "a", b"old")
    new = put(bucket, "a", b"new")
    bucket.blob("a").delete()

    assert list(bucket.list_blobs()) == []
    assert [old.generation, new.generation] == [blob.generation for blob in bucket.list_blobs(versions=True)]
    assert bucket.blob("a", generation=old.generation).download_as_bytes() == b"old"
    bucket.blob("a", generation=old.generation).delete()
    assert [new.generation] == [blob.generation for blob in bucket.list_blobs(versions=True)]


def refused_writes(bucket, blob):
    """Every way to change an object, under a condition that does not hold."""
    other = put(bucket, "other", b"other")
    wrong = blob.generation + 1
    fresh = bucket.blob("a")
    return {
        "upload": lambda: fresh.upload_from_string(b"x", if_generation_match=wrong),
        "upload, not": lambda: fresh.upload_from_string(b"x", if_generation_not_match=blob.generation),
        "upload, metageneration": lambda: fresh.upload_from_string(b"x", if_metageneration_match=7),
        "upload, not metageneration": lambda: fresh.upload_from_string(b"x", if_metageneration_not_match=1),
        "create": lambda: fresh.upload_from_string(b"x", if_generation_match=0),
        "patch": lambda: blob.patch(if_metageneration_match=7),
        "update": lambda: blob.update(if_generation_match=wrong),
        "delete": lambda: fresh.delete(if_generation_match=wrong),
        "compose": lambda: fresh.compose([other], if_generation_match=wrong),
        "compose, source": lambda: fresh.compose([other], if_source_generation_match=[wrong]),
        "rewrite": lambda: fresh.rewrite(other, if_generation_match=wrong),
        "rewrite, source": lambda: fresh.rewrite(other, if_source_generation_match=wrong),
        "rewrite, source metageneration": lambda: fresh.rewrite(other, if_source_metageneration_match=7),
        "copy": lambda: bucket.copy_blob(other, bucket, "a", if_generation_match=0),
        "move": lambda: bucket.move_blob(other, "a", if_generation_match=0),
    }


def test_no_verb_changes_anything_under_a_condition_that_does_not_hold(bucket):
    blob = put(bucket, "a", b"as it was")

    for verb, refused_write in refused_writes(bucket, blob).items():
        with pytest.raises(exceptions.PreconditionFailed):
            refused_write()
        now = bucket.get_blob("a")
        assert (verb, blob.generation, 1) == (verb, now.generation, now.metageneration)


def test_a_reader_who_has_what_is_there_gets_304(bucket, http):
    blob = put(bucket, "a")
    url = f"/storage/v1/b/{bucket.name}/o/a"

    for condition in (f"ifGenerationNotMatch={blob.generation}", "ifMetagenerationNotMatch=1"):
        answer = http.get(f"{url}?{condition}")
        assert (answer.status_code, answer.content) == (304, b"")
    assert http.get(f"{url}?ifGenerationMatch=1").status_code == 412
    assert http.get(f"{url}?alt=media&ifGenerationNotMatch=1").status_code == 200


def test_of_32_who_create_one_name_exactly_one_wins(bucket):
    def create(number):
        try:
            bucket.blob("lock").upload_from_string(str(number), if_generation_match=0)
        except exceptions.PreconditionFailed:
            return None
        return str(number).encode()

    with ThreadPoolExecutor(32) as threads:
        winners = [winner for winner in threads.map(create, range(32)) if winner]
    assert [bucket.blob("lock").download_as_bytes()] == winners


def test_increments_by_compare_and_swap_lose_none(bucket):
    put(bucket, "counter", b"0")

    def increment(_):
        while True:
            try:
                seen = bucket.get_blob("counter")
                value = int(seen.download_as_bytes())
                seen.upload_from_string(str(value + 1), if_generation_match=seen.generation)
            except (exceptions.NotFound, exceptions.PreconditionFailed):
                continue  # somebody was faster: the generation that was seen is gone
            return

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(increment, range(40)))
    assert bucket.blob("counter").download_as_bytes() == b"40"


def test_generations_grow_across_a_restart_and_a_clock_that_jumps_back(tmp_path):
    database = Database(tmp_path / "storage.sqlite3")
    with database.transaction():
        ahead = database.next_generation() + 3600 * 1_000_000
        database.execute("UPDATE counters SET value = ? WHERE name = 'generation'", ahead)
    database.close()

    reopened = Database(tmp_path / "storage.sqlite3")
    with reopened.transaction():
        assert [ahead + 1, ahead + 2] == [reopened.next_generation(), reopened.next_generation()]
    reopened.close()
