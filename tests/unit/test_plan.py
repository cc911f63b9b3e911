"""An estimate follows from configuration, rows and the operator's figures; caps say what there is room for."""

from dataclasses import replace

import pytest

from dropforge import wire
from dropforge.domain.caps import Caps, Over, Reserved, decide
from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.errors import Misconfigured
from dropforge.domain.jobs import Machines
from dropforge.domain.plan import ASSUMED_PAIRS_PER_SECOND, Estimate, Pace, Prices, advice_on, estimate
from dropforge.domain.tuning import Tuning
from dropforge.settings import ServingMachines, operator

TABLE = Prices(
    currency="USD",
    hourly={"n1-standard-16": 1.0, "NVIDIA_TESLA_V100": 2.5, "a2-highgpu-1g": 4.25, "NVIDIA_TESLA_A100": 0},
)


ASSUMED, TRAINING, SERVING = Pace(), Machines(), ServingMachines()


def estimated(rows=1_000, prices=TABLE, pace=ASSUMED, machines=TRAINING, serving=SERVING, **tuning):
    return estimate(Tuning(**tuning), {"training_label.tsv": rows}, machines, serving, pace, prices)


# Hours


def test_hours_are_overhead_and_pairs_by_the_accelerators_pace():
    """1,000 steps of 144 pairs at 20 pairs a second on each of 4 accelerators take 30 minutes, and so does the rest."""
    plain = estimated(batch_size=144)
    assert (plain.machine_hours, plain.accelerator_hours) == (1.0, 4.0)
    assert (plain.examples, plain.steps, plain.batch_size, plain.epochs) == (1_000, 1_000, 144, 144.0)
    assert (plain.machine_type, plain.accelerator_type, plain.accelerator_count) == (
        "n1-standard-16",
        "NVIDIA_TESLA_V100",
        4,
    )


def test_the_operators_figures_go_before_what_is_assumed():
    pace = Pace(overhead_minutes=6, pairs_per_second={"NVIDIA_L4": 100})
    ours = Machines("g2-standard-12", "NVIDIA_L4", 1)
    calibrated = estimated(pace=pace, machines=ours, batch_size=360)
    assert (calibrated.machine_hours, calibrated.accelerator_hours) == (1.1, 1.1)
    assert "100 pairs a second on each NVIDIA_L4 (by the operator's figure), and 6 minutes" in calibrated.assumed
    assert "20 pairs a second on each NVIDIA_TESLA_V100 (an assumption to be" in estimated(pace=pace).assumed


def test_every_accelerator_that_vertex_tunes_on_has_a_pace():
    assert set(ASSUMED_PAIRS_PER_SECOND) == CATALOGUE.training_accelerators


def test_an_accelerator_of_which_nothing_is_known_is_asked_about():
    with pytest.raises(
        Misconfigured, match=r"how fast NVIDIA_H100 trains: give plan\.pairs_per_second a figure for it"
    ):
        estimated(machines=Machines("a3-highgpu-8g", "NVIDIA_H100", 8))


def test_without_examples_there_are_no_epochs():
    assert estimated(rows=0).epochs == 0
    assert estimate(Tuning(), {}, Machines(), ServingMachines(), Pace(), TABLE).examples == 0


# Prices


def test_the_price_is_the_machines_and_that_of_each_accelerator():
    priced = estimated(batch_size=144)
    assert (priced.price, priced.currency, priced.unpriced) == (11.0, "USD", "")


def test_an_endpoints_price_is_of_an_hour():
    assert estimated().serving_price_per_hour == 4.25  # its accelerator is in the machine's price
    two = replace(TABLE, hourly=TABLE.hourly | {"NVIDIA_TESLA_A100": 0.5})
    assert (
        estimated(prices=two, serving=ServingMachines("a2-highgpu-1g", "NVIDIA_TESLA_A100", 2)).serving_price_per_hour
        == 5.25
    )
    assert estimated(serving=ServingMachines("n1-standard-16", "", 0)).serving_price_per_hour == 1.0


@pytest.mark.parametrize(
    ("hourly", "unpriced", "serving"),
    [
        (
            {},
            (
                "there is no price table: give dropforge.yaml one under prices.hourly (docs/costs.md has a table to copy; "
                "DROPFORGE_CONFIG names the file)"
            ),
            "there is no price table",
        ),
        (
            {"n1-standard-16": 1},
            "prices.hourly has no entry for NVIDIA_TESLA_V100",
            "a2-highgpu-1g and NVIDIA_TESLA_A100",
        ),
        (
            {"NVIDIA_TESLA_V100": 1},
            "prices.hourly has no entry for n1-standard-16",
            "a2-highgpu-1g and NVIDIA_TESLA_A100",
        ),
    ],
)
def test_what_the_table_lacks_is_said(hourly, unpriced, serving):
    lacking = estimated(prices=Prices(currency="USD", hourly=hourly))
    assert (lacking.price, lacking.unpriced) == (None, unpriced)
    assert lacking.serving_price_per_hour is None
    assert serving in lacking.serving_unpriced


def test_an_estimate_comes_back_from_a_record_as_it_was():
    for one in (estimated(), estimated(prices=Prices())):
        assert wire.decode(wire.encode(one), Estimate, "the estimate") == one


# Advice


def test_few_epochs_say_how_many_steps_go_through_all_examples():
    assert advice_on(estimated(rows=256_000)) == (
        "Only 50% of the examples are trained on: train_steps: 2000 goes through all of them once."
    )


def test_many_epochs_say_with_how_few_steps_there_are_less():
    assert advice_on(estimated(rows=2_310)).endswith("train_steps: 181 makes it 10 times, and costs less.")
    assert "train_steps: 31, the least that Vertex takes, makes it 441 times" in advice_on(estimated(rows=9))


@pytest.mark.parametrize("rows", [0, 128_000, 12_800, 2_560])
def test_else_there_is_nothing_to_advise(rows):
    assert advice_on(estimated(rows=rows)) == ""


# Caps

FOUR_HOURS = estimated(batch_size=144)  # 4 accelerator hours, 11 USD


def test_without_caps_there_is_room_for_anything():
    assert decide(FOUR_HOURS, Caps(), Reserved(accelerator_hours=1e6, price=1e6, jobs=1_000)) is None


@pytest.mark.parametrize(
    ("caps", "reserved"),
    [
        (Caps(run_accelerator_hours=4), Reserved()),
        (Caps(run_price=11), Reserved()),
        (Caps(day_accelerator_hours=10), Reserved(accelerator_hours=6)),
        (Caps(day_accelerator_hours=4.3), Reserved(accelerator_hours=0.1 + 0.2)),  # 4.300000000000001
        (Caps(day_price=22), Reserved(price=11)),
        (Caps(jobs_in_flight=5), Reserved(jobs=4)),
    ],
)
def test_what_comes_to_the_cap_has_room(caps, reserved):
    assert decide(FOUR_HOURS, caps, reserved) is None


@pytest.mark.parametrize(
    ("caps", "reserved", "over", "sentence"),
    [
        (
            Caps(run_accelerator_hours=3.5),
            Reserved(accelerator_hours=9),
            ("run_accelerator_hours", 4.0, 0, 3.5, "accelerator hours", False),
            "the run is estimated at 4 accelerator hours, over run_accelerator_hours of 3.5 by itself",
        ),
        (
            Caps(run_price=10.99),
            Reserved(),
            ("run_price", 11.0, 0, 10.99, "USD", False),
            "the run is estimated at 11 USD, over run_price of 10.99 by itself",
        ),
        (
            Caps(day_accelerator_hours=10),
            Reserved(accelerator_hours=6.5),
            ("day_accelerator_hours", 4.0, 6.5, 10, "accelerator hours", True),
            "the run is estimated at 4 accelerator hours; with 6.5 already reserved, that is over day_accelerator_hours of 10",
        ),
        (
            Caps(day_price=1_000),
            Reserved(price=990),
            ("day_price", 11.0, 990, 1_000, "USD", True),
            "the run is estimated at 11 USD; with 990 already reserved, that is over day_price of 1,000",
        ),
        (
            Caps(jobs_in_flight=5),
            Reserved(jobs=5),
            ("jobs_in_flight", 1, 5, 5, "jobs", True),
            "5 jobs are in flight, and jobs_in_flight is 5",
        ),
    ],
)
def test_a_cap_that_leaves_no_room_is_named_with_its_figures(caps, reserved, over, sentence):
    told = decide(FOUR_HOURS, caps, reserved)
    assert told == Over(**dict(zip(("cap", "estimate", "reserved", "limit", "unit", "waits"), over, strict=True)))
    assert told.sentence == sentence


def test_a_run_that_is_over_a_whole_days_cap_does_not_wait_for_ever():
    told = decide(FOUR_HOURS, Caps(day_accelerator_hours=3, jobs_in_flight=1), Reserved(jobs=1))
    assert (told.cap, told.waits) == ("day_accelerator_hours", False)
    assert told.sentence.endswith("over day_accelerator_hours of 3 by itself")


def test_what_refuses_a_run_is_told_before_what_lets_it_wait():
    caps = Caps(run_price=5, day_accelerator_hours=10, jobs_in_flight=1)
    assert decide(FOUR_HOURS, caps, Reserved(accelerator_hours=8, jobs=1)).cap == "run_price"


@pytest.mark.parametrize("caps", [Caps(run_price=5), Caps(day_price=5)])
def test_a_cap_on_a_price_that_is_not_known_is_never_without_effect(caps):
    with pytest.raises(Misconfigured, match="cannot be checked: there is no price table"):
        decide(estimated(prices=Prices()), caps, Reserved())


# The operator's file


def configured(tmp_path, text):
    path = tmp_path / "dropforge.yaml"
    path.write_text(text)
    return operator({"DROPFORGE_CONFIG": str(path)})


def test_the_operators_file_sets_prices_pace_and_caps(tmp_path):
    ours = configured(
        tmp_path,
        "prices: {currency: USD, hourly: {n1-standard-16: 1, NVIDIA_TESLA_V100: 2.5}}\n"
        "plan: {overhead_minutes: 12, pairs_per_second: {NVIDIA_TESLA_V100: 33}}\n"
        "caps: {run_accelerator_hours: 8, run_price: 40, day_price: 100, jobs_in_flight: 3}\n",
    )
    assert ours.prices == Prices(currency="USD", hourly={"n1-standard-16": 1, "NVIDIA_TESLA_V100": 2.5})
    assert ours.plan == Pace(overhead_minutes=12, pairs_per_second={"NVIDIA_TESLA_V100": 33})
    assert ours.caps == Caps(run_accelerator_hours=8, run_price=40, day_price=100, jobs_in_flight=3)


def test_a_new_accelerator_comes_with_its_pace(tmp_path):
    text = "training: {accelerator_type: NVIDIA_H100_80GB}\nplan: {pairs_per_second: {NVIDIA_H100_80GB: 150}}\n"
    assert configured(tmp_path, text).plan.of("NVIDIA_H100_80GB") == 150


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prices: {hourly: {n1-standard-16: 1}}", "prices.currency is missing: say in what currency"),
        ("prices: {currency: USD, hourly: {n1-standard-16: -1}}", "prices.hourly.n1-standard-16 is -1.0, but takes"),
        ("prices: {currency: USD, hourly: {n1-standard-16: .nan}}", "prices.hourly.n1-standard-16 is nan, but takes"),
        ("prices: {currency: USD, hourly: {n1-standard-16: cheap}}", "prices.hourly"),
        ("prices: {hourli: {}}", "hourli is no setting; did you mean hourly?"),
        ("plan: {overhead_minutes: -1}", "plan.overhead_minutes is -1.0, but takes a number of minutes from 0"),
        (
            "plan: {pairs_per_second: {NVIDIA_L4: 0}}",
            "plan.pairs_per_second.NVIDIA_L4 is 0.0, but takes a number above 0",
        ),
        ("plan: {pairs_per_second: {NVIDIA_4L: 1}}", "NVIDIA_4L is no accelerator; did you mean NVIDIA_L4?"),
        ("caps: {run_acelerator_hours: 1}", "run_acelerator_hours is no setting; did you mean run_accelerator_hours?"),
        ("caps: {run_accelerator_hours: 0}", "caps.run_accelerator_hours is 0.0, but takes a number above 0"),
        ("caps: {day_accelerator_hours: .inf}", "caps.day_accelerator_hours is inf, but takes a number above 0"),
        ("caps: {jobs_in_flight: 1.5}", "jobs_in_flight"),
        ("caps: {jobs_in_flight: 0}", "caps.jobs_in_flight is 0, but takes a number above 0; leave it out for no cap"),
        ("caps: {run_price: 10}", "caps.run_price could not be checked: there is no price table"),
        (
            "caps: {day_price: 10}\nprices: {currency: USD, hourly: {n1-standard-16: 1}}",
            "caps.day_price could not be checked: prices.hourly has no entry for NVIDIA_TESLA_V100",
        ),
        ("training: {accelerator_count: 0}", "training.accelerator_count is 0, but tuning takes at least 1"),
        ("training: {accelerator_type: NVIDIA_V100}", "a figure for it; did you mean NVIDIA_TESLA_V100?"),
    ],
)
def test_a_mistake_in_it_is_told(tmp_path, text, told):
    with pytest.raises(Misconfigured) as refused:
        configured(tmp_path, text)
    assert told in str(refused.value)
