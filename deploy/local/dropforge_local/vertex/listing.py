"""List requests: filtered, ordered, a page at a time (https://google.aip.dev/132, https://google.aip.dev/158)."""

import base64
import hashlib
import json
from dataclasses import dataclass
from itertools import islice

from dropforge_local.vertex.errors import invalid
from dropforge_local.vertex.filters import camel, compile_filter
from dropforge_local.vertex.state import Members, Resource

DEFAULT_PAGE = 100
MAX_PAGE = 1000
ORDERS = {"create_time", "update_time", "start_time", "end_time", "display_name"}


@dataclass(frozen=True)
class ListRequest:
    """What a list request asks for; `page_size` 0 asks for the default."""

    filter: str = ""
    order_by: str = ""
    page_size: int = 0
    page_token: str = ""


def page(members: Members, request: ListRequest) -> tuple[list[Resource], str]:
    """One page, and the token of the next (empty on the last). Members come newest first, which is the default order.

    A token continues after the resource that ended its page, so resources that arrive meanwhile repeat nothing; in the
    default order no more is read than the page needs.

    Raises:
        ApiError: INVALID_ARGUMENT for a malformed filter or order, or a token that is not this list's.
    """
    if request.page_size < 0:
        raise invalid(f"page_size {request.page_size} must not be negative.")
    wanted = compile_filter(request.filter)
    last, position = _place(request) if request.page_token else ("", 0)
    older = None if request.order_by else members.behind(last) if last else iter(members)
    if older is None:  # in another order, or what ended the page before is gone
        chosen = _ordered(list(filter(wanted, members)), request.order_by)
        following = iter(chosen[_start(chosen, last, position) :])
    else:
        following = filter(wanted, older)
    size = min(request.page_size or DEFAULT_PAGE, MAX_PAGE)
    shown = list(islice(following, size))
    more = any(True for _ in following)
    return shown, _token(request, shown[-1]["name"], position + size) if more else ""


def _ordered(resources: list[Resource], order_by: str) -> list[Resource]:
    for term in reversed([term.split() for term in order_by.split(",") if term.strip()]):
        field, direction = term[0], " ".join(term[1:]).lower()
        if field not in ORDERS or direction not in ("", "asc", "desc"):
            raise invalid(
                f"order_by {order_by!r} must name some of {', '.join(sorted(ORDERS))}, each with or without desc."
            )
        key = camel(field)
        resources = sorted(resources, key=lambda resource: resource.get(key, ""), reverse=direction == "desc")
    return resources


def _place(request: ListRequest) -> tuple[str, int]:
    """The name of the resource that ended the page before, and how many had been shown by then."""
    try:
        list_key, last, position = json.loads(base64.urlsafe_b64decode(request.page_token))
    except ValueError as error:
        raise invalid("page_token is not one that this service gave.") from error
    if list_key != _list_key(request):
        raise invalid("page_token belongs to a list with another filter or order.")
    return last, position


def _start(chosen: list[Resource], last: str, position: int) -> int:
    names = [resource["name"] for resource in chosen]
    # When the resource itself is gone its place is the best guess.
    return names.index(last) + 1 if last in names else min(position, len(names))


def _token(request: ListRequest, last: str, position: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([_list_key(request), last, position]).encode()).decode()


def _list_key(request: ListRequest) -> str:
    return hashlib.sha256(f"{request.filter}\n{request.order_by}".encode()).hexdigest()[:12]
