"""A sample follows from the ids and the seed alone, keeps what is relevant, and is all that is kept."""

import json
import random
import tracemalloc
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data import dataset, labels, lines
from support.repeating import said_whatever_the_hashes

from dropforge.domain.content import Text
from dropforge.domain.errors import Unreadable
from dropforge.domain.sampling import sample_of

HEADER, *ROWS = labels(
    [(f"q{n}", f"d{(n * 7 + k) % 60}", 1 + k) for n in range(40) for k in range(n % 4 + 1)]
).splitlines(True)
CORPUS = lines([{"_id": f"d{n}", "title": f"t{n}", "text": f"document {n}"} for n in range(60)]).splitlines(True)
QUERIES = lines([{"_id": f"q{n}", "text": f"query {n}"} for n in range(50)]).splitlines(True)


def sampled(rows=ROWS, queries=QUERIES, corpus=CORPUS, most_queries=10, most_documents=40, seed=0):
    bounds = {"most_queries": most_queries, "most_documents": most_documents, "seed": seed}
    return sample_of([HEADER, *rows], queries, corpus, **bounds)


def judged(rows, seed=0):
    bounds = {"most_queries": 5, "most_documents": 9, "seed": seed}
    return sample_of(labels(rows).splitlines(True), QUERIES, CORPUS, **bounds).labels


@given(chance=st.randoms(use_true_random=False), most_queries=st.integers(1, 50), most_documents=st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_files_does_not_matter(chance, most_queries, most_documents):
    bounds = {"most_queries": most_queries, "most_documents": most_documents}
    shuffled = [chance.sample(rows, len(rows)) for rows in (ROWS, QUERIES, CORPUS)]
    one, other = sampled(**bounds), sampled(*shuffled, **bounds)
    assert one == other
    for name in ("queries", "documents", "labels"):
        assert list(getattr(one, name)) == sorted(getattr(other, name)), "in the order of ids, too"


@given(most_queries=st.integers(1, 50), most_documents=st.integers(1, 70), seed=st.integers(0, 2**64 - 1))
@settings(max_examples=60, deadline=None)
def test_a_sample_is_whole_and_no_larger_than_asked(most_queries, most_documents, seed):
    sample = sampled(most_queries=most_queries, most_documents=most_documents, seed=seed)
    assert len(sample.queries) <= most_queries
    assert len(sample.documents) == min(most_documents, len(CORPUS))
    assert sample.labels.keys() == sample.queries.keys()
    whole = sampled(most_queries=50, most_documents=60)
    for query, scores in sample.labels.items():
        assert scores == whole.labels[query]
        assert scores.keys() <= sample.documents.keys()


def test_a_sample_of_all_is_all():
    sample = sampled(most_queries=50, most_documents=60)
    assert (len(sample.queries), len(sample.documents)) == (40, 60)
    assert sample.queries["q3"] == Text("", "query 3")
    assert sample.documents["d3"] == Text("t3", "document 3")


def test_a_larger_sample_holds_the_smaller_one():
    small, large = sampled(most_queries=5), sampled(most_queries=15)
    assert small.queries.keys() < large.queries.keys()


def test_another_seed_gives_another_sample():
    assert sampled(seed=0) != sampled(seed=1)


def test_every_query_has_the_same_chance():
    taken = [query for seed in range(400) for query in sampled(seed=seed).queries]
    often = [taken.count(f"q{n}") for n in range(40)]
    assert sum(often) == 400 * 10
    assert 60 < min(often) <= max(often) < 145, "100 each, of a standard deviation of 9"


def test_where_relevant_documents_are_too_many_there_are_fewer_queries():
    rows = [(f"q{n}", f"d{n * 4 + k}", 1) for n in range(5) for k in range(4)]
    assert [len(scores) for scores in judged(rows).values()] == [4, 4]


@pytest.mark.parametrize("seed", range(5))
def test_a_query_with_more_relevant_documents_than_a_sample_takes_is_left_out(seed):
    rows = [("q0", f"d{n}", 1) for n in range(40)] + [(f"q{n}", "d1", 1) for n in range(1, 5)]
    assert judged(rows, seed) == {f"q{n}": {"d1": 1} for n in range(1, 5)}
    assert judged(rows[::-1], seed) == judged(rows, seed)


def test_a_score_of_zero_is_no_label_and_of_a_label_told_twice_the_higher_score_counts():
    rows = [("q0", "d0", 0), ("q1", "d1", 1), ("q1", "d1", 3), ("q1", "d1", 2), ("q1", "d2", 0)]
    assert judged(rows) == {"q1": {"d1": 3}}


def test_a_score_left_out_is_one():
    sample = sample_of([HEADER, b"q0\td0\n"], QUERIES, CORPUS, most_queries=5, most_documents=9, seed=0)
    assert sample.labels == {"q0": {"d0": 1}}


@pytest.mark.parametrize(("row", "told"), [("q0\tgone\n", 'document "gone"'), ("g\x1b\td0\n", r'query "g\x1b"')])
def test_a_label_of_what_is_not_there_is_told(row, told):
    with pytest.raises(Unreadable, match="validate it anew") as caught:
        sampled(rows=[row.encode()])
    assert told in str(caught.value)


def test_the_sample_is_the_same_in_every_process():
    files = {name: content.decode() for name, content in dataset(queries=400, documents=200).items()}
    program = (
        "import json, sys; from dropforge.domain.sampling import sample_of; files = json.load(sys.stdin);"
        "names = ('test_label.tsv', 'queries.jsonl', 'corpus.jsonl');"
        "taken = [files[name].encode().splitlines(True) for name in names];"
        "print(sample_of(*taken, most_queries=40, most_documents=90, seed=3))"
    )
    assert "Text(" in said_whatever_the_hashes(program, json.dumps(files))


def test_of_large_files_only_the_sample_is_kept():
    chance = random.Random(1)
    corpus = (b'{"_id": "d%d", "text": "%s"}\n' % (n, chance.randbytes(200).hex().encode()) for n in range(20_000))
    rows = (b"q%d\td%d\t1\n" % (n % 20_000, n % 20_000) for n in range(40_000))
    queries = (b'{"_id": "q%d", "text": "?"}\n' % n for n in range(20_000))
    tracemalloc.start()
    try:
        sample = sample_of(chain([HEADER], rows), queries, corpus, most_queries=50, most_documents=100, seed=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(sample.queries), len(sample.documents)) == (50, 100)
    assert peak < 1_000_000, "the corpus has more than 8 MB, a table of its labels takes more than 5"
