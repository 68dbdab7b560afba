"""What is open to one's own machine is not open to a page of a site whose name was made to lead there."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.app import create_app
from spine.settings import Settings
from store.engine import Database


@pytest.mark.parametrize(("host", "open"), [("localhost", True), ("127.0.0.1", True), ("[::1]", True),
                                            ("evil.example", False), ("127.0.0.1.evil.example", False)])  # fmt: skip
def test_metrics_without_a_key_need_a_name_of_this_machine(
    database: Database, serve: Callable[[Any], str], host: str, open: bool
) -> None:
    url = serve(create_app(Settings(), database))
    with httpx.Client(base_url=url, trust_env=False, headers={"Host": f"{host}:{urlsplit(url).port}"}) as page:
        assert page.get("/api/metrics").status_code == (200 if open else 401)
        assert ("checks" in page.get("/api/health").json()) is open
