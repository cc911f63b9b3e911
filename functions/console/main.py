"""Trigger: HTTP, for people. Reads the ledger; changes it only where the operator lets people do so."""

import functions_framework
from flask import Request, Response

from dropforge.console.pages import respond


@functions_framework.http
def console(request: Request) -> Response:
    """Show what is happening."""
    return respond(request)
