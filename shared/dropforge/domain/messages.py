"""What people are told of an event: a headline, the figures, the next step. How it looks is the notifier's business.

Text of a dataset or of a service stands in values and details only, never in a headline or a link: it is hostile.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from dropforge.domain import events
from dropforge.domain.datasets import CORPUS, QUERIES
from dropforge.domain.event import Event, RunEvent
from dropforge.domain.facts import Judgement, Verdict
from dropforge.domain.findings import Finding, chosen, quoted
from dropforge.domain.message import Message, Tone
from dropforge.domain.notifications import kind_of
from dropforge.domain.plan import Estimate, figure
from dropforge.domain.rules import RULES, Severity
from dropforge.domain.runs import BAD
from dropforge.domain.text import as_words, printable

_SHOWN_FINDINGS = 5


def message_of(event: Event) -> Message | None:
    """What people are told of an event; None where they need not hear of it."""
    tell = _TOLD.get(type(event))
    return tell(event) if tell else None


def _message(event: Event, headline: str, tone: Tone, **rest: object) -> Message:
    about: dict[str, object] = {"kind": kind_of(event), "dataset": event.dataset}
    if isinstance(event, RunEvent):
        names = {"console": "Run", "job": "Pipeline job"}
        about["links"] = tuple((names[kind], address) for kind, address in event.links.items() if kind in names)
        about["run"] = event.run
    return Message(id=event.id, headline=headline, tone=tone, **about, **rest)  # type: ignore[arg-type]


def counted(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def in_words(counts: Mapping[str, int]) -> str:
    """Counts by code, in words: `3 errors, 1 warning`; empty for none."""
    numbers = dict.fromkeys([*Severity, "finding"], 0)  # another version may know other codes
    for code, count in counts.items():
        numbers[RULES[code].severity if code in RULES else "finding"] += count
    return ", ".join(counted(number, noun) for noun, number in numbers.items() if number)


def sentence_of(finding: Finding) -> str:
    """A finding without its place: `message. hint`."""
    return f"{finding.message}{'' if finding.message.endswith('?') else '.'} {finding.hint}"


def line_of(finding: Finding) -> str:
    """A finding on one line: `file:line: message. hint`."""
    place = ":".join(str(part) for part in (finding.file, finding.line) if part)
    return printable(f"{place}: {sentence_of(finding)}" if place else sentence_of(finding))


def _sizes(rows: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    labels = sum(count for file, count in rows.items() if file.endswith(".tsv"))
    return (
        ("Documents", f"{rows.get(CORPUS, 0):,}"),
        ("Queries", f"{rows.get(QUERIES, 0):,}"),
        ("Labels", f"{labels:,}"),
    )


def _told(findings: Sequence[Finding], counts: Mapping[str, int]) -> tuple[str, ...]:
    """A few findings, and how many more there are, of whatever severity."""
    shown = chosen(findings, _SHOWN_FINDINGS)
    more = Counter(counts) - Counter(finding.code for finding in shown)
    return (*(line_of(finding) for finding in shown), *([f"and {in_words(more)} more"] if shown and more else []))


def _validated(event: events.DatasetValidated) -> Message:
    return _message(
        event,
        f"{event.dataset}: dataset accepted"
        if event.attempt == 1
        else f"{event.dataset}: attempt {event.attempt} begins",
        Tone.NEUTRAL,
        facts=(*_sizes(event.rows), *_estimated(event.estimate)) if event.attempt == 1 else (("Why", event.reason),),
        details=_told(event.warnings, event.findings),
    )


def _estimated(estimate: Estimate | None) -> tuple[tuple[str, str], ...]:
    """What the tuning is expected to take."""
    if estimate is None:
        return ()
    return (
        ("Tuning", f"{counted(estimate.steps, 'step')}, {estimate.epochs:,.1f} epochs"),
        ("Estimate", in_brief(estimate)),
    )


def in_brief(estimate: Estimate) -> str:
    """Hours, machine and price of a run, on one line."""
    machine = f"{estimate.machine_type}, {estimate.accelerator_count} x {estimate.accelerator_type}"
    price = "" if estimate.price is None else f": {estimate.currency} {estimate.price:,.2f}"
    return f"{figure(round(estimate.machine_hours, 1))} h on {machine}{price}"


def _rejected(event: events.DatasetRejected) -> Message:
    return _message(
        event,
        f"{event.dataset}: dataset rejected, nothing was submitted",
        Tone.BAD,
        details=_told(event.errors, event.findings),
        next_step=f"Mend the files and drop the folder again. `dropforge show {event.run}` tells more.",
    )


def _submitted(event: events.TuningSubmitted) -> Message:
    return _message(
        event, f"{event.dataset}: tuning submitted", Tone.NEUTRAL, facts=(("Base model", event.base_model),)
    )


# What to do next, by what a failure is about.
_MENDED = {
    "data": "Mend the dataset and drop it again.",
    "budget": "Ask for less (fewer steps, a smaller batch) and drop it again, or have the operator raise the cap.",
    "quota": "A quota of the project is too small: another attempt starts by itself, up to the number that the operator allows.",
    "permission": "The job's service account lacks a right: have the operator grant it, then `dropforge rerun` begins again.",
    "refusal": "No job was started: change what is refused above, then drop the folder again.",
    "service": "Look at the pipeline job; this is not the dataset's fault. `dropforge rerun` begins again.",
}


def _completed(event: events.JobComplete) -> Message:
    took = ("Took", f"{event.seconds:,.0f} s")
    if event.outcome == "succeeded":
        return _message(event, f"{event.dataset}: tuning succeeded", Tone.GOOD, facts=(took,))
    error = event.error
    facts = (took, *((("Step", error.step or "none"), ("Code", error.code)) if error else ()))
    about = error.kind if error and error.kind in _MENDED else "service"
    if about == "service" and not event.job:
        about = "refusal"
    steps = {
        "failed": _MENDED[about],
        "paused": f"Resume the pipeline job, or `dropforge cancel {event.run}`.",
        "cancelled": f"`dropforge rerun {event.run}` begins again.",
    }
    return _message(
        event,
        f"{event.dataset}: tuning {event.outcome}",
        Tone.NEUTRAL if event.outcome == "cancelled" else Tone.BAD,
        facts=facts,
        details=(error.message,) if error else (),
        next_step=steps.get(event.outcome, ""),
    )


_COMPARED = {
    Verdict.BETTER: "better than",
    Verdict.NOT_WORSE: "not worse than",
    Verdict.WORSE: "worse than",
    Verdict.INSUFFICIENT: "cannot tell from",
}
_MODELS = {"base": "base", "deployed": "the model in use"}


def verdict_of(judged: Judgement) -> str:
    """What the gate says, in words: `better than base, not worse than the model in use`; `cannot tell`."""
    if judged.verdict is Verdict.INSUFFICIENT:
        return "cannot tell"
    models: dict[Verdict, list[str]] = {}
    for verdict, against in [(each.verdict, each.against) for each in judged.comparisons] or [(judged.verdict, "base")]:
        models.setdefault(verdict, []).append(_MODELS[against])
    return ", ".join(f"{_COMPARED[verdict]} {' and '.join(named)}" for verdict, named in models.items())


def _deployed(event: events.ModelDeployed) -> Message:
    judged = event.judgement
    figures: tuple[tuple[str, str], ...] = ()
    gate = (("Gate", verdict_of(judged)),) if judged else ()
    cannot_tell = judged is not None and judged.verdict is Verdict.INSUFFICIENT
    if judged and judged.base is not None and judged.tuned is not None:
        figures = ((f"{judged.metric}, base → tuned", f"{judged.base:.3f} → {judged.tuned:.3f}"),)
    return _message(
        event,
        f"{event.dataset}: model deployed",
        Tone.GOOD,
        facts=(
            *figures,
            *gate,
            ("Endpoint", event.endpoint),
            ("Space", event.space_id),
            *((("Vectors", event.embeddings),) if event.embeddings else ()),
        ),
        bars=judged.compared if judged else (),
        details=(f"{judged.because}: deployed anyway, as its policy says",) if judged and cannot_tell else (),
        next_step="A newer drop of this dataset is deployed already; the alias stays there."
        if not event.current
        else "Import the vectors of the corpus, then switch readers to this endpoint."
        if event.embeddings
        else "Embed the documents anew with this endpoint, then switch readers to it.",
    )


def _alias_moved(event: events.AliasMoved) -> Message:
    return _message(
        event,
        f"{event.dataset}: readers are pointed to another space",
        Tone.NEUTRAL,
        facts=(
            ("By", event.by),
            *((("Why", event.reason),) if event.reason else ()),
            ("Space", event.space_id),
            *((("Before", event.previous_space_id),) if event.previous_space_id else ()),
            ("Endpoint", event.endpoint),
        ),
        next_step="Switch readers to the index of this space; embed the documents anew where there is none any more.",
    )


def _withheld(event: events.ModelWithheld) -> Message:
    judged, error = event.judgement, event.error
    details = (f"Gate: {verdict_of(judged)}; {judged.because}",) if judged else ()
    return _message(
        event,
        f"{event.dataset}: tuned model withheld",
        Tone.NEUTRAL if error else Tone.BAD,
        bars=judged.compared if judged else (),
        details=(error.message,) if error else details,
        next_step=f"The model is kept, but not served. `dropforge approve {event.run}` deploys it anyway.",
    )


def _deploy_failed(event: events.DeployFailed) -> Message:
    error = event.error
    return _message(
        event,
        f"{event.dataset}: deployment failed",
        Tone.BAD,
        facts=(("Code", error.code),) if error else (),
        details=(error.message,) if error else (),
        next_step=f"The tuned model is kept; nothing is left that bills. `dropforge approve {event.run}` tries again.",
    )


def _skipped(event: events.DatasetSkipped) -> Message:
    return _message(
        event,
        f"{event.dataset}: the same bytes as before, nothing was started",
        Tone.NEUTRAL,
        facts=(("Run", event.run),),
        next_step=f"`dropforge show {event.run}` tells what became of it; `dropforge rerun {event.run}` trains it anyway.",
    )


def _incomplete(event: events.DatasetIncomplete) -> Message:
    meant = event.probably_meant
    return _message(
        event,
        "A dropped folder is incomplete",  # nobody has looked at its name yet
        Tone.BAD,
        facts=(("Folder", quoted(event.dataset)),),
        details=tuple(
            f"{name} is missing" + (f"; was {quoted(meant[name])} meant to be it?" if name in meant else "")
            for name in event.missing
        ),
        next_step="Upload the missing files.",
    )


def _misnamed(event: events.DatasetMisnamed) -> Message:
    return _message(
        event,
        "A dropped folder cannot be used where it is",
        Tone.BAD,
        facts=(("Folder", quoted(event.dataset)),),
        next_step="Put its files directly into datasets/NAME/. A name has a-z, 0-9 and dashes, at most 40 characters, and "
        "begins with a letter" + (f", such as {event.suggestion}." if event.suggestion else "."),
    )


def _retired(event: events.SpaceRetired) -> Message:
    return _message(
        event,
        f"{event.dataset}: a former model was taken off its endpoint",
        Tone.NEUTRAL,
        facts=(
            *((("By", event.by),) if event.by else ()),
            *((("Why", event.reason),) if event.reason else ()),
            ("Space", event.space_id),
        ),
        next_step="Nothing, unless somebody still asks that endpoint.",
    )


def _waiting(event: events.RunWaiting) -> Message:
    return _message(
        event,
        f"{event.dataset}: waiting to be submitted",
        Tone.NEUTRAL,
        facts=(("Since", f"{event.since:%Y-%m-%d %H:%M} UTC"),),
        details=(event.sentence,),
        next_step=f"Nothing: it is submitted when there is room. `dropforge cancel {event.run}` ends it.",
    )


def _stuck(event: events.RunStuck) -> Message:
    steps = {
        "validated": f"`dropforge show {event.run}` says what it waits for; `dropforge cancel {event.run}` ends it.",
        "paused": f"Resume the pipeline job, or `dropforge cancel {event.run}`.",
        "succeeded": "The gate or the endpoint could not be asked: the log of `sweep` says why. It tries again every ten minutes.",
        "deploying": "Look at the endpoint in Google's console; a deployment takes half an hour at most.",
    }
    return _message(
        event,
        f"{event.dataset}: the run makes no progress",
        Tone.BAD,
        facts=(("State", as_words(event.state)), ("Since", f"{event.since:%Y-%m-%d %H:%M} UTC")),
        next_step=steps.get(event.state, "Look at the pipeline job in Google's console, and cancel it if it hangs."),
    )


def _unowned(event: events.EndpointUnowned) -> Message:
    made_for = f"{event.run}, which is {as_words(event.state)}" if event.run else "no run that is known"
    return _message(
        event,
        "An endpoint may be billing for nothing",
        Tone.BAD,
        facts=(("Endpoint", event.endpoint), ("Made for", made_for)),
        next_step="Undeploy and delete it if nobody uses it. Dropforge leaves it alone.",
    )


def _unserved(event: events.AliasUnserved) -> Message:
    return _message(
        event,
        f"{event.dataset}: readers are pointed to a model that is not served",
        Tone.BAD,
        facts=(("Run", event.run), ("Endpoint", event.endpoint)),
        next_step=f"Somebody removed it. `dropforge retire {event.run} --even-current`, then `dropforge approve {event.run}`, "
        f"serves it again; `dropforge rollback {event.dataset}` points readers to the previous space.",
    )


def _retiring(event: events.BaseModelRetiring) -> Message:
    instead = f" from {event.successor}" if event.successor else " from a newer model"
    return _message(
        event,
        f"{event.dataset}: its base model will be retired",
        Tone.BAD,
        facts=(("Base model", event.base_model), ("Last day", f"{event.retires:%Y-%m-%d}")),
        next_step=f"Tune the dataset{instead}, and embed the documents anew before that day.",
    )


def _summed_up(event: events.DaySummedUp) -> Message:
    bad = BAD.intersection(event.ended)
    gains = tuple(
        (printable(each.dataset), f"{each.base:.3f} → {each.tuned:.3f}")
        for each in event.gains
        if each.base is not None and each.tuned is not None
    )
    return _message(
        event,
        f"{event.until:%Y-%m-%d}: {_numbers(event.ended) or 'no run ended'}",
        Tone.BAD if bad else Tone.GOOD if event.ended else Tone.NEUTRAL,
        facts=(("In flight", _numbers(event.in_flight) or "nothing"), *gains),
        details=tuple(f"{each.run}: {as_words(each.state)}" for each in event.attention),
        next_step="`dropforge runs` lists them; `dropforge show RUN` says what to do." if bad else "",
    )


def _numbers(states: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {as_words(state)}" for state, number in states.items())


_TOLD: Mapping[type[Event], Callable[..., Message]] = {
    events.DatasetValidated: _validated,
    events.DatasetRejected: _rejected,
    events.TuningSubmitted: _submitted,
    events.JobComplete: _completed,
    events.ModelDeployed: _deployed,
    events.AliasMoved: _alias_moved,
    events.ModelWithheld: _withheld,
    events.DeployFailed: _deploy_failed,
    events.DatasetSkipped: _skipped,
    events.DatasetIncomplete: _incomplete,
    events.DatasetMisnamed: _misnamed,
    events.SpaceRetired: _retired,
    events.RunWaiting: _waiting,
    events.RunStuck: _stuck,
    events.EndpointUnowned: _unowned,
    events.AliasUnserved: _unserved,
    events.BaseModelRetiring: _retiring,
    events.DaySummedUp: _summed_up,
}
