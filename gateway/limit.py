"""Bodies have a greatest size, whether or not the client announced one."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problem import Problem, render

_INGEST = "/api/ops/events"


class BodyLimit:
    """Answers 413 as soon as a body is known to be too large; a streamed one is cut at the limit."""

    def __init__(self, app: ASGIApp, *, usual: int, ingest: int) -> None:
        self.app, self.usual, self.ingest = app, usual, ingest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.ingest if scope["path"] == _INGEST else self.usual
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        watched = _Watched(receive, send, limit)
        if announced.isdigit() and int(announced) > limit:
            await watched.refuse(scope)
            return
        try:
            await self.app(scope, watched.receive, watched.send)
        except Exception:
            if not watched.exceeded:
                raise
        if watched.exceeded and not watched.started:
            await watched.refuse(scope)


class _Watched:
    """One request's channels, with the bytes counted."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self._seen = 0
        self.exceeded = False
        self.started = False

    async def receive(self) -> Message:
        if self.exceeded:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._limit:
            self.exceeded = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if self.exceeded and not self.started:
            return  # whatever the route made of the cut body; `refuse` answers
        self.started = True
        await self._send(message)

    async def refuse(self, scope: Scope) -> None:
        detail = f"The body is larger than {self._limit} bytes. Send it in smaller parts."
        response = render(scope["path"], Problem(413, "body.too_large", detail, headers={"Connection": "close"}))
        await response(scope, self._receive, self._send)
