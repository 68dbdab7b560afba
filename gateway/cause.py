"""Everything a request causes bears its id: audit entries and messages here, and flow runs through their parameters."""

from asgi_correlation_id import correlation_id
from starlette.types import ASGIApp, Receive, Scope, Send

from spine.correlation import caused_by


class Cause:
    """Makes the request's id the cause of what is written while it is served."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with caused_by(correlation_id.get()):
            await self._app(scope, receive, send)
