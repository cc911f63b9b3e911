"""Figures are trec_eval's, whatever the ids, and follow from the vectors alone; nonsense is told by name."""

import math
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropforge.domain.content import Text
from dropforge.domain.errors import Refused
from dropforge.domain.evaluation import MEASURES, NDCG, Measured, examples_of, measure
from dropforge.domain.sampling import Sample
from dropforge_local.vertex.embedding import unit
from dropforge_local.vertex.tuning import evaluation as local


def sample_with(labels, documents):
    return Sample(
        queries={query: Text("", f"ask {query}") for query in sorted(labels)},
        documents={document: Text(f"title {document}", "text") for document in sorted(documents)},
        labels=labels,
    )


def vectors(count, dimensions=16, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def whole(seed=0, queries=30, documents=50):
    chance = np.random.default_rng(seed)
    names = [f"d{n:03}" for n in range(documents)]
    labels = {
        f"q{n:03}": {
            str(name): int(chance.integers(1, 5)) for name in chance.choice(names, chance.integers(1, 15), False)
        }
        for n in range(queries)
    }
    return sample_with(labels, names)


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_the_tuner_on_this_machine(seed):
    sample = whole(seed)
    queries, documents = unit(vectors(30, seed=seed)), unit(vectors(50, seed=seed + 100))
    told = local.measure(
        sample.labels,
        query_rows={query: row for row, query in enumerate(sample.queries)},
        queries=queries,
        document_ids=list(sample.documents),
        documents=documents,
    )
    measured = measure(sample, queries, documents)
    assert measured.figures == told
    assert measured.means == pytest.approx(local.mean(told))
    assert list(measured.means) == list(MEASURES)


@given(
    grades=st.lists(st.integers(0, 3), min_size=12, max_size=12).filter(any),
    order=st.permutations(range(12)),
)
@settings(max_examples=100, deadline=None)
def test_the_figures_are_what_the_formulas_say(grades, order):
    """Twelve documents stand on an arc in this order, seen from the query."""
    names = [f"d{n:02}" for n in range(12)]
    labels = {"q": {name: grade for name, grade in zip(names, grades, strict=True) if grade}}
    arc = [[math.cos(order.index(n) / 10), math.sin(order.index(n) / 10)] for n in range(12)]
    measured = measure(sample_with(labels, names), [[1.0, 0.0]], arc)
    ranked = [grades[n] for n in order][:10]

    def gained(grades):
        return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades[:10]))

    first = next((place for place, grade in enumerate(ranked, 1) if grade), None)
    assert measured.figures["q"] == pytest.approx(
        {
            "nDCG@10": gained(ranked) / gained(sorted(grades, reverse=True)),
            "R@10": sum(map(bool, ranked)) / sum(map(bool, grades)),
            "RR@10": 1 / first if first else 0,
        }
    )
    best = order.index(grades.index(max(grades))) + 1
    assert measured.ranks == {"q": best if best <= 10 else None}


@given(scale=st.sampled_from([1e-200, 1e-30, 1.0, 1e30, 1e200]))
def test_only_the_direction_of_a_vector_counts(scale):
    sample, queries, documents = whole(), vectors(30), vectors(50, seed=1)
    assert measure(sample, (queries * np.float64(scale)).tolist(), documents.tolist()) == measure(
        sample, queries, documents
    )


def test_equal_documents_are_ranked_from_the_last_id_wherever_their_vectors_stand():
    names = [f"d{n:04}" for n in range(3_001)]
    last = {name: place for place, name in enumerate(names[-10:], 1)}
    sample = sample_with({f"q{n}": last for n in range(40)}, names)
    measured = measure(sample, vectors(40, 259), np.tile(vectors(1, 259, seed=1), (3_001, 1)))
    assert set(measured.ranks.values()) == {1}
    assert {figures[NDCG] for figures in measured.figures.values()} == {1}


def test_ids_may_hold_anything():
    names = ["a\0b", "a\0c", "a b\tc", "ü", "\U0001f600", "-0", "0"]
    sample = sample_with({"q\0x": {"a\0c": 1}, "q\0y": {"ü": 1}}, names)
    rows = np.eye(len(names))
    queries = [rows[sorted(names).index("a\0c")], rows[sorted(names).index("ü")]]
    assert measure(sample, queries, rows).means == {"nDCG@10": 1, "R@10": 1, "RR@10": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's memory")
def test_a_score_of_nine_digits_costs_no_memory():
    """trec_eval has a table of all scores up to the highest: of 8 GB for this one."""
    program = (
        "import resource; from dropforge.domain.evaluation import measure; from dropforge.domain.content import Text;"
        "from dropforge.domain.sampling import Sample; texts = {'d1': Text('', ''), 'd2': Text('', '')};"
        "sample = Sample({'q': Text('', '')}, texts, {'q': {'d1': 999_999_999, 'd2': 500_000_000}});"
        "resource.setrlimit(resource.RLIMIT_AS, (4_000_000_000, 4_000_000_000));"
        "print(measure(sample, [[1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]).means['nDCG@10'])"
    )
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    told = subprocess.run([sys.executable, "-c", program], env=alone, capture_output=True, text=True, check=True)
    expected = (1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3))
    assert float(told.stdout) == pytest.approx(expected, abs=1e-5)


def test_few_documents_are_ranked_too():
    assert measure(sample_with({"q": {"d": 1}}, ["d"]), [[1.0]], [[-1.0]]).means[NDCG] == 1


def test_of_no_queries_there_is_no_mean():
    measured = measure(sample_with({}, []), [], [])
    assert (measured.figures, measured.means, measured.documents) == ({}, {}, 0)


@pytest.mark.parametrize(
    ("queries", "documents", "told"),
    [
        ([[1.0, 0.0]], [[1.0, 0.0], [math.nan, 1.0]], 'document "d2" holds a value that is no finite number'),
        ([[1.0, 0.0]], [[1.0, 0.0], [1.0, -math.inf]], 'document "d2" holds a value that is no finite number'),
        ([[0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], r'query "q\x1b" is zero'),
        ([[1.0, 0.0]], [[1.0, 0.0], [0.0]], 'document "d2" has 1 values, that of document "d1" 2'),
        ([[1.0]], [[1.0, 0.0], [0.0, 1.0]], "1 values for queries, and of 2 for documents"),
        ([[1.0, 0.0]], [[1.0, 0.0]], "1 vectors were answered for 2 texts"),
        ([[]], [[], []], r'query "q\x1b" is zero'),
    ],
)
def test_vectors_that_cannot_be_ranked_are_refused(queries, documents, told):
    with pytest.raises(Refused, match="the model cannot be measured") as caught:
        measure(sample_with({"q\x1b": {"d1": 1}}, ["d1", "d2"]), queries, documents)
    assert told in str(caught.value)


def test_the_wrong_vector_is_named_beyond_the_first_block():
    names = [f"d{n:04}" for n in range(3_000)]
    documents = np.ones((3_000, 2))
    documents[2_500] = 0
    with pytest.raises(Refused, match='document "d2500" is zero'):
        measure(sample_with({"q": {names[0]: 1}}, names), [[1.0, 0.0]], documents)


def test_a_large_sample_stays_under_its_bound():
    sample = sample_with({f"q{n:04}": {f"d{n:05}": 1} for n in range(1_000)}, [f"d{n:05}" for n in range(10_000)])
    documents = vectors(10_000, 768)
    tracemalloc.start()
    try:
        measured = measure(sample, documents[:1_000], documents)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert measured.means == {"nDCG@10": 1, "R@10": 1, "RR@10": 1}
    assert peak < 200_000_000


def test_importing_it_costs_no_numerics():
    program = (
        "import dropforge.domain.evaluation, dropforge.domain.gate, sys;"
        "print({'numpy', 'ir_measures', 'scipy'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"


def measured_with(ranks):
    figures = {query: dict.fromkeys(MEASURES, 1 / rank if rank else 0.0) for query, rank in ranks.items()}
    return Measured(figures=figures, ranks=ranks, documents=3)


def moved(moves, most=6):
    sample = sample_with({query: {"d1": 1} for query in moves}, ["d1", "d2"])
    before, after = (measured_with({query: move[side] for query, move in moves.items()}) for side in (0, 1))
    return sample, examples_of(sample, before, after, most)


def test_examples_are_the_queries_that_moved_most_up_first():
    moves = {
        "a": (1, None),
        "b": (2, 1),
        "c": (None, 1),
        "d": (4, 3),
        "e": (1, 2),
        "f": (5, 5),
        "g": (None, 10),
        "h": (3, 4),
    }
    _, examples = moved(moves)
    assert [(each.query, each.before, each.after) for each in examples] == [
        ("c", None, 1),
        ("b", 2, 1),
        ("g", None, 10),
        ("a", 1, None),
        ("e", 1, 2),
        ("h", 3, 4),
    ]


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        ({f"q{n}": (None, n + 1) for n in range(8)}, ["q0", "q1", "q2", "q3", "q4", "q5"]),
        ({f"q{n}": (n + 1, None) for n in range(8)}, ["q0", "q1", "q2", "q3", "q4", "q5"]),
        ({"a": (1, 2), **{f"q{n}": (None, n + 1) for n in range(8)}}, ["q0", "q1", "q2", "q3", "q4", "a"]),
        ({"a": (1, 1), "b": (None, None)}, []),
    ],
)
def test_where_one_kind_is_short_there_are_more_of_the_other(moves, told):
    assert [each.query for each in moved(moves)[1]] == told


def test_the_texts_of_an_example_are_safe_to_show():
    labels = {"q": {"d": 1}}
    texts = {"q": Text("", "\x1b[2J" + "x" * 900)}, {"d": Text("a\u202etitle", "and\ntext")}
    sample = Sample(queries=texts[0], documents=texts[1], labels=labels)
    [example] = examples_of(sample, measured_with({"q": None}), measured_with({"q": 1}))
    assert example.text.startswith("\\x1b[2Jx")
    assert (example.text.isprintable(), len(example.text), example.text[-1]) == (True, 200, "…")
    assert (example.document, example.found) == ("d", "a\\u202etitle and\\ntext")


def test_a_text_of_escapes_is_no_longer_than_another():
    sample = Sample(queries={"q": Text("", "\0" * 900)}, documents={"d": Text("", "d")}, labels={"q": {"d": 1}})
    [example] = examples_of(sample, measured_with({"q": None}), measured_with({"q": 1}))
    assert len(example.text) == 200
