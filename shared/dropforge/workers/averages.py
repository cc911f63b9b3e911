"""What is known of a tuned model before it is served: the pipeline's own averages, and whether measuring would tell more."""

from dropforge.domain import gate
from dropforge.domain.facts import Judgement
from dropforge.domain.runs import Run
from dropforge.settings import Settings


def averages_of(run: Run, settings: Settings) -> Judgement:
    """The verdict on a run's model by the pipeline's own averages."""
    metrics = run.tuned.metrics if run.tuned else {}
    counts, held_out = (run.checked.counts, run.checked.held_out) if run.checked else ({}, 0)
    rules = settings.operator.gate
    if run.tuning.test_labels == "split":
        return gate.insufficient(metrics, because="which queries were split off for the test is not known")
    if "test-queries-trained-on" in counts:
        return gate.insufficient(metrics, because="test queries were trained on, so the figures prove nothing")
    if held_out < rules.fewest_queries:
        because = f"fewer than {rules.fewest_queries} test queries cannot tell"
        return gate.insufficient(metrics, because=because, queries=held_out)
    return gate.judge_averages(metrics, queries=held_out, rules=rules, base_model=run.tuning.base_model)


def can_tell(run: Run, settings: Settings) -> bool:
    """Whether enough of the dataset's own test queries are held out to tell a better model from a worse one."""
    return run.checked is not None and run.checked.held_out >= settings.operator.gate.fewest_queries
