"""What the lines of a dataset's files hold."""

from support.data import dataset

from dropforge.domain.content import Text, texts_of


def lines(data):
    return data.splitlines(keepends=True)


def test_texts_come_in_the_order_in_which_they_are_wanted_then_others():
    corpus = lines(dataset()["corpus.jsonl"])
    found = texts_of(corpus, ["d7", "d2"], at_least=4)
    assert list(found)[:2] == ["d7", "d2"]
    assert len(found) == 4
    assert found["d7"] == Text("t7", "document 7")


def test_a_long_text_is_cut():
    [text] = texts_of([b'{"_id": "a", "text": "' + b"x" * 100_000 + b'"}'], ["a"]).values()
    assert len(text.text) == 24_576
