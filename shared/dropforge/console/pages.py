"""The console's pages: rendered on the server, everything escaped, nothing loaded from elsewhere.

Which page answers an address, and what every answer is protected by. What a page shows is gathered in a file of its own.
"""

from collections.abc import Callable

from flask import Request, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, RequestRedirect, Rule

from dropforge.console import actions, dataset, health, listing, run, tryit
from dropforge.console.rendering import Page, file, problem
from dropforge.domain.errors import DropforgeError, Missing, NotAllowed, Permanent
from dropforge.domain.versions import LONGEST_RUN_ID

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def respond(request: Request) -> Response:
    """Answer a request for a page. One that is unchanged since the asker's entity tag is answered without its content."""
    try:
        page, arguments = _ROUTES.bind_to_environ(request.environ).match()
        found = page(request, **arguments)
        if isinstance(found, Response):
            answer = found
        else:
            answer = _answer(found)
            answer.add_etag()
            answer.make_conditional(request)
    except RequestRedirect:  # every page has one address
        answer = _problem(404, "Not Found", _IN_WORDS[404])
    except HTTPException as error:
        answer = _problem(error.code or 500, error.name, _IN_WORDS.get(error.code or 500, error.description or ""))
        answer.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    except Missing:
        answer = _problem(404, "Not Found", "It has been removed from the state bucket.")
    except NotAllowed as error:
        answer = _problem(409, "Not possible", str(error))
    except Permanent as error:
        answer = _problem(500, "Cannot be shown", str(error))
    except DropforgeError as error:
        answer = _problem(503, "Not available just now", str(error))
    answer.headers.update(_SECURITY)
    return answer


_IN_WORDS = {404: "There is no such dataset, run or page.", 405: "This page can only be looked at."}


def _answer(page: Page, status: int = 200) -> Response:
    body, kind = page
    return Response(body, status=status, content_type=kind)


def _problem(status: int, title: str, text: str) -> Response:
    return _answer(problem(title, text), status)


def _ok(_: Request) -> Page:
    return Page("ok\n", "text/plain; charset=utf-8")


def _file(name: str, kind: str) -> Callable[[Request], Page]:
    return lambda _: file(name, kind)


def _route(path: str, page: Callable[..., Page | Response], *more: str) -> Rule:
    return Rule(path, endpoint=page, methods=["GET", "HEAD", *more])


_RUN = f"<string(maxlength={LONGEST_RUN_ID}):run_id>"
_ROUTES = Map(
    [
        _route("/", listing.page),
        _route(f"/runs/{_RUN}", run.page),
        _route(f"/runs/{_RUN}/report.json", run.report),
        _route(f"/runs/{_RUN}/<name>", actions.page, "POST"),
        _route("/datasets/<name>", dataset.page),
        _route("/datasets/<name>/try", tryit.page),
        _route("/health", health.page),
        _route("/ok", _ok),
        _route("/style.css", _file("style.css", "text/css; charset=utf-8")),
        _route("/live.js", _file("live.js", "text/javascript; charset=utf-8")),
        _route("/icon.svg", _file("icon.svg", "image/svg+xml")),
    ]
)
