"""What the service offers stands in one catalogue, which an operator can correct; the operator's machines must fit it."""

from datetime import date

import pytest
from support.runs import validated

from dropforge.domain.catalogue import CATALOGUE, BaseModel
from dropforge.domain.corrections import Corrections, ModelCorrection, corrected
from dropforge.domain.errors import Misconfigured
from dropforge.domain.findings import Findings
from dropforge.domain.jobs import Machines, order_for
from dropforge.domain.machines import problems_of_machines, problems_of_serving, problems_of_training
from dropforge.domain.rules import Severity
from dropforge.domain.tuning import Tuning, resolve
from dropforge.settings import Operator, ServingMachines, operator

TODAY = date(2026, 11, 23)
NEW = "{template: v1.1.4, dimensions: 1024, retires: 2029-01-31, tasks: [DEFAULT, CLUSTERING]}"


@pytest.fixture
def written(tmp_path):
    """The operator's file as it is read."""

    def write(text):
        path = tmp_path / "dropforge.yaml"
        path.write_text(text)
        return operator({"DROPFORGE_CONFIG": str(path)})

    return write


def resolved(text, allowed, today=TODAY):
    findings = Findings()
    return resolve(text, allowed.bounds, today, findings), findings.report()


def order(catalogue=CATALOGUE, **tuning):
    machines = Machines()
    run = validated(**tuning)
    return order_for(run, data="gs://x/", project="p", location="us-west1", machines=machines, catalogue=catalogue)


# What is known


def test_a_successor_is_a_model_that_lives_longer():
    models = CATALOGUE.base_models
    with_successor = [model for model in models.values() if model.successor]
    assert with_successor
    assert all(models[model.successor].retires >= model.retires for model in with_successor)


@pytest.mark.parametrize(
    ("retires", "closes"),
    [
        (date(2027, 4, 1), date(2027, 3, 1)),
        (date(2029, 1, 31), date(2028, 12, 31)),
        (date(2029, 3, 31), date(2029, 2, 28)),
        (date(2028, 3, 29), date(2028, 2, 29)),
    ],
)
def test_no_new_tuning_is_taken_from_a_month_before_a_model_retires(retires, closes):
    model = BaseModel("m", "v1.1.4", 768, retires, "", frozenset({"DEFAULT"}))
    assert model.closes == closes


@pytest.mark.parametrize("model", CATALOGUE.base_models.values(), ids=lambda model: model.id)
def test_an_order_has_only_parameters_that_the_template_takes(model):
    family = CATALOGUE.family_of(model)
    parameters = order(base_model=model.id).parameters.keys()
    assert parameters <= family.parameters
    assert family.steps_parameter in parameters
    assert family.parameters - parameters <= {"output_dimensionality"}


def test_a_model_that_was_taken_out_of_the_catalogue_is_told():
    with pytest.raises(Misconfigured, match="text-embedding-006 is in no catalogue: enter it under"):
        order(base_model="text-embedding-006")


# What an operator corrects


def test_without_corrections_the_catalogue_is_as_it_comes(written):
    assert written("").catalogue == Operator().catalogue == CATALOGUE
    assert written("catalogue: {}").catalogue == CATALOGUE


def test_a_correction_of_a_model_keeps_the_rest(written):
    text = "catalogue: {base_models: {text-embedding-005: {retires: 2028-04-01, successor: text-embedding-006}}}"
    known, model = (
        CATALOGUE.base_models["text-embedding-005"],
        written(text).catalogue.base_models["text-embedding-005"],
    )
    assert (model.retires, model.closes, model.successor) == (date(2028, 4, 1), date(2028, 3, 1), "text-embedding-006")
    assert (model.tasks, model.template, model.dimensions) == (known.tasks, known.template, known.dimensions)


def test_a_model_is_closed_on_the_day_that_an_operator_knows(written):
    text = "catalogue: {base_models: {text-embedding-005: {closed_from: 2026-11-23}}}"
    _, report = resolved(None, written(text))
    assert [finding.code for finding in report.findings] == ["tuning-closed-model"]


def test_a_new_model_is_tuned_as_the_operator_says(written):
    allowed = written(
        f"catalogue: {{base_models: {{text-embedding-006: {NEW}}}}}\ntuning: {{base_model: text-embedding-006}}"
    )
    tuning, report = resolved(b"output_dimensionality: 1024\ntask_type: CLUSTERING", allowed)
    assert report.findings == ()
    placed = order(allowed.catalogue, **tuning.as_mapping())
    assert placed.template.endswith("/v1.1.4")
    assert placed.parameters["output_dimensionality"] == 1024
    _, report = resolved(b"task_type: RETRIEVAL_QUERY", allowed)
    assert [finding.code for finding in report.findings] == ["tuning-task-not-for-model"]


def test_a_new_template_takes_what_a_known_one_takes(written):
    known = written(
        "catalogue: {templates: {v1.1.9: v1.1.1}, base_models: {text-embedding-005: {template: v1.1.9}}}"
    ).catalogue
    placed = order(known)
    assert placed.template.endswith("/v1.1.9")
    assert placed.parameters["iterations"] == 1000


def test_regions_accelerators_machines_and_quotas_can_be_entered(written):
    known = written(
        """
        catalogue:
          regions: [us-south1]
          training_accelerators: [NVIDIA_H100_80GB]
          machines:
            a3-highgpu-8g: {NVIDIA_H100_80GB: [8]}
            n1-standard-16: {NVIDIA_TESLA_V100: [1, 2, 4, 8]}
          serving_quotas: {NVIDIA_TESLA_A100: {us-south1: 2, us-central1: 0}, NVIDIA_L4: {us-south1: 1}}
        """
    ).catalogue
    assert known.regions == CATALOGUE.regions | {"us-south1"}
    assert (
        problems_of_machines(known, "us-south1", Machines("a3-highgpu-8g", "NVIDIA_H100_80GB", 8), ServingMachines())
        == []
    )
    assert problems_of_training(known, "us-south1", Machines(accelerator_count=1)) == []
    assert problems_of_training(known, "us-south1", Machines("n1-standard-16", "NVIDIA_TESLA_T4", 4)) == []
    assert "on 0 NVIDIA_TESLA_A100" in problems_of_serving(known, "us-central1", ServingMachines())[0]
    assert (
        "on 0 NVIDIA_L4" in problems_of_serving(known, "us-east4", ServingMachines("g2-standard-4", "NVIDIA_L4", 1))[0]
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("catalog: {}", "catalog is no setting; did you mean catalogue?"),
        ("catalogue: [us-south1]", "catalogue: Expected `object`, got `array`"),
        ("catalogue: {region: [us-south1]}", "region is no setting; did you mean regions?"),
        ("catalogue: {regions: us-south1}", "catalogue: Expected `array`, got `str`"),
        ("catalogue: {regions: [US South]}", "catalogue.regions: 'US South' is no region: write it as in us-central1"),
        ("catalogue: {training_accelerators: [h100]}", "'h100' is no accelerator: write it as in NVIDIA_L4"),
        ("catalogue: {templates: {latest: v1.1.4}}", "'latest' is no template: write it as in v1.1.4"),
        ("catalogue: {templates: {v1.1.9: v1.1.8}}", "v1.1.9 is 'v1.1.8': name the one of v1.1.1, v1.1.2, v1.1.3, v1.1.4"),
        ("catalogue: {base_models: {text-embedding-005: 5}}", "catalogue.base_models.text-embedding-005: Expected `object`"),
        ("catalogue: {base_models: {text-embedding-005: {retire: 2028-01-01}}}", "retire is no setting; did you mean retires?"),
        ("catalogue: {base_models: {text-embedding-005: {retires: soon}}}", "text-embedding-005: Invalid RFC3339 encoded date - at `$.retires`: a date is written as in 2027-04-01"),
        ("catalogue: {base_models: {text-embedding-005: {retires: 2028-13-01}}}", "month must be in 1..12"),
        ("catalogue: {base_models: {text-embedding-005: {template: v2}}}", "template is 'v2', but must be one of v1.1.1"),
        ("catalogue: {base_models: {text-embedding-005: {dimensions: 0}}}", "dimensions is 0, but must be from 1"),
        ("catalogue: {base_models: {text-embedding-005: {tasks: []}}}", "tasks is empty: name the task types"),
        ("catalogue: {base_models: {text-embedding-005: {tasks: [clustering]}}}", "'clustering' is no task type"),
        ("catalogue: {base_models: {text-embedding-005: {closed_from: 2027-04-02}}}", "closed_from is 2027-04-02, but must not be after 2027-04-01"),
        ("catalogue: {base_models: {text-embedding-05: {retires: 2028-01-01}}}", "text-embedding-05 is a new model, which needs template, dimensions, tasks as well; did you mean text-embedding-005?"),
        (f"catalogue: {{base_models: {{Text Embedding: {NEW}}}}}", "'Text Embedding' is no base model"),
        ("catalogue: {machines: {big machine: {NVIDIA_L4: [1]}}}", "'big machine' is no machine type"),
        ("catalogue: {machines: {g2-standard-4: {L-4: [1]}}}", "catalogue.machines.g2-standard-4: 'L-4' is no accelerator"),
        ("catalogue: {machines: {g2-standard-4: {NVIDIA_L4: [0]}}}", "g2-standard-4.NVIDIA_L4 must be counts from 1"),
        ("catalogue: {serving_quotas: {NVIDIA_L4: {us-west: 1}}}", "catalogue.serving_quotas.NVIDIA_L4: 'us-west' is no region"),
        ("catalogue: {serving_quotas: {l4: {us-west1: 1}}}", "'l4' is no accelerator"),
        ("catalogue: {serving_quotas: {NVIDIA_L4: {us-west1: -1}}}", "NVIDIA_L4.us-west1 is -1, but must be 0 or more"),
        ("allowed_retired: [textembedding-gecko@02]", "names textembedding-gecko@02, which is no model of the catalogue; did you mean textembedding-gecko@002?"),
    ],
)  # fmt: skip
def test_a_correction_that_cannot_be_is_told(written, text, told):
    with pytest.raises(Misconfigured) as caught:
        written(text)
    assert told in str(caught.value)
    assert "dropforge.yaml, which DROPFORGE_CONFIG names, cannot be used" in str(caught.value)


# The operator's machines


def test_what_comes_by_default_fits_where_it_comes_by_default():
    assert problems_of_machines(CATALOGUE, "us-central1", Machines(), ServingMachines()) == []


@pytest.mark.parametrize(
    ("location", "machines", "told"),
    [
        ("us-west2", Machines(), "DROPFORGE_LOCATION is us-west2, where no embedding model is tuned; did you mean us-west4? Use one of asia-northeast1, "),
        ("me-west1", Machines(), "enter it under catalogue.regions"),
        ("us-west1", Machines("a3-highgpu-8g", "NVIDIA_H100_80GB", 8), "training.accelerator_type is NVIDIA_H100_80GB, which tuning does not run on"),
        ("us-west1", Machines("g2-standard-12", "nvidia-l4", 1), "nvidia-l4, which tuning does not run on. Use one of NVIDIA_L4, "),
        ("us-west1", Machines("n1-standard-16", "", 0), "training.accelerator_type is empty"),
        ("us-west1", Machines("n1-standard-16", "NVIDIA_TESLA_V100", 1), "n1-standard-16 does not take 1 NVIDIA_TESLA_V100. It takes 2, 4 or 8: change training.accelerator_count"),
        ("us-west1", Machines("n1-standard-16", "NVIDIA_TESLA_V100", 3), "does not take 3 NVIDIA_TESLA_V100"),
        ("us-west1", Machines("n1-highmem-8", "NVIDIA_TESLA_T4", 8), "does not take 8 NVIDIA_TESLA_T4. It takes 1, 2 or 4"),
        ("us-west1", Machines("n1-standard-32", "NVIDIA_TESLA_P100", 1), "does not take 1 NVIDIA_TESLA_P100. It takes 2 or 4"),
        ("us-west1", Machines("n1-standard-16", "NVIDIA_L4", 1), "training: a machine of type n1-standard-16 has no NVIDIA_L4. It takes NVIDIA_TESLA_T4, NVIDIA_TESLA_V100 or NVIDIA_TESLA_P100; NVIDIA_L4 goes with g2-standard-4, g2-standard-8, g2-standard-12 and 5 others."),
        ("us-west1", Machines("n1-standard-16", "NVIDIA_TESLA_A100", 1), "NVIDIA_TESLA_A100 goes with a2-highgpu-1g, a2-highgpu-2g, a2-highgpu-4g or a2-highgpu-8g. Change training.machine_type"),
        ("us-west1", Machines("g2-standard-12", "NVIDIA_TESLA_T4", 1), "g2-standard-12 has no NVIDIA_TESLA_T4. It takes NVIDIA_L4"),
        ("us-west1", Machines("g2-standard-24", "NVIDIA_L4", 1), "g2-standard-24 does not take 1 NVIDIA_L4. It takes 2"),
        ("us-west1", Machines("a2-highgpu-2g", "NVIDIA_TESLA_A100", 1), "a2-highgpu-2g does not take 1 NVIDIA_TESLA_A100. It takes 2"),
        ("us-west1", Machines("a2-highgpu-1g", "NVIDIA_TESLA_A100", 0), "training.accelerator_count is 0: give it 1 or more"),
    ],
)  # fmt: skip
def test_what_training_would_be_refused_for_is_told(location, machines, told):
    [problem] = problems_of_training(CATALOGUE, location, machines)
    assert told in problem
    assert problems_of_machines(CATALOGUE, location, machines, ServingMachines("g2-standard-4", "NVIDIA_L4", 1)) == [
        problem
    ]


@pytest.mark.parametrize(
    ("location", "machines", "told"),
    [
        ("us-west1", ServingMachines(), "in us-west1 a project may serve on 0 NVIDIA_TESLA_A100, and 1 are wanted"),
        ("us-west1", ServingMachines(), "There are as many in asia-northeast1, asia-northeast3, asia-southeast1, europe-west4 or us-central1."),
        ("us-west1", ServingMachines(), "Choose a smaller one on purpose, in dropforge.yaml: serving: {machine_type: g2-standard-12, accelerator_type: NVIDIA_L4, accelerator_count: 1} or serving: {machine_type: n1-standard-16, accelerator_type: NVIDIA_TESLA_T4, accelerator_count: 1};"),
        ("me-west1", ServingMachines("a2-highgpu-2g", "NVIDIA_TESLA_A100", 2), "may serve on 1 NVIDIA_TESLA_A100, and 2 are wanted. There are as many in asia-northeast1"),
        ("us-west1", ServingMachines("g2-standard-12", "NVIDIA_TESLA_T4", 1), "serving: a machine of type g2-standard-12 has no NVIDIA_TESLA_T4"),
        ("us-west1", ServingMachines("n1-standard-16", "NVIDIA_TESLA_V100", 1), "It takes 2, 4 or 8: change serving.accelerator_count"),
        ("us-west1", ServingMachines("g2-standard-24", "NVIDIA_L4", 3), "does not take 3 NVIDIA_L4. It takes 2"),
        ("us-central1", ServingMachines("a2-highgpu-1g", "", 0), "serving.accelerator_type is empty: name one that goes with a2-highgpu-1g."),
    ],
)  # fmt: skip
def test_what_serving_would_be_refused_for_is_told(location, machines, told):
    [problem] = problems_of_serving(CATALOGUE, location, machines)
    assert told in problem


@pytest.mark.parametrize(
    "machines",
    [
        ServingMachines("g2-standard-12", "NVIDIA_L4", 1),
        ServingMachines("n1-standard-16", "NVIDIA_TESLA_T4", 1),
        ServingMachines("n1-standard-16", "", 0),
        ServingMachines("g2-standard-24", "NVIDIA_L4", 1),  # it shares the machine
        ServingMachines("a4-highgpu-8g", "NVIDIA_B200", 8),  # not known, not doubted
        ServingMachines("a2-ultragpu-1g", "NVIDIA_A100_80GB", 1),
    ],
)
def test_what_may_serve_is_not_refused(machines):
    assert problems_of_serving(CATALOGUE, "us-west1", machines) == []


def test_where_nothing_smaller_may_serve_it_is_not_named(written):
    none = "{us-west1: 0}"
    known = written(f"catalogue: {{serving_quotas: {{NVIDIA_L4: {none}, NVIDIA_TESLA_T4: {none}}}}}").catalogue
    [problem] = problems_of_serving(known, "us-west1", ServingMachines())
    assert "us-central1. If Google gave the project a larger quota, enter it" in problem


@pytest.mark.parametrize("machines", ["g2-standard-12", "n1-standard-16"])
def test_the_way_out_that_is_named_is_one(written, machines):
    """Given no quota for A100s, expect what the sentence says to write to be what may serve there."""
    [problem] = problems_of_serving(CATALOGUE, "us-west1", ServingMachines())
    named = problem.split("dropforge.yaml: ")[1].split(";")[0].split(" or ")
    [line] = [line for line in named if machines in line]
    assert problems_of_serving(CATALOGUE, "us-west1", written(line).serving) == []


# The first request that was ever published


def test_the_first_model_can_be_ordered_as_it_was_when_the_operator_allows_it(written):
    allowed = written("allowed_retired: [textembedding-gecko@002]")
    tuning, report = resolved(b"base_model: textembedding-gecko@002\nbatch_size: 50\ntrain_steps: 300", allowed)

    [finding] = report.findings
    assert (report.verdict, finding.severity) == ("accepted", Severity.WARNING)
    assert finding.message == "textembedding-gecko@002 was retired on 2025-04-21; the operator allows it"
    placed = order(allowed.catalogue, **tuning.as_mapping())
    assert placed.template.endswith("/tune-text-embedding-model/v1.1.1")
    asked = {
        "project": "p",
        "location": "us-west1",
        "base_model_version_id": "textembedding-gecko@002",
        "iterations": 300,
        "batch_size": 50,
    }
    assert {name: placed.parameters[name] for name in asked} == asked
    assert "train_steps" not in placed.parameters


def test_a_correction_is_of_a_copy():
    before = dict(CATALOGUE.base_models)
    changed = corrected(CATALOGUE, Corrections(base_models={"text-embedding-004": ModelCorrection(dimensions=5)}))
    assert changed.base_models["text-embedding-004"].dimensions == 5
    assert CATALOGUE.base_models == before
    assert Operator(tuning=Tuning()).bounds.catalogue == CATALOGUE
