"""What the local Cloud Storage server tells of new objects, and that it tells it whatever happens."""

import json
import re
import sqlite3
from contextlib import closing
from itertools import pairwise
from urllib.parse import urlencode
from urllib.request import urlopen

import httpx
import pytest
from support.servers import eventually, running
from support.storage import Receiver, StorageServer

from dropforge_local.storage.delivery import Backoff

QUICK = ["--minimum-backoff", "0.05", "--maximum-backoff", "0.2"]


def server_telling(folder, receiver, *more):
    return StorageServer(folder, "--notify", f"drop={receiver.url}", *QUICK, *more)


def drop(server, name, content=b"x", bucket="drop"):
    """Store an object.

    Returns:
        Its resource.
    """
    query = urlencode({"uploadType": "media", "name": name})
    with urlopen(f"{server.url}/upload/storage/v1/b/{bucket}/o?{query}", data=content) as response:
        return json.load(response)


def ids_told(receiver):
    return {told.headers["ce-id"] for told in list(receiver.received)}


def nothing_is_owed(server):
    return server.outbox()["pending"] == 0


def test_a_new_object_is_told_of_as_eventarc_does(tmp_path):
    with Receiver() as receiver, running(server_telling(tmp_path, receiver)) as server:
        stored = drop(server, 'datasets/grüße "1"/a.tsv')
        told = eventually(lambda: receiver.received)[0]

    attributes = {name: value for name, value in told.headers.items() if name.startswith("ce-")}
    assert re.fullmatch("[0-9a-f]{32}", attributes.pop("ce-id"))
    assert {
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/drop",
        "ce-subject": "objects/datasets/gr%C3%BC%C3%9Fe%20%221%22/a.tsv",
        "ce-time": stored["timeCreated"],
        "ce-bucket": "drop",
    } == attributes
    assert told.headers["Content-Type"] == "application/json"
    assert stored == told.body
    assert ("1", stored["generation"]) == (told.body["size"], told.body["generation"])


def test_every_way_to_make_an_object_is_told_of_once_and_no_other_change_is(tmp_path):
    with Receiver() as receiver, running(server_telling(tmp_path, receiver)) as server, server.client() as client:
        bucket = client.bucket("drop")
        blob = bucket.blob("simple")
        blob.upload_from_string("x")
        bucket.blob("resumable", chunk_size=256 * 1024).upload_from_string("x" * 300_000)
        bucket.copy_blob(blob, bucket, "copied")
        bucket.blob("rewritten").rewrite(blob)
        bucket.blob("composed").compose([blob, blob])
        bucket.move_blob(bucket.blob("copied"), "moved")
        blob.metadata = {"k": "v"}
        blob.patch()
        blob.delete()
        eventually(lambda: nothing_is_owed(server))

        assert sorted(told.body["name"] for told in receiver.received) == [
            "composed",
            "copied",
            "moved",
            "resumable",
            "rewritten",
            "simple",
        ]


def test_a_bucket_without_a_target_tells_nobody(tmp_path):
    with Receiver() as receiver, running(server_telling(tmp_path, receiver, "--bucket", "state")) as server:
        drop(server, "a", bucket="state")

        assert server.outbox() == {"pending": 0, "delivered": 0, "oldest_seconds": 0}
    assert receiver.received == []


def test_a_refused_notification_is_told_again_with_the_same_id_and_growing_pauses(tmp_path):
    with Receiver(500, 503, 404, 500, 204) as receiver, running(server_telling(tmp_path, receiver)) as server:
        drop(server, "a")
        eventually(lambda: nothing_is_owed(server))

        assert len(receiver.received) == 5
        assert len(ids_told(receiver)) == 1
        times = [told.at for told in receiver.received]
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert all(pause >= least for pause, least in zip(pauses, [0.05, 0.1, 0.2, 0.2], strict=True)), pauses
        assert server.outbox() == {"pending": 0, "delivered": 1, "oldest_seconds": 0}


def test_what_nobody_takes_stays_owed(tmp_path):
    with Receiver(500) as receiver, running(server_telling(tmp_path, receiver)) as server:
        drop(server, "a")
        eventually(lambda: len(receiver.received) >= 3)

        figures = server.outbox()
        assert (figures["pending"], figures["delivered"]) == (1, 0)
        assert 0 < figures["oldest_seconds"] < 10


def test_a_killed_server_tells_the_rest_when_it_is_back_to_whoever_is_named_then(tmp_path):
    with Receiver(500) as deaf, running(server_telling(tmp_path, deaf)) as server:
        dropped = {drop(server, f"{number}")["generation"] for number in range(50)}
        eventually(lambda: len(ids_told(deaf)) == 50)
        server.kill()

        with Receiver() as receiver, running(server_telling(tmp_path, receiver)) as restarted:
            eventually(lambda: nothing_is_owed(restarted))
            assert dropped == {told.body["generation"] for told in receiver.received}
            assert ids_told(deaf) == ids_told(receiver)


def test_what_nobody_took_for_a_day_is_dropped(tmp_path):
    with Receiver(500) as deaf, running(server_telling(tmp_path, deaf)) as server:
        drop(server, "old")
        drop(server, "new")
        server.kill()
        with closing(sqlite3.connect(tmp_path / "storage.sqlite3")) as database, database:
            database.execute("UPDATE outbox SET created = created - 24 * 3600 WHERE object LIKE '%drop/old/%'")

        with Receiver() as receiver, running(server_telling(tmp_path, receiver)) as restarted:
            eventually(lambda: nothing_is_owed(restarted))
            assert [told.body["name"] for told in receiver.received] == ["new"]
            assert restarted.outbox()["delivered"] == 1


def test_what_is_owed_for_a_bucket_that_is_gone_is_dropped(tmp_path):
    with Receiver(500) as deaf, running(server_telling(tmp_path, deaf)) as server, server.client() as client:
        drop(server, "a")
        client.bucket("drop").blob("a").delete()
        client.bucket("drop").delete()

        eventually(lambda: nothing_is_owed(server))


def test_a_receiver_that_is_not_there_yet_is_told_when_it_comes(tmp_path):
    with Receiver() as gone:
        pass
    with running(server_telling(tmp_path, gone)) as server:
        drop(server, "a")
        assert server.outbox()["pending"] == 1
        server.kill()

        with Receiver() as receiver, running(server_telling(tmp_path, receiver)) as restarted:
            eventually(lambda: nothing_is_owed(restarted))
            assert [told.body["name"] for told in receiver.received] == ["a"]


def test_slow_receivers_are_told_of_many_objects_at_once(tmp_path):
    with Receiver(204, seconds=0.3) as receiver, running(server_telling(tmp_path, receiver)) as server:
        for number in range(80):
            drop(server, f"{number}")
        eventually(lambda: nothing_is_owed(server))

        assert 32 <= receiver.at_once <= 64


def test_an_idle_server_tells_at_once(tmp_path):
    with Receiver() as receiver, running(server_telling(tmp_path, receiver)) as server:
        delays = []
        for number in range(10):
            drop(server, f"{number}")
            told = eventually(lambda: receiver.received)
            delays.append(told[0].at - int(told[0].body["generation"]) / 1_000_000)
            receiver.received.clear()

    assert sorted(delays)[5] < 0.1


def test_nothing_acknowledged_is_lost_when_the_server_is_killed_amid_uploads(tmp_path):
    with Receiver(503) as deaf, running(server_telling(tmp_path, deaf)) as server, httpx.Client() as http:
        acknowledged = {}
        for number in range(200):
            if number == 120:
                server.kill()
            try:
                answer = http.post(
                    f"{server.url}/upload/storage/v1/b/drop/o?uploadType=media&name={number:03}", content=b"x" * number
                )
                acknowledged[f"{number:03}"] = answer.json()["generation"]
            except httpx.TransportError:
                break
        server.start()

        with server.client() as client:
            stored = {blob.name: str(blob.generation) for blob in client.list_blobs("drop")}
            assert acknowledged == {name: stored[name] for name in acknowledged}
            assert all(
                client.bucket("drop").blob(name).download_as_bytes() == b"x" * int(name)
                for name in ("000", "001", "119")
            )
        assert len(stored) == server.outbox()["pending"]
        assert len(stored) == len(list((tmp_path / "blobs").iterdir()))


def test_a_server_moves_to_another_port_with_its_state(tmp_path):
    with Receiver(500, 204) as receiver, running(server_telling(tmp_path, receiver)) as first:
        drop(first, "a", b"content")
        first.stop()
        with running(server_telling(tmp_path, receiver)) as second, second.client() as client:
            blob = client.bucket("drop").get_blob("a")
            assert blob.media_link.startswith(second.url)
            assert blob.download_as_bytes() == b"content"


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 10.0), (10**9, 10.0)])
def test_a_pause_doubles_up_to_its_maximum(attempt, seconds):
    assert seconds == Backoff(minimum=0.5, maximum=10.0).after(attempt)
