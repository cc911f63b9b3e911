"""The console's pages: rendered on the server, everything escaped, nothing loaded from elsewhere.

A first plain page: runs, a run, health. It reads the ledger and changes nothing.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule

from dropforge import bootstrap
from dropforge.domain.errors import DropforgeError, Missing
from dropforge.domain.messages import in_words
from dropforge.domain.runs import SETTLED, State
from dropforge.domain.text import as_words
from dropforge.reports.summary import place_of

_SHOWN_RUNS = 200
_GOOD = frozenset({State.DEPLOYED})
_BAD = frozenset({State.REJECTED, State.FAILED, State.DEPLOY_FAILED, State.WITHHELD})
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_templates = Environment(
    loader=PackageLoader("dropforge.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def respond(request: Request) -> Response:
    """Answer a request for a page."""
    try:
        endpoint, arguments = _ROUTES.bind_to_environ(request.environ).match()
        body, kind = endpoint(**arguments)
        answer = Response(body, content_type=kind)
    except HTTPException as error:
        answer = _page(error.code or 500, error.name, "There is no such run or page.")
    except Missing:
        answer = _page(404, "Not Found", "It has been removed from the state bucket.")
    except DropforgeError as error:
        answer = _page(503, "Not available just now", str(error))
    answer.headers.update(_SECURITY)
    return answer


def _page(status: int, title: str, text: str) -> Response:
    body = _templates.get_template("problem.html").render(title=title, text=text)
    return Response(body, status=status, content_type="text/html; charset=utf-8")


def _rendered(template: str, **values: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever the template shows
    return _templates.get_template(template).render(**values), "text/html; charset=utf-8"


def _runs() -> tuple[str, str]:
    found = sorted(bootstrap.ports().ledger.summaries(), key=lambda run: run.started, reverse=True)
    in_flight = sum(run.state not in SETTLED for run in found)
    return _rendered("runs.html", runs=found[:_SHOWN_RUNS], total=len(found), in_flight=in_flight)


def _run(run_id: str) -> tuple[str, str]:
    run = bootstrap.ports().ledger.load(run_id)
    if run is None:
        raise NotFound
    return _rendered("run.html", run=run, links=bootstrap.ports().settings.links.of(run))


def _report(run_id: str) -> tuple[bytes, str]:
    run = bootstrap.ports().ledger.load(run_id)
    if run is None or run.checked is None:
        raise NotFound
    state = bootstrap.ports().state
    report, _ = state.read(run.checked.report.removeprefix(f"gs://{state.bucket}/"))
    return report, "application/json"


def _style() -> tuple[str, str]:
    source, _, _ = PackageLoader("dropforge.console").get_source(_templates, "style.css")
    return source, "text/css; charset=utf-8"


def _health() -> tuple[str, str]:
    return "ok\n", "text/plain; charset=utf-8"


def _route(path: str, page: Callable[..., tuple[str | bytes, str]]) -> Rule:
    return Rule(path, endpoint=page, methods=["GET", "HEAD"])


_ROUTES = Map(
    [
        _route("/", _runs),
        _route("/runs/<run_id>", _run),
        _route("/runs/<run_id>/report.json", _report),
        _route("/style.css", _style),
        _route("/health", _health),
    ]
)


def _moment(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _tone(state: State) -> str:
    return "good" if state in _GOOD else "bad" if state in _BAD else "plain" if state in SETTLED else "busy"


_templates.filters |= {
    "amounts": in_words,
    "moment": _moment,
    "place": place_of,
    "tone": _tone,
    "words": as_words,
}
