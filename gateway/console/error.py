"""Errors as pages in the console's own frame."""

from http import HTTPStatus

from asgi_correlation_id import correlation_id
from fastapi import Request
from fastapi.responses import HTMLResponse

from gateway.console.page import HOME, render

_HEADINGS = {
    400: "This request makes no sense here",
    401: "You are not signed in",
    403: "You may not see this",
    404: "There is nothing here",
    405: "That cannot be done here",
    409: "Somebody was faster",
    413: "That is too much at once",
    422: "Something in the form is missing or wrong",
    429: "Too many tries",
    500: "Something here is broken",
    503: "The database does not answer",
}


def is_page(path: str) -> bool:
    """True for addresses of the console, whose errors are pages."""
    return path == HOME or path.startswith(f"{HOME}/")


def error_page(request: Request, status: int, detail: str) -> HTMLResponse:
    """The error as a page; `detail` says what happened and what to do next."""
    heading = _HEADINGS.get(status) or HTTPStatus(status).phrase
    return render(
        request, "error.html", status=status, code=status, heading=heading, detail=detail,
        request_id=correlation_id.get() or "—",
    )  # fmt: skip
