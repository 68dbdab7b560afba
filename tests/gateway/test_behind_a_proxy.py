"""Whose word about a caller's address is believed: a proxy's that was named, and nobody else's."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.edge import server
from spine.settings import Settings


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the caller's address; no lifespan."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["client"][0].encode()})


@pytest.fixture
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a server made as the gateway's is, with these proxies."""
    made = server(app, Settings(gateway={"proxies": request.param}, data_dir=tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=made.run, args=([listener],), daemon=True)
        thread.start()
        while not made.started:
            assert thread.is_alive()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        made.should_exit = True
        thread.join(10)


@pytest.mark.parametrize(
    ("told", "said", "address"),
    [
        (["127.0.0.0/8"], "203.0.113.7", "203.0.113.7"),
        (["127.0.0.1"], "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (["127.0.0.1", "203.0.113.0/24"], "198.51.100.1, 203.0.113.7", "198.51.100.1"),
        (["192.0.2.1"], "203.0.113.7", "127.0.0.1"),
        ([], "203.0.113.7", "127.0.0.1"),
    ],
    indirect=["told"],
    ids=["a proxy", "what callers say before it", "two proxies", "another peer", "nobody"],
)
def test_a_named_proxy_alone_says_who_calls(told: str, said: str, address: str) -> None:
    with httpx.Client(trust_env=False) as client:
        assert client.get(told, headers={"X-Forwarded-For": said}).text == address
