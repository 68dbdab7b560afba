"""Pages: templates made into answers, with the headers that keep a page to itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.console import words
from gateway.context import context_of

HOME = "/admin/auth-ops"
THEME_COOKIE = "opsspine-theme"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}
"""On every page. `data:` is for images alone: Pico draws its arrows and ticks with it."""
FOLDERS = (Path(__file__).with_name("templates"), Path(__file__).parents[1] / "identity" / "templates")


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation."""

    key: str
    name: str
    path: str
    """Behind `HOME`."""


NAVIGATION = (
    Place("overview", "Overview", ""),
    Place("incidents", "Incidents", "/incidents"),
    Place("approvals", "Approvals", "/approvals"),
    Place("flags", "Flags", "/flags"),
    Place("suppressions", "Suppressions", "/suppressions"),
    Place("oncall", "On-call", "/on-call"),
    Place("drills", "Drills", "/drills"),
    Place("audit", "Audit", "/audit"),
    Place("health", "Health", "/health"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """A line above a page: what came of what was asked for."""

    text: str
    tone: str = "good"
    """`good`, `bad` or `` (neutral)."""


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDERS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(words.FILTERS)
    made.globals.update(home=HOME, static=static, navigation=NAVIGATION, query=query, passkey_script=passkey_script)
    return made


def static(name: str) -> str:
    """Where a file of ours is served from; its time of change is part of it, so that it may be kept for long."""
    file = Path(__file__).with_name("static") / name
    return f"{HOME}/static/{name}?v={int(file.stat().st_mtime)}"


def passkey_script() -> str:
    """Where the browser finds what it takes to show a passkey; its time of change is part of it."""
    file = FOLDERS[1].with_name("static") / "passkey.js"
    return f"{HOME}/identity/passkey.js?v={int(file.stat().st_mtime)}"


def query(path: str, **values: object) -> str:
    """`path` below `HOME` with those of `values` that are set."""
    chosen = {name: str(value) for name, value in values.items() if value not in (None, "")}
    return f"{HOME}{path}" + (f"?{urlencode(chosen)}" if chosen else "")


_templates = _environment()


def render(
    request: Request,
    template: str,
    *,
    caller: Any = None,
    csrf: str = "",
    status: int = 200,
    section: str = "",
    said: Said | None = None,
    waiting: Mapping[str, int] | None = None,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page `template` makes of `values`.

    Args:
        caller: who is signed in; None shows the frame without navigation (signing in).
        csrf: the token that every form of the page carries.
        section: the key of the navigation's entry that the page belongs to.
        waiting: how many things wait, by the navigation's keys.
    """
    context = context_of(request)
    now: datetime = context.clock.now()
    shown = {
        "app_name": context.settings.app_name, "caller": caller, "csrf": csrf, "theme": theme_of(request),
        "here": here(request), "section": section, "said": said, "waiting": waiting or {}, "now": now, **values,
    }  # fmt: skip
    with words.at(now):
        body = _templates.get_template(template).render(shown)
    return HTMLResponse(body, status, headers={**HEADERS, **(headers or {})})


def theme_of(request: Request) -> str:
    """`light` or `dark` where somebody chose; `` = as the system has it."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in ("light", "dark") else ""


def here(request: Request) -> str:
    """The page that was asked for, to come back to. Of a form that was sent: where its page is."""
    path = request.url.path if request.method == "GET" else HOME
    return path + (f"?{request.url.query}" if request.url.query and request.method == "GET" else "")


def local(target: str) -> str:
    """`target` if it is a page of this console, else the overview: nobody is sent elsewhere."""
    plain = target.isascii() and target.isprintable() and "\\" not in target and "//" not in target
    inside = target == HOME or target.startswith((f"{HOME}/", f"{HOME}?"))
    return target if plain and inside and ".." not in target else HOME


def go(path: str, **values: object) -> RedirectResponse:
    """Sends the browser on to a page below `HOME`, after something was done."""
    return RedirectResponse(query(path, **values), 303, headers=HEADERS)


def back_to(target: str, said: str) -> RedirectResponse:
    """Sends the browser back to the page a form came from, which then tells what came of it."""
    path = local(target).partition("?")[0]
    return RedirectResponse(f"{path}?{urlencode({'said': said})}", 303, headers=HEADERS)
