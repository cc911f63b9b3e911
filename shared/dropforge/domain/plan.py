"""What a run will take and cost, before anything is spent.

The estimate is a model, and the operator calibrates it (docs/costs.md):

    hours = overhead + steps x pairs in a step / (pairs a second of one accelerator x accelerators)

Nobody publishes how fast Vertex tunes, so `ASSUMED_PAIRS_PER_SECOND` is an assumption. It follows from the training
speed of BERT-large, 336 million parameters, as NVIDIA measured it (DeepLearningExamples,
TensorFlow2/LanguageModeling/BERT, read 2026-11-28): 206 texts of 128 tokens a second on a V100, 486 on an A100. For a
model of 1.2 billion parameters, the size of Gecko (arXiv 2403.20327), and pairs of 300 tokens that makes 25 and 58
pairs; a fifth is taken off for what is not arithmetic. The others are the V100's, scaled by what they have less of in
NVIDIA's data sheets, half-precision arithmetic or memory bandwidth.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dropforge.domain.catalogue import TRAIN_STEPS, suggestion
from dropforge.domain.datasets import TRAINING_LABELS
from dropforge.domain.errors import Misconfigured
from dropforge.domain.machines import Hardware
from dropforge.domain.tuning import Tuning

ASSUMED_PAIRS_PER_SECOND: Mapping[str, float] = MappingProxyType(
    {
        "NVIDIA_TESLA_A100": 47.0,
        "NVIDIA_TESLA_V100": 20.0,
        "NVIDIA_L4": 7.0,
        "NVIDIA_TESLA_T4": 7.0,
        "NVIDIA_TESLA_P100": 3.0,
    }
)
_FEW_EPOCHS, _MANY_EPOCHS = 1, 50  # below and above, a sentence of advice is due
_ADVISED_EPOCHS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast training is: the constants of the model.

    Attributes:
        overhead_minutes: What a run takes besides its steps: machines start, data is read, the corpus is embedded with
            both models for the evaluation, the model is uploaded. An assumption, until the operator has calibrated it.
        pairs_per_second: Pairs that one accelerator trains on in a second, by its type; what is not named here is as
            in `ASSUMED_PAIRS_PER_SECOND`.
    """

    overhead_minutes: float = 30
    pairs_per_second: dict[str, float] = field(default_factory=dict)

    def of(self, accelerator_type: str) -> float:
        """Pairs a second of one accelerator.

        Raises:
            Misconfigured: Nothing is known of this type.
        """
        known = {**ASSUMED_PAIRS_PER_SECOND, **self.pairs_per_second}
        if accelerator_type not in known:
            near = suggestion(accelerator_type, known)
            raise Misconfigured(
                f"nothing says how fast {accelerator_type} trains: give plan.pairs_per_second a figure for it{near}"
            )
        return known[accelerator_type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The operator's price table: none is built in.

    Attributes:
        currency: The currency of every price in it, such as `USD`.
        hourly: Price of an hour of a machine, and of one accelerator, by type. An accelerator that is in the price of
            its machine costs 0.
    """

    currency: str = ""
    hourly: dict[str, float] = field(default_factory=dict)

    def lacking(self, hardware: Hardware) -> str:
        """Why there is no price for this hardware, in one sentence; empty where there is one."""
        if not self.hourly:
            return (
                "there is no price table: give dropforge.yaml one under prices.hourly (docs/costs.md has a table to copy; "
                "DROPFORGE_CONFIG names the file)"
            )
        absent = [name for name in _billed(hardware) if name not in self.hourly]
        return f"prices.hourly has no entry for {' and '.join(absent)}" if absent else ""

    def an_hour_of(self, hardware: Hardware) -> float | None:
        """What an hour of this hardware costs; None where the table lacks a part of it."""
        if self.lacking(hardware):
            return None
        return sum(self.hourly[name] * count for name, count in _billed(hardware).items())


def _billed(hardware: Hardware) -> dict[str, int]:
    """What of it has a price of its own, and how often."""
    accelerators = {hardware.accelerator_type: hardware.accelerator_count} if hardware.accelerator_count else {}
    return {hardware.machine_type: 1, **accelerators}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run is expected to take and to cost.

    Attributes:
        examples: Labelled pairs to train on, with those that Vertex splits off for tests where it does.
        steps: Training steps.
        batch_size: Pairs in a step.
        epochs: How often each example is trained on; 0 where there are none.
        machine_type: The machine type it trains on.
        accelerator_type: The type of its accelerators.
        accelerator_count: How many there are.
        machine_hours: Hours, by the clock, from submission to the job's end; waiting for a quota comes on top.
        accelerator_hours: The same, summed over the accelerators.
        currency: The currency of the prices; empty without a table.
        price: The price of those hours; None where the table lacks something.
        unpriced: What the table lacks; empty where it lacks nothing.
        serving_price_per_hour: What the endpoint will cost in an hour, with or without traffic; None as above.
        serving_unpriced: What the table lacks for it.
        assumed: What the figures rest on, in one sentence.
    """

    examples: int
    steps: int
    batch_size: int
    epochs: float
    machine_type: str
    accelerator_type: str
    accelerator_count: int
    machine_hours: float
    accelerator_hours: float
    currency: str = ""
    price: float | None = None
    unpriced: str = ""
    serving_price_per_hour: float | None = None
    serving_unpriced: str = ""
    assumed: str


def estimate(
    tuning: Tuning, rows: Mapping[str, int], machines: Hardware, serving: Hardware, pace: Pace, prices: Prices
) -> Estimate:
    """Estimate a run.

    Args:
        tuning: Its configuration.
        rows: Data rows in each file, as validation counted them.
        machines: The machines it trains on.
        serving: The machines its model will be served on.
        pace: How fast training is.
        prices: What machines cost.

    Raises:
        Misconfigured: Nothing says how fast this accelerator is; settings refuse it when they are read.
    """
    examples, pairs = rows.get(TRAINING_LABELS, 0), tuning.train_steps * tuning.batch_size
    a_second = pace.of(machines.accelerator_type)
    hours = pace.overhead_minutes / 60 + pairs / (a_second * machines.accelerator_count) / 3600
    an_hour, serving_hour = prices.an_hour_of(machines), prices.an_hour_of(serving)
    return Estimate(
        examples=examples,
        steps=tuning.train_steps,
        batch_size=tuning.batch_size,
        epochs=round(pairs / examples, 2) if examples else 0.0,
        machine_type=machines.machine_type,
        accelerator_type=machines.accelerator_type,
        accelerator_count=machines.accelerator_count,
        machine_hours=round(hours, 3),
        accelerator_hours=round(hours * machines.accelerator_count, 3),
        currency=prices.currency,
        price=None if an_hour is None else round(an_hour * hours, 2),
        unpriced=prices.lacking(machines),
        serving_price_per_hour=None if serving_hour is None else round(serving_hour, 4),
        serving_unpriced=prices.lacking(serving),
        assumed=_assumed(pace, machines.accelerator_type),
    )


def _assumed(pace: Pace, accelerator_type: str) -> str:
    a_second = f"{figure(pace.of(accelerator_type))} pairs a second on each {accelerator_type}"
    whose = (
        "by the operator's figure" if accelerator_type in pace.pairs_per_second else "an assumption to be calibrated"
    )
    return f"{a_second} ({whose}), and {figure(pace.overhead_minutes)} minutes for all that is not training"


def advice_on(estimate: Estimate) -> str:
    """What to think about where examples are trained on very often, or not all of them; empty elsewhere."""

    def steps_for(epochs: float) -> int:
        return max(math.ceil(epochs * estimate.examples / estimate.batch_size), TRAIN_STEPS.start)

    if not estimate.examples:
        return ""
    if estimate.epochs < _FEW_EPOCHS:
        share = f"{estimate.epochs:.0%} of the examples are trained on"
        return f"Only {share}: train_steps: {steps_for(1)} goes through all of them once."
    if estimate.epochs > _MANY_EPOCHS:
        fewer = steps_for(_ADVISED_EPOCHS)
        times = fewer * estimate.batch_size / estimate.examples
        often = f"Each example is trained on {estimate.epochs:,.0f} times, where Google's own sample does so once"
        least = ", the least that Vertex takes," if fewer == TRAIN_STEPS.start else ""
        return f"{often}: train_steps: {fewer}{least} makes it {times:,.0f} times, and costs less."
    return ""


def figure(number: float) -> str:
    """A figure for people: thousands grouped, at most three decimals, no zeros at the end."""
    return f"{number:,.3f}".rstrip("0").rstrip(".")
