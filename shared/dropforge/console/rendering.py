"""How a page is made: the templates, and how they say times, states and gains."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from dropforge import bootstrap
from dropforge.domain.messages import in_words, verdict_of
from dropforge.domain.plan import figure
from dropforge.domain.runs import State, look
from dropforge.domain.text import as_span, as_words
from dropforge.reports.summary import place_of

HTML = "text/html; charset=utf-8"
_NO_GAIN = 0.0005  # smaller ones round to zero at three digits
# How far a run in flight has come, of `PHASES`.
PHASES = ("validated", "submitted", "tuned", "measured", "deployed")
_PHASE = {
    State.VALIDATING: 0,
    State.VALIDATED: 1,
    State.SUBMITTED: 2,
    State.RUNNING: 2,
    State.PAUSED: 2,
    State.SUCCEEDED: 3,
    State.DEPLOYING: 4,
}

_loader = PackageLoader("dropforge.console")
_templates = Environment(
    loader=_loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


class Page(NamedTuple):
    """What is answered: the content and its type."""

    body: str | bytes
    kind: str = HTML


def rendered(template: str, **values: Any) -> Page:  # noqa: ANN401 - whatever the template shows
    """A page of ours; every text in it is escaped, and times are told from now on."""
    return Page(_templates.get_template(template).render(now=bootstrap.ports().clock.now(), **values))


def problem(title: str, text: str) -> Page:
    """The page that says what went wrong, even where nothing can be reached."""
    return Page(_templates.get_template("problem.html").render(title=title, text=text))


def file(name: str, kind: str) -> Page:
    """A file of ours that is no page: the style, the script, the icon."""
    source, _, _ = _loader.get_source(_templates, name)
    return Page(source, kind)


@pass_context
def _when(context: Context, time: datetime) -> Markup:
    """How long ago, or how soon, with the exact moment on hover; within a minute it stays the same to the letter."""
    away = context["now"] - time
    brief = as_span(abs(away))
    told = "just now" if abs(away) < timedelta(minutes=1) else f"{brief} ago" if away > timedelta() else f"in {brief}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(time.isoformat(), _moment(time), told)


def _moment(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _gain(difference: float) -> Markup:
    """A chip with a gain in figures; its sign says what its colour says."""
    tone = "plain" if abs(difference) < _NO_GAIN else "good" if difference > 0 else "bad"
    sign = "±" if tone == "plain" else "+" if difference > 0 else "−"  # noqa: RUF001 - a minus, as wide as a plus
    return Markup('<span class="gain {}">{}{}</span>').format(tone, sign, f"{abs(difference):.3f}")


def _phase(state: State) -> int:
    return _PHASE.get(state, 0)


_templates.globals |= {"PHASES": PHASES}
_templates.filters |= {
    "amounts": in_words,
    "figure": figure,
    "span": as_span,
    "gain": _gain,
    "moment": _moment,
    "phase": _phase,
    "place": place_of,
    "tone": look,
    "verdict": verdict_of,
    "when": _when,
    "words": as_words,
}
