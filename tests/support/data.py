"""Small datasets, made on the spot."""

import json


def lines(records: list[dict[str, object]]) -> bytes:
    """Records as JSON Lines."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def labels(rows: list[tuple[str, str, int]]) -> bytes:
    """Labels as a TSV with its header."""
    return ("query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t{s}\n" for q, d, s in rows)).encode()


def dataset(queries: int = 80, documents: int = 20) -> dict[str, bytes]:
    """A clean dataset: every query has one document; half of the queries train, half test."""
    pairs = [(f"q{number}", f"d{number % documents}", 1 + number % 3) for number in range(queries)]
    return {
        "corpus.jsonl": lines([{"_id": f"d{n}", "title": f"t{n}", "text": f"document {n}"} for n in range(documents)]),
        "queries.jsonl": lines([{"_id": f"q{n}", "text": f"query {n}"} for n in range(queries)]),
        "training_label.tsv": labels(pairs[: queries // 2]),
        "test_label.tsv": labels(pairs[queries // 2 :]),
    }
