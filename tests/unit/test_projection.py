"""The map of a run's texts: the same vectors give the same map, and it is small whatever was measured."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dropforge import wire
from dropforge.domain.content import Text
from dropforge.domain.evaluation import measure
from dropforge.domain.maps import Map, Shelf, books, chosen
from dropforge.domain.projection import map_of, plane, turned, view
from dropforge.domain.sampling import Sample

MOST_BYTES = 100_000


def sample_of(queries, documents, text="text"):
    names = [f"d{number:05}" for number in range(documents)]
    return Sample(
        queries={f"q{number:05}": Text("", f"{text} of query {number}") for number in range(queries)},
        documents={name: Text("title", f"{text} of {name}") for name in names},
        labels={f"q{number:05}": {names[number % documents]: 1} for number in range(queries)},
    )


def vectors(count, dimensions, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dimensions)).tolist()


def view_of(sample, dimensions, seed=0):
    queries, documents = (
        vectors(len(sample.queries), dimensions, seed),
        vectors(len(sample.documents), dimensions, seed + 1),
    )
    return view(sample, chosen(sample), queries, documents, dict(measure(sample, queries, documents).ranks))


def distances(points):
    return np.linalg.norm(points[:, np.newaxis] - points, axis=2)


class TestPlane:
    def test_it_keeps_the_two_directions_in_which_the_vectors_differ_most(self):
        rng = np.random.default_rng(7)
        spread = rng.normal(size=(200, 5)) * [0.01, 10, 0.1, 3, 0.01]
        points, explained = plane(spread + 100)
        assert np.abs(np.corrcoef(points[:, 0], spread[:, 1])[0, 1]) > 0.999
        assert np.abs(np.corrcoef(points[:, 1], spread[:, 3])[0, 1]) > 0.999
        assert explained[0] > explained[1] > 0.05
        assert sum(explained) == pytest.approx(1, abs=0.01)

    def test_vectors_in_a_plane_keep_their_distances(self):
        flat = (
            np.random.default_rng(1).normal(size=(30, 2))
            @ np.linalg.qr(np.random.default_rng(2).normal(size=(9, 2)))[0].T
        )
        points, explained = plane(flat)
        assert np.allclose(distances(points), distances(flat))
        assert sum(explained) == pytest.approx(1, abs=1e-3)

    def test_a_direction_and_its_opposite_are_told_apart_by_the_vectors_alone(self):
        """Expect the order of the rows, which may turn a singular vector round, to change no point."""
        spread = np.random.default_rng(3).normal(size=(40, 6)) * [5, 3, 1, 1, 1, 1]
        order = np.random.default_rng(4).permutation(40)
        assert np.allclose(plane(spread)[0][order], plane(spread[order])[0])

    @pytest.mark.parametrize("shape", [(0, 3), (1, 3), (2, 1), (3, 0), (5, 1), (2, 768)])
    def test_fewer_vectors_or_dimensions_than_two_are_drawn_all_the_same(self, shape):
        points, explained = plane(np.random.default_rng(0).normal(size=shape))
        assert points.shape == (shape[0], 2)
        assert np.isfinite(points).all()
        assert np.isfinite(explained).all()

    def test_equal_vectors_are_in_one_place_and_explain_nothing(self):
        points, explained = plane(np.full((7, 4), 0.5, np.float32))
        assert not points.any()
        assert explained == (0, 0)

    @settings(max_examples=50, deadline=None)
    @given(
        arrays.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 6)), elements=st.floats(-1, 1, width=32))
    )
    def test_no_point_is_farther_from_another_than_its_vector(self, given_vectors):
        points, explained = plane(given_vectors)
        assert (distances(points) <= distances(given_vectors.astype(float)) + 1e-4).all()
        assert 0 <= explained[1] <= explained[0] <= 1


def test_points_are_turned_and_mirrored_and_keep_their_distances():
    points = np.random.default_rng(5).normal(size=(20, 2))
    other = points @ [[0.6, -0.8], [0.8, 0.6]] * [1, -1]
    back = turned(other, points)
    assert np.allclose(back, points)
    assert np.allclose(distances(back), distances(other))


class TestMap:
    def test_it_has_each_query_with_its_best_document_and_both_ranks(self):
        sample = sample_of(20, 50)
        base, tuned = view_of(sample, 8), view_of(sample, 4, seed=10)
        drawn = map_of(sample, chosen(sample), base, tuned)
        assert len(drawn.queries) == 20
        assert len(drawn.documents) == 50
        for name, query in zip(sample.queries, drawn.queries, strict=True):
            assert drawn.documents[query.document].text == f"title text of {next(iter(sample.labels[name]))}"
            assert (query.before, query.after) == (base.ranks[name], tuned.ranks[name])

    def test_every_point_is_inside_and_the_farthest_at_the_edge(self):
        sample = sample_of(30, 40)
        drawn = map_of(sample, chosen(sample), view_of(sample, 8), view_of(sample, 8, seed=3))
        for model in ("base", "tuned"):
            places = [value for mark in (*drawn.queries, *drawn.documents) for value in getattr(mark, model)]
            assert max(map(abs, places)) == 1

    @pytest.mark.parametrize("text", ["\U0001f600" * 200, "\x00" * 200, '"\\' * 200, "語" * 200])
    def test_it_stays_small_whatever_the_texts_are(self, text):
        sample = sample_of(300, 1_000, text)
        drawn = map_of(sample, chosen(sample), view_of(sample, 4), view_of(sample, 4, seed=5))
        assert len(drawn.queries) == 60
        assert len(drawn.documents) == 240
        written = wire.encode(drawn)
        assert len(written) < MOST_BYTES
        assert wire.decode(written, Map, "map") == drawn
        assert all(mark.text.isprintable() for mark in (*drawn.queries, *drawn.documents))

    def test_texts_nobody_labelled_leave_an_empty_map(self):
        sample = Sample({}, {}, {})
        drawn = map_of(sample, chosen(sample), view_of(sample, 4), view_of(sample, 4))
        assert (drawn.queries, drawn.documents) == ((), ())


class TestShelf:
    def test_vectors_come_back_as_they_were_to_three_digits(self):
        sample = sample_of(5, 30)
        given_vectors = vectors(30, 16, 1)
        kept = view_of(sample, 16).rows
        back = np.frombuffer(kept.vectors, "<f2").reshape(30, kept.dimensions)
        units = np.array(given_vectors) / np.linalg.norm(given_vectors, axis=1, keepdims=True)
        assert np.allclose(back, units, atol=1e-3)

    def test_it_is_bounded_and_its_texts_are_printable(self):
        sample = sample_of(3, 1_500, "\x1b[31m" * 100)
        shelf = Shelf(documents=books(sample, chosen(sample).shelved), models={"base": view_of(sample, 2).rows})
        assert len(shelf.documents) == 1_000
        assert len(shelf.models["base"].vectors) == 1_000 * 2 * 2
        assert all(len(book.text) <= 300 and book.text.isprintable() for book in shelf.documents)
        assert wire.decode(wire.encode(shelf), Shelf, "shelf") == shelf


def test_the_choice_follows_from_the_ids_and_holds_the_best_documents():
    sample = sample_of(200, 900)
    kept = chosen(sample)
    assert kept == chosen(sample)
    assert {document for query in kept.queries for document in sample.labels[query]} <= set(kept.documents)
    assert list(kept.documents) == sorted(kept.documents)
