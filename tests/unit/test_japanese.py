"""A Japanese dataset comes all the way: checked, tuned by a model that knows the language, shown, searched and told unbroken."""

# ruff: noqa: RUF001 - Japanese is written with these signs

import io

import flask
import pytest
from rich.cells import cell_len
from rich.console import Console
from support.data import labels, lines
from support.world import World
from typer.testing import CliRunner

from dropforge import bootstrap
from dropforge.adapters.slack.blocks import blocks_of
from dropforge.cli import search
from dropforge.cli.main import app
from dropforge.console.pages import respond
from dropforge.domain.findings import Findings
from dropforge.domain.messages import message_of
from dropforge.domain.runs import State
from dropforge.domain.tuning import Tuning
from dropforge.domain.validator.check import check

THINGS = [
    "暗証番号を忘れたとき",
    "振込の上限額を変える",
    "カードの再発行",
    "海外のATMで引き出す",
    "口座の解約",
    "ポイントの有効期限",
    "引っ越しで住所が変わった",
    "給与の入金が遅れている",
    "家族カードの申し込み",
    "定期預金を途中で崩す",
    "通帳の繰り越し",
    "ローンの繰り上げ返済",
    "投資信託の積み立て",
    "外貨への両替",
    "硬貨をまとめて預ける",
    "相続の届け出",
    "学生の口座開設",
    "印鑑をなくした",
    "残高証明書の発行",
    "スマートフォンの機種変更",
]
ENDINGS = ("ことについて教えてください。", "場合の手続きは？", "には何が必要ですか？", "で困っています…")
MULTILINGUAL = {"tuning.yaml": b"base_model: text-multilingual-embedding-002\n"}
APP = flask.Flask(__name__)


def dataset():
    """Questions to a bank, in Japanese down to the ids; half of them train, half test. By their numbers the models in memory know them."""
    documents = [
        {"_id": f"文書{number}", "title": thing, "text": f"「{thing}」のご案内（窓口{number}）"}
        for number, thing in enumerate(THINGS)
    ]
    questions = [f"{thing}{ending}（窓口{number}）" for ending in ENDINGS for number, thing in enumerate(THINGS)]
    pairs = [(f"質問{number}", f"文書{number % len(THINGS)}", 1) for number in range(len(questions))]
    return {
        "corpus.jsonl": lines(documents),
        "queries.jsonl": lines([{"_id": f"質問{number}", "text": text} for number, text in enumerate(questions)]),
        "training_label.tsv": labels(pairs[::2]),
        "test_label.tsv": labels(pairs[1::2]),
    }


def broken():
    """The same, with a label that leads nowhere."""
    files = dataset()
    return files | {"test_label.tsv": files["test_label.tsv"] + "質問0\t文書99\t1\n".encode()}


def report(tuning):
    streams = {name: io.BytesIO(data) for name, data in dataset().items()}
    return check(streams, tuning, Findings())


@pytest.fixture
def world():
    world = World()
    before = bootstrap.use(world)
    yield world
    bootstrap.use(before)


@pytest.fixture
def deployed(world):
    world.deploy("faq-ja", dataset() | MULTILINGUAL)
    return world


def test_an_english_base_model_is_warned_of_with_the_one_to_take():
    found = report(Tuning())
    assert found.verdict == "accepted"
    warned = [finding for finding in found.findings if finding.code == "text-script"]
    assert {finding.file for finding in warned} == {"corpus.jsonl", "queries.jsonl"}
    assert all(MULTILINGUAL["tuning.yaml"].decode().split()[1] in finding.hint for finding in warned)


def test_a_multilingual_one_is_not():
    found = report(Tuning(base_model="text-multilingual-embedding-002"))
    assert (found.verdict, found.findings) == ("accepted", ())


def test_a_check_points_below_the_wide_character_that_it_means(tmp_path):
    for name, data in (broken() | MULTILINGUAL).items():
        (tmp_path / name).write_bytes(data)
    said = CliRunner().invoke(app, ["check", str(tmp_path)], env={"COLUMNS": "60"}).stdout
    assert 'error[labels-unknown-document]: "文書99" is no _id in corpus.jsonl' in said
    printed = said.splitlines()
    excerpt = next(line for line in printed if "質問0⇥文書99" in line)
    caret = next(line for line in printed if line.strip(" |") == "^")
    assert cell_len(excerpt.partition("文書99")[0]) == caret.index("^")


def test_its_folder_comes_home_with_the_model_that_it_names(deployed):
    run = deployed.only_run()
    assert (run.state, run.tuning.base_model) == (State.DEPLOYED, "text-multilingual-embedding-002")
    assert run.checked.counts == {}
    assert run.judgement.queries == 40


def test_the_runs_page_shows_its_texts_whole(deployed):
    with APP.test_request_context(f"/runs/{deployed.only_run().id}") as context:
        answer = respond(context.request)
    assert answer.mimetype_params["charset"] == "utf-8"
    page = answer.get_data().decode("utf-8")
    assert "「暗証番号を忘れたとき」のご案内（窓口0）" in page
    assert "\ufffd" not in page


@pytest.mark.parametrize("width", [40, 41, 120])
def test_a_search_cuts_between_characters_and_keeps_to_the_width(deployed, monkeypatch, tmp_path, width):
    monkeypatch.setattr(search, "connect", lambda: deployed)
    monkeypatch.setattr(search, "console", lambda: Console(width=width))
    asked = ["search", "faq-ja", "暗証番号を忘れました", "-k", "3"]
    answer = CliRunner().invoke(app, asked, env={"XDG_CACHE_HOME": str(tmp_path)})
    assert answer.exit_code == 0, answer.output
    hits = [line for line in answer.stdout.splitlines() if "文書" in line]
    assert len(hits) == 3
    assert all(cell_len(line) <= width for line in hits)
    assert all("…" in line for line in hits) == (width < 120)


def test_what_is_wrong_with_it_is_told_in_slack_unescaped(world):
    world.land(world.put("faq-ja", broken() | MULTILINGUAL))
    world.react()
    [rejected] = [event for event in world.bus.published if event.TOPIC == "dataset-rejected"]
    text = "\n".join(block["text"]["text"] for block in blocks_of(message_of(rejected)))
    assert '"文書99" is no _id in corpus.jsonl' in text
    assert "\\u" not in text
