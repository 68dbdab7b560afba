"""Dark or light: a choice kept in the browser. Without one the system's is taken."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse

from gateway.console.page import HEADERS, HOME, THEME_COOKIE, local
from gateway.context import context_of
from gateway.identity import cookie

router = APIRouter(include_in_schema=False)
_YEAR_SECONDS = 365 * 24 * 3600


@router.post(f"{HOME}/theme")
def choose_theme(
    request: Request,
    theme: Annotated[Literal["light", "dark", "auto"], Form()],
    next: Annotated[str, Form(max_length=2_000)] = HOME,
) -> RedirectResponse:
    """Keep the choice and show the page again. It concerns nobody but this browser, so it needs no session."""
    answer = RedirectResponse(local(next), 303, headers=HEADERS)
    if theme == "auto":
        answer.delete_cookie(THEME_COOKIE, path="/")
        return answer
    secure = cookie.secure(context_of(request).settings)
    answer.set_cookie(
        THEME_COOKIE, theme, max_age=_YEAR_SECONDS, path="/", samesite="lax", httponly=True, secure=secure
    )
    return answer
