"""`dropforge predict` and `dropforge search`: vectors and documents out, errors in one sentence."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support.commands import failed
from support.data import lines
from support.runs import validated
from typer.testing import CliRunner

from dropforge import bootstrap, settings
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryHost, MemoryStore
from dropforge.cli import main as command_line
from dropforge.cli import predict, search
from dropforge.domain.content import Text
from dropforge.domain.errors import Unavailable
from dropforge.domain.facts import Serving
from dropforge.domain.runs import State
from dropforge.domain.spaces import alias_of, deployed_model_id_of
from dropforge.embeddings import Embeddings

ENVIRONMENT = {"DROPFORGE_PROJECT": "p", "DROPFORGE_DROP_BUCKET": "drop", "DROPFORGE_STATE_BUCKET": "state"}
RUN = "topics-0123456789ab"
WORDS = ("cat", "dog", "tax", "parcel", "return", "refund")
CORPUS = [
    {"_id": "d0", "title": "Pets", "text": "cat dog"},
    {"_id": "d1", "text": "tax"},
    {"_id": "d2", "title": "Refunds", "text": "return parcel refund"},
    {"_id": "d3", "text": "dog"},
]
TEXTS = [(each["_id"], Text(each.get("title", ""), each["text"])) for each in CORPUS]


class ByWords(MemoryHost):
    """Knows six words; to the base, two of them are the same, and titles are nothing."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def embed(self, endpoint, texts, task_type):
        super().embed(endpoint, texts, task_type)
        self.asked.append(("tuned", task_type, len(texts)))
        return [[float(f"{text.title} {text.text}".count(word)) for word in WORDS] for text in texts]

    def embed_by_base(self, base_model, texts, task_type, dimensions):
        super().embed_by_base(base_model, texts, task_type, dimensions)
        self.asked.append(("base", task_type, len(texts)))
        length = dimensions or len(WORDS)
        return [
            [float(text.text.replace("parcel", "tax").count(word)) for word in WORDS][:length]
            + [0.0] * (length - len(WORDS))
            for text in texts
        ]


class World(bootstrap.Ports):
    def __init__(self):
        super().__init__(settings.load(ENVIRONMENT))
        self.clock = ManualClock()
        self.state = MemoryStore(MemoryDisk(self.clock), "state")
        self.host = ByWords()

    def deploy(self, **tuning):
        endpoint, deployed = self.host.endpoint(RUN), deployed_model_id_of(RUN)
        self.host.create_endpoint(RUN, {"a": "label"})
        self.host.deploy(endpoint, "models/1", deployed, RUN)
        task_type = tuning.get("task_type", "DEFAULT")
        serving = Serving(endpoint=endpoint, deployed_model=deployed, space=f"{RUN}/6/{task_type}", dimensions=6)
        run = replace(validated(RUN, **tuning), state=State.DEPLOYED, serving=serving)
        self.ledger.record(run)
        self.aliases.move(alias_of(run))
        self.state.write(f"runs/{RUN}/input/corpus.jsonl", lines(CORPUS), replacing=None)

    @property
    def embedded(self):
        """How many texts were embedded since the last time."""
        asked, self.host.asked = self.host.asked, []
        return [number for _, _, number in asked]


@pytest.fixture
def world(monkeypatch, tmp_path):
    world = World()
    for module in (predict, search):
        monkeypatch.setattr(module, "connect", lambda: world)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return world


@pytest.fixture
def deployed(world):
    world.deploy()
    return world


def said(*arguments, **given):
    answer = CliRunner().invoke(command_line.app, arguments, **given)
    assert answer.exception is None, answer.output
    return answer.stdout


def vectors(*arguments, **given):
    return [json.loads(line) for line in said("predict", *arguments, **given).splitlines()]


def usage(*arguments):
    answer = CliRunner().invoke(command_line.app, arguments)
    assert answer.exit_code == 2
    return " ".join(answer.stderr.replace("│", "").split())


class TestPredict:
    @pytest.mark.parametrize("by", [("--dataset", "topics"), ("--run", RUN)])
    def test_texts_become_vectors_of_the_tuned_model(self, deployed, by):
        assert vectors(*by, "cat", "dog dog") == [
            {"embedding": [1, 0, 0, 0, 0, 0]},
            {"embedding": [0, 2, 0, 0, 0, 0]},
        ]

    def test_a_space_has_its_own_task_unless_another_is_named(self, world):
        world.deploy(task_type="SEMANTIC_SIMILARITY")
        vectors("--dataset", "topics", "cat")
        vectors("--run", RUN, "cat", "--task-type", "CLUSTERING")
        vectors("--base", "text-embedding-005", "cat")
        assert [task for _, task, _ in world.host.asked] == ["SEMANTIC_SIMILARITY", "CLUSTERING", "DEFAULT"]

    def test_a_base_model_needs_nothing_deployed(self, world):
        [found] = vectors("--base", "text-embedding-005", "--dimensions", "4", "cat")
        assert found == {"embedding": [1, 0, 0, 0]}

    def test_a_title_goes_with_every_text(self, deployed):
        assert vectors("--dataset", "topics", "--title", "tax", "cat") == [{"embedding": [1, 0, 1, 0, 0, 0]}]

    def test_lines_of_a_file_are_texts(self, deployed, tmp_path):
        file = tmp_path / "texts.txt"
        file.write_bytes("cat\r\n\n  dog\n日本\n".encode())
        found = vectors("--dataset", "topics", "--file", str(file))
        assert [each["embedding"][:2] for each in found] == [[1, 0], [0, 1], [0, 0]]

    def test_json_lines_keep_their_ids_and_titles(self, deployed):
        found = vectors("--dataset", "topics", input=lines(CORPUS))
        assert [each["id"] for each in found] == ["d0", "d1", "d2", "d3"]
        assert found[0]["embedding"] == [1, 1, 0, 0, 0, 0]
        assert vectors("--dataset", "topics", "--file", "-", input=lines(CORPUS)) == found

    def test_many_texts_are_embedded_a_thousand_at_a_time(self, deployed):
        assert len(vectors("--dataset", "topics", input="cat\n" * 2_300)) == 2_300
        assert deployed.embedded == [1_000, 1_000, 300]

    def test_numbers_are_as_long_as_they_mean_something(self, deployed, monkeypatch):
        monkeypatch.setattr(deployed.host, "embed", lambda *_: [[float(np.float32(0.1)), -0.0]])
        assert said("predict", "--dataset", "topics", "cat") == '{"embedding":[0.1,-0.0]}\n'

    def test_what_a_model_does_not_read_is_told(self, deployed):
        answer = CliRunner().invoke(command_line.app, ["predict", "--dataset", "topics", "cat", "dog " * 4_000])
        assert answer.stderr == (
            "dropforge: text 2 is about 4,000 tokens (an estimate); the model reads 3,072: the rest is ignored\n"
        )
        assert len(answer.stdout.splitlines()) == 2

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["cat"], "one of --dataset NAME, --run RUN and --base MODEL"),
            (["--dataset", "topics", "--run", RUN, "cat"], "one of --dataset NAME, --run RUN and --base MODEL"),
            (["--dataset", "topics", "--dimensions", "3", "cat"], "--dimensions goes with --base"),
            (["--dataset", "topics", "--file", "x", "cat"], "give texts or --file FILE, not both"),
        ],
    )
    def test_what_does_not_go_together_is_told(self, world, arguments, told):
        assert told in usage("predict", *arguments)

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "there is no text to embed: the input is empty"),
            (b"cat\n\xff\n", "{}:2 is not UTF-8"),
            (b'{"text": "cat"}\ndog\n', "{}:2 cannot be read: JSON is malformed"),
            (b'{"text": ""}', "{}:1 is empty: no model embeds that"),
            (b'{"title": "cat"}', "{}:1 cannot be read: Object missing required field `text`"),
        ],
    )
    def test_a_file_that_cannot_be_used_is_told_by_its_line(
        self, deployed, capsys, monkeypatch, tmp_path, content, told
    ):
        file = tmp_path / "texts"
        file.write_bytes(content)
        error = failed(capsys, monkeypatch, "predict", "--dataset", "topics", "--file", str(file))
        assert error.startswith(f"dropforge: {told.format(file)}")
        assert len(error.splitlines()) == 1

    def test_a_file_may_have_any_name(self, deployed, capsys, monkeypatch, tmp_path):
        file = tmp_path / "q{1}.jsonl"
        file.write_bytes(b'{"text": ""}')
        error = failed(capsys, monkeypatch, "predict", "--dataset", "topics", "--file", str(file))
        assert error == f"dropforge: {file}:1 is empty: no model embeds that\n"

    def test_a_file_that_is_not_there_is_told(self, deployed, capsys, monkeypatch):
        error = failed(capsys, monkeypatch, "predict", "--dataset", "topics", "--file", "/nowhere")
        assert error == "dropforge: /nowhere cannot be read (No such file or directory): name a file of texts\n"


class TestModels:
    """What a command says when there is no model that it could ask."""

    @pytest.mark.parametrize("command", [("predict", "--dataset", "topics", "cat"), ("search", "topics", "cat")])
    def test_a_dataset_that_was_never_dropped(self, world, capsys, monkeypatch, command):
        error = failed(capsys, monkeypatch, *command)
        assert error == "dropforge: there is no dataset topics: `dropforge runs` lists what was dropped\n"

    @pytest.mark.parametrize("command", [("predict", "--dataset", "topics", "cat"), ("search", "topics", "cat")])
    def test_a_dataset_that_is_not_deployed_yet(self, world, capsys, monkeypatch, command):
        world.ledger.record(validated(RUN))
        error = failed(capsys, monkeypatch, *command)
        assert error == ("dropforge: topics has no deployed model yet: `dropforge show topics` tells how far it is\n")

    def test_a_dataset_whose_model_was_retired(self, deployed, capsys, monkeypatch):
        deployed.ledger.change(RUN, lambda run: replace(run, state=State.RETIRED))
        deployed.aliases.remove("topics", RUN)
        assert failed(capsys, monkeypatch, "search", "topics", "cat") == (
            "dropforge: readers of topics are pointed nowhere: its model was retired; "
            f"`dropforge approve {RUN}` deploys it again\n"
        )

    @pytest.mark.parametrize(
        "command",
        [("predict", "--dataset", "topics", "cat"), ("predict", "--run", RUN, "cat"), ("search", "topics", "c")],
    )
    def test_an_endpoint_that_is_gone(self, deployed, capsys, monkeypatch, command):
        deployed.host._endpoints.clear()
        error = failed(capsys, monkeypatch, *command)
        assert error == (
            f"dropforge: the model of run {RUN} does not answer any more, its endpoint is gone: "
            f"`dropforge show {RUN}` tells why\n"
        )

    def test_a_run_that_is_not_there(self, world, capsys, monkeypatch):
        error = failed(capsys, monkeypatch, "predict", "--run", "\x1b[2Jx", "cat")
        assert error == "dropforge: there is no run \\x1b[2Jx: `dropforge runs` lists them\n"

    def test_a_run_without_a_model(self, world, capsys, monkeypatch):
        world.ledger.record(validated(RUN))
        error = failed(capsys, monkeypatch, "predict", "--run", RUN, "cat")
        assert error == (f"dropforge: run {RUN} is validated, and has no model that answers: `dropforge show {RUN}`\n")

    def test_a_base_model_that_is_misspelt(self, world, capsys, monkeypatch):
        error = failed(capsys, monkeypatch, "predict", "--base", "text-embeding-005", "cat")
        assert error.endswith("did you mean text-embedding-005?\n")


class TestSearch:
    def found(self, *arguments):
        return json.loads(said("search", "topics", *arguments, "--json"))

    def test_the_best_documents_come_first(self, deployed):
        found = self.found("dog cat", "-k", "3")
        assert [(hit["rank"], hit["id"], hit["score"]) for hit in found] == [
            (1, "d0", 1.0),
            (2, "d3", pytest.approx(0.7071, abs=1e-4)),
            (3, "d1", 0.0),
        ]
        assert (found[0]["title"], found[0]["text"]) == ("Pets", "cat dog")

    def test_people_see_a_table_with_the_model_below(self, deployed):
        shown = said("search", "topics", "refund").splitlines()
        assert shown[1].split() == ["1", "0.5774", "d2", "Refunds", "return", "parcel", "refund"]
        assert shown[-1] == f"by {RUN}/6/DEFAULT  (--base: the base model)"

    def test_the_base_finds_what_it_finds(self, deployed):
        assert self.found("tax")[0]["id"] == "d1"
        assert self.found("tax", "--base")[1]["id"] == "d2"
        assert said("search", "topics", "tax", "--base").splitlines()[-1].startswith("by text-embedding-005  (")

    def test_documents_are_embedded_once_for_each_model(self, deployed):
        for arguments in ([], [], ["--base"], ["--base"]):
            self.found("cat", *arguments)
        assert deployed.embedded == [1, 4, 1, 1, 4, 1]

    def test_what_was_interrupted_is_gone_on_from(self, deployed, monkeypatch):
        monkeypatch.setattr(search, "_PART", 1)
        embed, left = deployed.host.embed, iter(range(3))

        def interrupted(*arguments):
            if next(left, None) is None:
                raise Unavailable("interrupted")
            return embed(*arguments)

        monkeypatch.setattr(deployed.host, "embed", interrupted)
        assert CliRunner().invoke(command_line.app, ["search", "topics", "cat"]).exit_code == 2
        monkeypatch.setattr(deployed.host, "embed", embed)
        assert self.found("cat")[0]["id"] == "d0"
        assert len(deployed.embedded) == 3 + 1 + 2  # of four documents and one query: two are kept, and two are made

    def test_half_a_file_is_made_anew(self, deployed, tmp_path):
        before = self.found("cat")
        [kept] = (tmp_path / "cache").rglob("*.npy")
        kept.write_bytes(kept.read_bytes()[:-4])
        assert self.found("cat") == before
        kept.write_bytes(b"")
        assert self.found("cat") == before

    def test_other_bytes_at_the_same_place_are_embedded_anew(self, deployed):
        self.found("cat")
        deployed.state.write(f"runs/{RUN}/input/corpus.jsonl", lines(CORPUS[::-1]), replacing=None)
        assert self.found("tax")[0]["id"] == "d1"

    def embedded(self, deployed, texts):
        """Have the run hold the vectors of texts."""
        Embeddings(deployed.state, deployed.clock).fill(
            f"runs/{RUN}/embeddings/",
            texts,
            lambda some: deployed.host.embed(deployed.host.endpoint(RUN), some, "DEFAULT"),
            part=3,
            until=deployed.clock.now().replace(year=2030),
        )

    def test_vectors_that_the_run_has_are_not_made_again(self, deployed):
        self.embedded(deployed, TEXTS)
        assert deployed.embedded == [3, 1]
        assert self.found("dog cat")[0]["id"] == "d0"
        assert self.found("tax")[0]["id"] == "d1"
        assert deployed.embedded == [1, 1]

    @pytest.mark.parametrize("lost", [{0, 2}, {1, 3}], ids=str)
    def test_vectors_of_the_run_stay_with_their_documents_where_some_are_kept_here(
        self, deployed, monkeypatch, tmp_path, lost
    ):
        """Given a part that is damaged and a later one that is not there, expect what was found before."""
        monkeypatch.setattr(search, "_PART", 1)
        self.embedded(deployed, TEXTS)
        before = self.found("dog cat")
        for number, file in enumerate(sorted((tmp_path / "cache").rglob("*.npy"))):
            if number in lost:
                file.unlink()
        assert self.found("dog cat") == before

    def test_vectors_of_other_documents_are_told(self, deployed, capsys, monkeypatch):
        self.embedded(deployed, [("stranger", Text("", "cat"))])
        assert "are not those of the run's documents" in failed(capsys, monkeypatch, "search", "topics", "cat")

    def test_a_query_that_is_too_long_is_refused(self, deployed, capsys, monkeypatch):
        error = failed(capsys, monkeypatch, "search", "topics", "dog " * 4_000)
        assert error == (
            "dropforge: the query is about 4,000 tokens (an estimate); the model reads 3,072: shorten it\n"
        )
        assert failed(capsys, monkeypatch, "search", "topics", " ").endswith("is empty: say what to look for\n")

    def test_documents_that_are_gone_are_told(self, deployed, capsys, monkeypatch):
        deployed.state.delete(f"runs/{RUN}/input/corpus.jsonl")
        error = failed(capsys, monkeypatch, "search", "topics", "cat")
        assert error == (
            f"dropforge: gs://state/runs/{RUN}/input/corpus.jsonl is gone: "
            "put the run's corpus.jsonl back there to search it\n"
        )

    def test_a_folder_that_cannot_be_written_to_is_told(self, deployed, capsys, monkeypatch, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        error = failed(capsys, monkeypatch, "search", "topics", "cat")
        assert "(Not a directory): name a folder with room for them in XDG_CACHE_HOME" in error

    def test_hostile_documents_do_not_reach_the_terminal(self, deployed):
        hostile = [{"_id": "\x1b[2J", "title": "\u202e", "text": "cat [bold]\x9b2J"}]
        deployed.state.write(f"runs/{RUN}/input/corpus.jsonl", lines(hostile), replacing=None)
        shown = said("search", "topics", "cat")
        assert "cat [bold]\\x9b2J" in shown
        assert all(line.isprintable() for line in shown.splitlines())
        assert self.found("cat")[0]["id"] == "\x1b[2J"


def test_the_commands_have_examples():
    for command in ("predict", "search"):
        assert f"Example: dropforge {command}" in " ".join(said(command, "--help").replace("`", "").split())
