"""The bundled base model and tuned models on top of it."""

import logging

import numpy as np
import pytest

from dropforge_local.vertex.embedding import titled
from dropforge_local.vertex.embedding.tuned import TunedModel, load_tuned
from dropforge_local.vertex.embedding.wordllama_base import MAX_TOKENS, bundled_base
from dropforge_local.vertex.tuning.linear_map import identity

TEXTS = ["Refund not showing up", "カードを有効にする", "x", "A longer text, with punctuation: and so on. " * 20]


def test_vectors_are_of_unit_length():
    vectors = bundled_base().encode(TEXTS).vectors
    assert vectors.shape == (len(TEXTS), 256)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_vectors_are_those_of_the_wordllama_library():
    """Given the library's own code on the same weights, expect the same directions."""
    level = logging.root.level
    handlers = list(logging.root.handlers)
    from wordllama import WordLlamaInference  # noqa: PLC0415 - importing it reconfigures logging, undone below

    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    base = bundled_base()
    library = WordLlamaInference(base._tokens, type(base._tokenizer).from_str(base._tokenizer.to_str()))
    np.testing.assert_allclose(base.encode(TEXTS).vectors, library.embed(TEXTS, norm=True), atol=1e-5)


def test_a_text_has_the_same_vector_in_any_company():
    alone = bundled_base().encode(TEXTS[:1]).vectors[0]
    crowded = bundled_base().encode(TEXTS * 100).vectors
    np.testing.assert_allclose(np.tile(alone, (100, 1)), crowded[:: len(TEXTS)], atol=1e-6)


def test_an_empty_text_has_a_vector_of_zeros():
    vectors = bundled_base().encode(["", "text"]).vectors
    assert not vectors[0].any()
    assert vectors[1].any()


def test_a_long_text_is_truncated_and_marked():
    encoded = bundled_base().encode(["word " * (MAX_TOKENS + 100), "word " * (MAX_TOKENS + 200), "word"])
    assert encoded.truncated == [True, True, False]
    assert encoded.token_counts == [MAX_TOKENS, MAX_TOKENS, 1]
    np.testing.assert_array_equal(encoded.vectors[0], encoded.vectors[1])


def test_a_title_is_part_of_the_text():
    assert titled("text", "Title") == "Title text"
    assert titled("text", "") == titled("text", None) == "text"


def test_a_tuned_model_is_what_it_was_after_a_round_through_files(tmp_path):
    turned = np.roll(identity(256, 64), 3, axis=0)
    model = TunedModel(bundled_base(), turned, {"note": "naïve"})
    for name, content in model.files().items():
        (tmp_path / name).write_bytes(content)
    loaded = load_tuned(tmp_path, bundled_base())
    assert loaded.card == {"note": "naïve"}
    assert loaded.dimensions == 64
    np.testing.assert_array_equal(model.encode(TEXTS).vectors, loaded.encode(TEXTS).vectors)
    assert np.linalg.norm(loaded.encode(TEXTS).vectors, axis=1) == pytest.approx(1, abs=1e-5)
