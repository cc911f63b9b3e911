"""Faults that are asked for over HTTP: what can be asked, whom they meet, and what they do to requests."""

import io
import time

import httpx
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from support.faulty import faults
from support.servers import Server, running
from support.storage import StorageServer, put

INSERT, GET, DELETE = "storage.objects.insert", "storage.objects.get", "storage.objects.delete"
QUICKLY = DEFAULT_RETRY.with_delay(initial=0.05)
LOSE_EVERY_ANSWER = {INSERT: ["return-reset-connection-after-commit x*"]}
RESET, HUNG_UP = httpx.ReadError, httpx.RemoteProtocolError


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(StorageServer(tmp_path_factory.mktemp("storage"), "--bucket", "state")) as server:
        yield server


@pytest.fixture(scope="module")
def bucket(server):
    with server.client() as client:
        yield client.bucket("state")


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url) as http:
        yield http


@pytest.fixture
def ask(server):
    """Faults that meet everyone."""
    return lambda instructions, **options: faults(server.url, instructions, everyone=True, **options)


def upload(http, name, content=b"x" * 3000, **headers):
    url = f"/upload/storage/v1/b/state/o?uploadType=media&name={name}"
    return http.post(url, content=content, headers=headers)


def start(http, name):
    """Begin a resumable upload; its address."""
    return http.post(f"/upload/storage/v1/b/state/o?uploadType=resumable&name={name}", json={}).headers["location"]


def in_chunks(bucket, name, content):
    """What Google's client sends in chunks: a content whose size it does not know."""
    blob = bucket.blob(name, chunk_size=256 * 1024)
    blob.upload_from_file(io.BytesIO(content), if_generation_match=0, retry=QUICKLY)


def outcome(request):
    """The status of the answer, or how the connection failed."""
    try:
        return request().status_code
    except httpx.TransportError as error:
        return type(error)


@pytest.mark.parametrize(
    ("instruction", "expected", "is_there"),
    [
        ("return-503", 503, False),
        ("return-412", 412, False),
        ("return-503-after-1K", 503, False),
        ("return-503-after-commit", 503, True),
        ("return-429-retry-after-7s", 429, False),
        ("return-reset-connection", RESET, False),
        ("return-reset-connection-after-commit", RESET, True),
        ("return-broken-stream", HUNG_UP, True),
        ("return-broken-stream-after-1K", HUNG_UP, True),
        ("stall-for-0.01s-after-1K", 200, True),
        ("delay-for-0.01s", 200, True),
        ("duplicate", 200, True),
    ],
)
def test_an_instruction_fires_as_often_as_it_says_and_is_counted(ask, http, bucket, instruction, expected, is_there):
    with ask({INSERT: [f"{instruction} x2"]}) as asked:
        assert [outcome(lambda: upload(http, instruction)) for _ in range(2)] == [expected, expected]
        assert bucket.blob(instruction).exists() is is_there

        assert upload(http, instruction).status_code == 200
        assert asked.state == {
            "id": asked.id,
            "instructions": {INSERT: []},
            "completed": True,
            "transport": "HTTP",
            "fired": {INSERT: 2},
            "left": {INSERT: 0},
        }


def test_instructions_are_used_up_in_order_and_by_their_own_methods(ask, http, bucket):
    put(bucket, "a")
    object_url = "/storage/v1/b/state/o/a"
    with ask({GET: ["return-503", "return-404"], DELETE: ["return-500"]}) as asked:
        assert [http.get(object_url).status_code for _ in range(3)] == [503, 404, 200]
        assert (asked.state["completed"], asked.state["left"]) == (False, {GET: 0, DELETE: 1})
        assert [http.delete(object_url).status_code for _ in range(2)] == [500, 204]
        assert (asked.state["completed"], asked.fired) == (True, {GET: 2, DELETE: 1})


def test_an_instruction_without_an_end_fires_until_it_is_called_off(ask, http):
    with ask({INSERT: ["return-503 x*"]}) as asked:
        assert {upload(http, "a").status_code for _ in range(50)} == {503}
        assert asked.state["instructions"] == {INSERT: ["return-503 x*"]}
        assert (asked.state["completed"], asked.state["left"], asked.fired) == (False, {INSERT: "*"}, {INSERT: 50})
    assert upload(http, "a").status_code == 200


def test_the_answer_looks_like_google_s(ask, http):
    with ask({INSERT: ["return-429-retry-after-7s"]}):
        answer = upload(http, "a")

    assert answer.headers["retry-after"] == "7"
    assert (answer.json()["error"]["code"], answer.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")


def test_delays_and_stalls_take_their_time(ask, http):
    for instruction in ("delay-for-0.3s", "stall-for-0.3s-after-1K"):
        with ask({INSERT: [instruction]}):
            began = time.monotonic()
            assert upload(http, "a").status_code == 200
            assert 0.3 <= time.monotonic() - began < 3


def test_a_request_that_is_duplicated_meets_its_own_effect(ask, http):
    url = "/upload/storage/v1/b/state/o?uploadType=media&name=twice&ifGenerationMatch=0"
    with ask({INSERT: ["duplicate"]}):
        assert http.post(url, content=b"x").status_code == 412
    assert http.get("/storage/v1/b/state/o/twice").json()["size"] == "1"


class TestChunks:
    """Resumable uploads, to which some instructions are meant."""

    def test_what_arrived_before_the_fault_is_kept(self, ask, http):
        where = start(http, "kept")
        with ask({INSERT: ["return-503-after-256K"]}) as asked:
            assert http.put(where, content=b"x" * 600_000).status_code == 503
            assert asked.fired == {INSERT: 1}
        progress = http.put(where, headers={"content-range": "bytes */600000"})
        assert (progress.status_code, progress.headers["range"]) == (308, "bytes=0-262143")

    def test_a_request_that_does_not_reach_so_far_is_spared(self, ask, http):
        with ask({INSERT: ["return-503-after-1024K"]}) as asked:
            assert upload(http, "small").status_code == 200
            assert asked.fired == {INSERT: 0}

    def test_only_the_last_chunk_is_hung_up_on(self, ask, http):
        where = start(http, "last")
        with ask({INSERT: ["return-broken-stream-final-chunk-after-10B"]}) as asked:
            first = http.put(where, content=b"x" * 262_144, headers={"content-range": "bytes 0-262143/262200"})
            assert first.status_code == 308
            rest = {"content": b"y" * 56, "headers": {"content-range": "bytes 262144-262199/262200"}}
            assert outcome(lambda: http.put(where, **rest)) is HUNG_UP
            assert asked.fired == {INSERT: 1}
        progress = http.put(where, headers={"content-range": "bytes */262200"})
        assert progress.headers["range"] == "bytes=0-262153"

    def test_google_s_client_goes_on_where_it_was_cut(self, ask, bucket):
        content = bytes(range(256)) * 4096
        with ask({INSERT: ["return-503-after-512K"]}) as asked:
            in_chunks(bucket, "resumed", content)
            assert asked.fired == {INSERT: 1}
        assert bucket.blob("resumed").download_as_bytes() == content


class TestWhom:
    """Whom a test meets."""

    def test_only_those_who_name_it(self, server, http):
        with faults(server.url, {INSERT: ["return-503 x*"]}) as asked:
            assert upload(http, "a").status_code == 200
            assert upload(http, "a", **asked.headers).status_code == 503
            assert asked.fired == {INSERT: 1}

    def test_google_s_client_names_it_by_an_extra_header(self, server):
        with faults(server.url, {INSERT: ["return-503"]}) as asked:
            options = {"credentials": AnonymousCredentials(), "client_options": {"api_endpoint": server.url}}
            with storage.Client("test", extra_headers=asked.headers, **options) as client:
                put(client.bucket("state"), "named", retry=QUICKLY)
            assert asked.fired == {INSERT: 1}

    def test_who_names_one_is_spared_by_those_for_everyone(self, server, ask, http):
        with ask({INSERT: ["return-503"]}) as everyone, faults(server.url, {}) as own:
            assert upload(http, "a", **own.headers).status_code == 200
            assert everyone.fired == {INSERT: 0}

    def test_the_older_of_two_comes_first(self, ask, http):
        with ask({INSERT: ["return-500"]}), ask({INSERT: ["return-503"]}):
            assert [upload(http, "a").status_code for _ in range(3)] == [500, 503, 200]

    def test_conditional_requests_only(self, ask, http, bucket):
        with ask({INSERT: ["return-503 x*"], DELETE: ["return-503 x*"]}, only="conditional") as asked:
            generation = put(bucket, "unconditional").generation
            bucket.blob("unconditional").delete()
            url = "/upload/storage/v1/b/state/o?uploadType=media&name=a&ifGenerationMatch=0"
            assert http.post(url, content=b"x").status_code == 503
            assert http.delete(f"/storage/v1/b/state/o/a?ifGenerationMatch={generation}").status_code == 503
            assert asked.fired == {INSERT: 1, DELETE: 1}

    def test_the_end_of_an_upload_is_as_conditional_as_its_start(self, ask, http):
        url = "/upload/storage/v1/b/state/o?uploadType=resumable&name=conditional-in-chunks"
        plain, conditional = (http.post(url + query, json={}) for query in ("", "&ifGenerationMatch=0"))
        with ask({INSERT: ["return-503-after-commit x*"]}, only="conditional"):
            assert http.put(conditional.headers["location"], content=b"x").status_code == 503
            assert http.put(plain.headers["location"], content=b"x").status_code == 200


class TestLostAnswers:
    """A write whose answer is lost, through Google's client, which tries again."""

    def test_a_client_that_creates_is_refused_by_its_own_object(self, ask, bucket):
        with ask({INSERT: ["return-reset-connection-after-commit"]}) as asked:
            with pytest.raises(exceptions.PreconditionFailed):
                put(bucket, "own", b"mine", if_generation_match=0, retry=QUICKLY)
            assert asked.fired == {INSERT: 1}
        assert bucket.blob("own").download_as_bytes() == b"mine"

    def test_every_conditional_write_loses_one_answer(self, ask, bucket):
        with ask(LOSE_EVERY_ANSWER, only="conditional", once_per="invocation") as asked:
            generation = 0
            for number in range(5):
                with pytest.raises(exceptions.PreconditionFailed):
                    put(bucket, "ledger", str(number).encode(), if_generation_match=generation, retry=QUICKLY)
                generation = bucket.get_blob("ledger").generation
            put(bucket, "unconditional")
            assert asked.fired == {INSERT: 5}
        assert bucket.blob("ledger").download_as_bytes() == b"4"

    def test_an_upload_in_chunks_loses_one_answer_a_chunk_and_is_whole(self, ask, bucket):
        content = bytes(range(256)) * 4096
        with ask(LOSE_EVERY_ANSWER, once_per="invocation") as asked:
            in_chunks(bucket, "whole", content)
            assert asked.fired[INSERT] >= 5
        assert bucket.blob("whole").download_as_bytes() == content

    def test_a_download_that_breaks_off_is_whole_in_the_end(self, ask, bucket):
        content = bytes(range(256)) * 4096
        put(bucket, "large", content)
        with ask({GET: ["return-broken-stream-after-512K"]}) as asked:
            assert bucket.blob("large").download_as_bytes(retry=QUICKLY) == content
            assert asked.fired == {GET: 1}

    def test_a_deletion_whose_answer_is_lost_finds_nothing_the_second_time(self, ask, bucket):
        generation = put(bucket, "gone").generation
        with ask({DELETE: ["return-503-after-commit"]}), pytest.raises(exceptions.NotFound):
            bucket.blob("gone").delete(if_generation_match=generation, retry=QUICKLY)


@pytest.mark.parametrize("content", [b"x" * 3000, b"x", b""])
def test_an_answer_that_breaks_off_is_never_whole(ask, http, bucket, content):
    put(bucket, "broken", content)
    url = "/storage/v1/b/state/o/broken"
    with ask({GET: ["return-broken-stream x2", "return-broken-stream-after-9K"], DELETE: ["return-broken-stream"]}):
        for request in (f"{url}?alt=media", url, f"{url}?alt=media"):
            assert outcome(lambda target=request: http.get(target)) is HUNG_UP
        assert outcome(lambda: http.delete(url)) is HUNG_UP
    assert not bucket.blob("broken").exists()


class TestInterface:
    """What the routes answer."""

    def test_tests_are_created_listed_and_deleted(self, http):
        created = http.post("/retry_test", json={"instructions": {INSERT: ["return-503", "return-500 x3"]}}).json()
        own = f"/retry_test/{created['id']}"

        assert created == {
            "id": created["id"],
            "instructions": {INSERT: ["return-503", "return-500 x3"]},
            "completed": False,
            "transport": "HTTP",
            "fired": {INSERT: 0},
            "left": {INSERT: 4},
        }
        assert http.get(own).json() == created
        assert created in http.get("/retry_tests").json()["retry_test"]
        assert http.delete(own).status_code == 200
        assert created not in http.get("/retry_tests").json()["retry_test"]
        assert [http.get(own).status_code, http.delete(own).status_code] == [404, 404]
        assert upload(http, "a", **{"x-retry-test-id": created["id"]}).status_code == 404

    @pytest.mark.parametrize(
        ("wanted", "sentence"),
        [
            (
                {"instructions": {INSERT: ["return-teapot"]}},
                "'return-teapot' cannot be done here; these can: return-NNN,",
            ),
            ({"instructions": {INSERT: ["return-200"]}}, "NNN is 400 to 599"),
            ({"instructions": {INSERT: ["return-503 x0"]}}, "a count may follow, as in 'return-503 x20'"),
            ({"instructions": {INSERT: ["drop"]}}, "'drop' cannot be done here"),
            ({"instructions": {GET: ["return-503-after-1K"]}}, "'return-503-after-1K' cannot be done here"),
            ({"instructions": {"notification": ["return-broken-stream"]}}, "these can: return-NNN, "),
            (
                {"instructions": {"storage.objects.eat": []}},
                "no method of this server; these are: notification, storage.",
            ),
            ({"instructions": {}, "everybody": True}, "unknown field `everybody`"),
            ({"instructions": {}, "only": "large"}, "'large'"),
            ({}, "missing required field `instructions`"),
        ],
    )
    def test_what_makes_no_sense_is_refused_with_what_would(self, http, wanted, sentence):
        answer = http.post("/retry_test", json=wanted)

        assert answer.status_code == 400
        assert sentence in answer.text

    def test_what_is_no_json_is_refused(self, http):
        assert http.post("/retry_test", content=b"{").status_code == 400

    def test_a_restarted_server_has_forgotten(self, tmp_path):
        with running(Server("dropforge_local.slack.server", "--dir", tmp_path)) as server:
            with faults(server.url, {"slack.post": ["return-503"]}, everyone=True) as asked:
                assert asked.state["left"] == {"slack.post": 1}
                server.restart()
                assert httpx.get(f"{server.url}/retry_tests").json() == {"retry_test": []}
            assert asked.fired == {"slack.post": 0}

    @pytest.mark.parametrize(
        ("option", "sentence"),
        [
            ({"only": "conditional"}, "No request to this server carries a precondition: ask without `only`."),
            ({"of": "run-*"}, "No request to this server says what it is about: ask without `of`."),
        ],
    )
    def test_a_server_without_preconditions_or_names_says_so(self, tmp_path, option, sentence):
        with running(Server("dropforge_local.slack.server", "--dir", tmp_path)) as server:
            answer = httpx.post(f"{server.url}/retry_test", json={"instructions": {}, **option})
        assert (answer.status_code, answer.text) == (400, sentence)
