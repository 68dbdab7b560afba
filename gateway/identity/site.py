"""Signing in, put into the application."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from gateway.identity import account_page, oidc_page, own_api, page, session_api


def install(app: FastAPI) -> None:
    """Serve everything about identity from `app`."""
    app.mount(page.MOUNT, StaticFiles(directory=page.FILES), name="identity-static")
    for router in (session_api.router, own_api.router, page.router, oidc_page.router, account_page.router):
        app.include_router(router)
