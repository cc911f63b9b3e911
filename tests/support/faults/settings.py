"""Faults of tuning.yaml."""

from datetime import date, timedelta

from support.examination import TODAY, Told
from support.faults.fault import Fault

from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.corrections import Corrections, ModelCorrection, corrected
from dropforge.domain.tuning import Tuning
from dropforge.settings import Operator

TUNING = "tuning.yaml"
_ONE = "there is one tuning.yaml"
GECKO = "textembedding-gecko@003"
_LAST = date(2027, 4, 1)  # of those that can be tuned
_CLOSED = date(2027, 3, 1)  # from here on they take no new tuning
_WIDER = corrected(CATALOGUE, Corrections(base_models={"text-embedding-004": ModelCorrection(dimensions=1024)}))
_GATED = Operator(allowed_deploy=frozenset({"unless_worse", "manual"}))
_ALLOWED = Operator(allowed_retired=frozenset({GECKO}))


def _fault(
    name: str,
    text: str | bytes,
    *told: tuple[str, int, int],
    operator: Operator | None = None,
    apart: str = _ONE,
    today: date = TODAY,
) -> Fault:
    data = text if isinstance(text, bytes) else text.encode()
    return Fault(
        name=f"settings: {name}",
        change=lambda files: files | {TUNING: data},
        told=tuple(Told(code, TUNING, line, column) for code, line, column in told),
        operator=operator or Operator(),
        apart=apart,
        today=today,
    )


_UNREADABLE = (
    _fault("too large", b"# a remark\n" * 30_000, ("tuning-unreadable", 0, 0)),
    Fault(
        name="settings: stored with a Content-Encoding",
        change=lambda files: files | {TUNING: b"batch_size: 64\n"},
        told=(Told("tuning-unreadable", TUNING, 0, 0),),
        encoded=frozenset({TUNING}),
        apart=_ONE,
    ),
    _fault("a letter in Latin-1", b"# caf\xe9\nbatch_size: 64\n", ("tuning-not-utf8", 0, 0)),
    _fault("in UTF-16", "batch_size: 64\n".encode("utf-16"), ("tuning-not-utf8", 0, 0)),
    _fault("overlong UTF-8", b"deploy: \xc0\xaf\n", ("tuning-not-utf8", 0, 0)),
)

_NOT_YAML = (
    _fault("two colons", "deploy: always\ntask_type: a: b\n", ("tuning-not-yaml", 2, 13)),
    _fault("a tab before a key", "deploy: always\n\tbatch_size: 64\n", ("tuning-not-yaml", 2, 1)),
    _fault("a tab before a value", "batch_size:\t64\n", ("tuning-not-yaml", 1, 12)),
    _fault("a quote that is not closed", 'deploy: "always\n', ("tuning-not-yaml", 2, 1)),
    _fault("a list that is not closed", "batch_size: [64\n", ("tuning-not-yaml", 2, 1)),
    _fault("an alias of nothing", "batch_size: *other\n", ("tuning-not-yaml", 1, 13)),
    _fault("two documents", "batch_size: 64\n---\nbatch_size: 64\n", ("tuning-not-yaml", 2, 1)),
    _fault("a control character", b"batch_size: 64 # \x00\n", ("tuning-not-yaml", 0, 0)),
    _fault("nested too deeply", "[" * 3_000, ("tuning-not-yaml", 0, 0), apart="it is large"),
    _fault("a key without a value among others", "deploy: always\nbatch_size\n", ("tuning-not-yaml", 3, 1)),
)

_NOT_A_MAPPING = (
    _fault("a list", "- batch_size: 64\n", ("tuning-not-a-mapping", 1, 0)),
    _fault("an equals sign", "batch_size=64\n", ("tuning-not-a-mapping", 1, 0)),
    _fault("no colon", "batch_size 64\n", ("tuning-not-a-mapping", 1, 0)),
    _fault("no space behind the colon", "batch_size:64\n", ("tuning-not-a-mapping", 1, 0)),
    _fault("null", "null\n", ("tuning-not-a-mapping", 1, 0)),
    _fault("JSON's list", "[]\n", ("tuning-not-a-mapping", 1, 0)),
)

_UNKNOWN_KEY = (
    _fault("a slip", "deploy: always\nbatchsize: 64\n", ("tuning-unknown-key", 2, 1)),
    _fault("a capital", "Batch_Size: 64\n", ("tuning-unknown-key", 1, 1)),
    _fault("a dash", "batch-size: 64\n", ("tuning-unknown-key", 1, 1)),
    _fault("a machine, which is the operator's to choose", "machine_type: a2-highgpu-8g\n", ("tuning-unknown-key", 1, 1)),
    _fault("a number for a key", "1: 64\n", ("tuning-unknown-key", 1, 1)),
    _fault("a merge", "<<: {batch_size: 64}\n", ("tuning-unknown-key", 1, 1)),
    _fault("a mapping around all", "tuning:\n  batch_size: 64\n", ("tuning-unknown-key", 1, 1)),
)  # fmt: skip

_DUPLICATE_KEY = (
    _fault("one twice", "batch_size: 64\nbatch_size: 128\n", ("tuning-duplicate-key", 2, 1)),
    _fault("one twice, the same", "deploy: always\n\ndeploy: always\n", ("tuning-duplicate-key", 3, 1)),
    _fault("one twice, once in quotes", 'batch_size: 64\n"batch_size": 128\n', ("tuning-duplicate-key", 2, 1)),
    _fault("one three times", "batch_size: 1\nbatch_size: 2\nbatch_size: 3\n", ("tuning-duplicate-key", 2, 1), ("tuning-duplicate-key", 3, 1)),
    _fault("one twice on one line", "{batch_size: 64, batch_size: 128}\n", ("tuning-duplicate-key", 1, 18)),
)  # fmt: skip

_BAD_VALUE = (
    *(
    _fault(f"{key}: {value}", f"{key}: {value}\n", ("tuning-bad-value", 1, len(key) + 3))
    for key, values in {
        "base_model": ("text-embedding-05", "Text-Embedding-005", "5", "[text-embedding-005]"),
        "task_type": ("retrieval_query", "RETRIEVAL", "true"),
        "batch_size": ("0", "1024", "-1", "64.0", '"64"', "many", "true", "~", "[64]", "{a: 1}", "2026-11-23", "!x 64", ".nan", "6 4"),
        "train_steps": ("30", "1000001", "1e3", "a thousand"),
        "output_dimensionality": ("0", "769", "null", "256.5"),
        "learning_rate_multiplier": ("0", "-1", "100.1", ".nan", ".inf", "x2", "true"),
        "test_labels": ("splits", "File", "no"),
        "deploy": ("yes", "Always", "unless-worse", "2"),
    }.items()
    for value in values
    ),
    _fault("nothing behind the colon", "batch_size:\n", ("tuning-bad-value", 1, 12)),
    _fault("a value on the next line", "deploy: always\nbatch_size:\n  many\n", ("tuning-bad-value", 2, 3)),
    # Test labels are asked for all the same, and are there.
    _fault("two at once", "test_labels: none\ndeploy: maybe\n", ("tuning-bad-value", 1, 14), ("tuning-bad-value", 2, 9)),
)  # fmt: skip

_NOT_ALLOWED = (
    _fault("a deployment past the gate, which the operator forbids", "batch_size: 64\ndeploy: always\n", ("tuning-deploy-not-allowed", 2, 9), operator=_GATED),
    _fault("no deployment, which the operator forbids", "deploy: never\n", ("tuning-deploy-not-allowed", 1, 9), operator=_GATED),
    _fault("a deployment that nobody knows, where some are forbidden", "deploy: perhaps\n", ("tuning-bad-value", 1, 9), operator=_GATED),
)  # fmt: skip

_MODEL = (
    _fault("a model that is retired", f"deploy: always\nbase_model: {GECKO}\n", ("tuning-retired-model", 2, 1)),
    _fault("the operator's model, which is retired", "deploy: always\n", ("tuning-retired-model", 0, 0), operator=Operator(tuning=Tuning(base_model=GECKO))),
    _fault("a model that is retired and allowed", f"base_model: {GECKO}\n", ("tuning-retired-model-allowed", 1, 1), operator=_ALLOWED),
    _fault("a task that the model does not take", "base_model: text-embedding-004\ntask_type: CODE_RETRIEVAL_QUERY\n", ("tuning-task-not-for-model", 2, 1)),
    _fault("a model that does not take the operator's task", "base_model: text-embedding-004\n", ("tuning-task-not-for-model", 1, 1), operator=Operator(tuning=Tuning(task_type="CODE_RETRIEVAL_QUERY"))),
    _fault("a model that is retired today", "base_model: text-embedding-004\n", ("tuning-retired-model", 1, 1), today=_LAST),
    _fault("a model that is retired in 90 days", "base_model: text-embedding-004\n", ("tuning-model-retires-soon", 1, 1), today=_LAST - timedelta(90)),
    _fault("a model that will be closed tomorrow, and that nobody asked for", "", ("tuning-model-retires-soon", 0, 0), today=_CLOSED - timedelta(1)),
    _fault("a model that is closed from today on", "base_model: text-embedding-004\n", ("tuning-closed-model", 1, 1), today=_CLOSED),
    _fault("a model that is retired tomorrow, and that nobody asked for", "", ("tuning-closed-model", 0, 0), today=_LAST - timedelta(1)),
    _fault("a model that is closed and allowed", "deploy: always\nbase_model: text-embedding-004\n", ("tuning-closed-model-allowed", 2, 1), operator=Operator(allowed_retired=frozenset({"text-embedding-004"})), today=_CLOSED),
    _fault("vectors that are longer than the model's, though another one has as many", "output_dimensionality: 1024\n", ("tuning-bad-value", 1, 1), operator=Operator(catalogue=_WIDER)),
    # That the model is retired is told as well.
    _fault(
        "a length of vectors that the model does not take",
        f"base_model: {GECKO}\noutput_dimensionality: 256\n",
        ("tuning-retired-model-allowed", 1, 1),
        ("tuning-key-not-for-model", 2, 1),
        operator=_ALLOWED,
    ),
    _fault(
        "two that the model does not take",
        f"base_model: {GECKO}\nlearning_rate_multiplier: 2\noutput_dimensionality: 256\n",
        ("tuning-retired-model-allowed", 1, 1),
        ("tuning-key-not-for-model", 2, 1),
        ("tuning-key-not-for-model", 3, 1),
        operator=_ALLOWED,
    ),
)  # fmt: skip

_TOGETHER = (
    _fault(
        "one fault of each kind",
        "batch_size: 64\nbatchsize: 64\nbatch_size: 65\ndeploy: maybe\nbase_model: text-embedding-004\ntask_type: CODE_RETRIEVAL_QUERY\n",
        ("tuning-unknown-key", 2, 1),
        ("tuning-duplicate-key", 3, 1),
        ("tuning-bad-value", 4, 9),
        ("tuning-task-not-for-model", 6, 1),
        apart="",
    ),
)

FAULTS = (
    *_UNREADABLE,
    *_NOT_YAML,
    *_NOT_A_MAPPING,
    *_UNKNOWN_KEY,
    *_DUPLICATE_KEY,
    *_BAD_VALUE,
    *_NOT_ALLOWED,
    *_MODEL,
    *_TOGETHER,
)
