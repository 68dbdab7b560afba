"""The pages: a login form and what is behind it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from deployments.demo.app.account import Accounts
from deployments.demo.app.captcha import Captcha
from deployments.demo.app.client import client_address
from deployments.demo.app.database import ShopDatabase, digest
from deployments.demo.app.event import EventLog
from deployments.demo.app.flag import NoProtections, OpenFeatureProtections, Protections
from deployments.demo.app.gate import Gate
from deployments.demo.app.setting import ShopSettings

_COOKIE = "shop_session"
_templates = Jinja2Templates(Path(__file__).parent / "templates")


class Shop:
    """The parts of the application, wired."""

    def __init__(self, settings: ShopSettings) -> None:
        self.settings = settings
        self.database = ShopDatabase(settings.data_file)
        self.accounts = Accounts(self.database)
        self.captcha = Captcha()
        self.gate = Gate(_protections(settings), self.captcha)
        self.events = EventLog(
            self.database,
            settings.events_url,
            settings.events_key.get_secret_value(),
            batch_seconds=settings.batch_seconds,
        )

    def start(self) -> None:
        """Load the accounts and begin sending events."""
        if self.settings.users_file:
            self.accounts.load(self.settings.users_file)
        self.events.start()

    def stop(self) -> None:
        """Send what is left and close the data file."""
        self.events.stop()
        self.database.close()

    def page(self, request: Request, ip: str, *, status: int = 200, message: str = "", name: str = "") -> Response:
        """The login form."""
        question, token = self.captcha.question() if self.gate.asks(ip) else ("", "")
        values = {
            "shop": self.settings.name,
            "message": message,
            "name": name,
            "question": question,
            "captcha_token": token,
        }
        return _templates.TemplateResponse(request, "login.html", values, status_code=status)


def create_app(settings: ShopSettings) -> FastAPI:
    """The application."""
    shop = Shop(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        shop.start()
        yield
        shop.stop()

    app = FastAPI(title=settings.name, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    _add_login(app, shop)
    _add_home(app, shop)
    return app


def _add_login(app: FastAPI, shop: Shop) -> None:
    @app.get("/login")
    def show(request: Request) -> Response:
        return shop.page(request, client_address(request, shop.settings.trusted_proxies))

    @app.post("/login")
    def submit(
        request: Request,
        name: Annotated[str, Form(max_length=200)],
        password: Annotated[str, Form(max_length=200)],
        captcha_token: Annotated[str, Form(max_length=200)] = "",
        captcha_answer: Annotated[str, Form(max_length=20)] = "",
    ) -> Response:
        ip = client_address(request, shop.settings.trusted_proxies)
        agent = request.headers.get("user-agent")
        refusal = shop.gate.refusal(ip, name, captcha_token, captcha_answer)
        if refusal:
            shop.events.write(refusal.event, user=name, ip=ip, agent=agent)
            page = shop.page(request, ip, status=refusal.status, message=refusal.message, name=name)
            if refusal.retry_after:
                page.headers["Retry-After"] = str(refusal.retry_after)
            return page
        solved = ("captcha_passed",) if captcha_token else ()
        if not shop.accounts.verify(name, password):
            shop.events.write(*solved, "login_failed", user=name, ip=ip, agent=agent)
            return shop.page(request, ip, status=401, message="Name or password is wrong.", name=name)
        token = shop.database.open_session(name)
        shop.events.write(
            *solved, "login_succeeded", "session_created", user=name, ip=ip, agent=agent, session=digest(token)[:32]
        )
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(_COOKIE, token, httponly=True, samesite="lax")
        return answer


def _add_home(app: FastAPI, shop: Shop) -> None:
    @app.get("/")
    def home(request: Request) -> Response:
        name = shop.database.session_name(request.cookies.get(_COOKIE, ""))
        if name is None:
            return RedirectResponse("/login", status_code=303)
        values = {"shop": shop.settings.name, "name": name, "hour": time.localtime().tm_hour}
        return _templates.TemplateResponse(request, "home.html", values)

    @app.post("/logout")
    def logout(request: Request) -> Response:
        shop.database.close_session(request.cookies.get(_COOKIE, ""))
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(_COOKIE)
        return answer

    @app.get("/alive")
    def alive() -> Response:
        return PlainTextResponse("ok")


def _protections(settings: ShopSettings) -> Protections:
    if settings.ignore_flags:
        return NoProtections()
    return OpenFeatureProtections(
        settings.flags_url,
        settings.flags_key.get_secret_value(),
        cache_seconds=settings.flag_cache_seconds,
        timeout_seconds=settings.flag_timeout_seconds,
    )
