"""The OpenFeature SDK for browsers, in a real one: every type, changes within a second, ends without a writer."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from gateway.app import create_app
from spine.plan import Gate
from spine.settings import FlagSettings
from store.flag_propose import Proposer, Wanted, apply, propose
from store.keys import revoke_key

T = TypeVar("T")
CLIENT = Path(__file__).parent / "client"
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


@pytest.fixture(scope="session")
def bundle(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page and its script, as a build would deliver them."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(CLIENT / "web.mjs", packages / "web.mjs")
    shutil.copy(CLIENT / "page.html", folder / "page.html")
    esbuild = packages / "node_modules" / ".bin" / "esbuild"
    command = [esbuild, "web.mjs", "--bundle", "--format=iife", f"--outfile={folder / 'web.js'}", "--log-level=error"]
    subprocess.run(command, cwd=packages, check=True, timeout=120)
    return folder


class Hands:
    """A browser in a thread of its own: Playwright allows one of its kind in each, and other tests hold theirs."""

    def __init__(self, program: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="browser")
        self._playwright = self.do(lambda: sync_playwright().start())
        self._browser = self.do(
            lambda: self._playwright.chromium.launch(executable_path=program, args=list(QUIET))
        )  # fmt: skip

    def do(self, work: Callable[[], T]) -> T:
        """What `work` returns, done where the browser lives."""
        return self._thread.submit(work).result()

    def context(self) -> BrowserContext:
        """A window that shares nothing with others."""
        return self.do(self._browser.new_context)

    def close(self) -> None:
        """Close the browser."""
        self.do(self._browser.close)
        self.do(self._playwright.stop)
        self._thread.shutdown()


@pytest.fixture(scope="module")
def hands() -> Iterator[Hands]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("the web client needs Chromium")
    opened = Hands(found)
    yield opened
    opened.close()


class Tab:
    """A page of the shop, from an origin of its own."""

    def __init__(self, hands: Hands, context: BrowserContext, shop: Any, origin: str) -> None:
        self.shop, self._hands = shop, hands
        self.errors: list[str] = []
        self._page = hands.do(context.new_page)
        self._page.on("pageerror", lambda error: self.errors.append(str(error)))
        hands.do(lambda: self._page.goto(f"{origin}/page.html"))

    def start(self, **options: Any) -> None:
        """Begin to read flags, as ann."""
        wanted = {"baseUrl": self.shop.url, "headers": [["X-API-Key", self.shop.key]], **options}
        self.run("([o, c]) => window.flags.start(o, c)", [wanted, {"targetingKey": "ann"}])

    def run(self, script: str, told: Any = None) -> Any:
        """What a script in the page returns."""
        return self._hands.do(lambda: self._page.evaluate(script, told))

    def read(self, kind: str, key: str, otherwise: Any) -> dict[str, Any]:
        """The details the SDK gives."""
        found: dict[str, Any] = self.run(
            "([t, k, o]) => { const d = window.flags.read(t, k, o);"
            " return {value: d.value, variant: d.variant, reason: d.reason, errorCode: d.errorCode}; }",
            [kind, key, otherwise],
        )
        return found

    def seconds_until(self, key: str, value: Any, limit: float) -> float:
        """How long it takes from now until the page reads `value`."""
        began = time.perf_counter()
        self._hands.do(
            lambda: self._page.wait_for_function(
                "([k, v]) => window.flags.read('boolean', k, !v).value === v", arg=[key, value], polling=20,
                timeout=limit * 1000,
            )
        )  # fmt: skip
        return time.perf_counter() - began


@pytest.fixture
def tab(
    hands: Hands, bundle: Path, shop_for: Callable[[list[str]], Any], page_url: Callable[[Path], str]
) -> Iterator[Tab]:
    origin = page_url(bundle)
    shop = shop_for([origin])
    context = hands.context()
    opened = Tab(hands, context, shop, origin)
    yield opened
    hands.do(context.close)
    assert opened.errors == []


def test_every_type_is_read(tab: Tab, expected: list[dict[str, Any]]) -> None:
    tab.start()
    for one in expected:
        found = tab.read(one["type"], one["key"], one["otherwise"])
        assert (found["value"], found["variant"], found["errorCode"]) == (one["value"], one["variant"], None)


def test_a_rule_and_a_rollout_follow_the_context(tab: Tab, golden: dict[str, Any]) -> None:
    tab.start()
    for user, variant in golden["shop.checkout"].items():
        tab.run("c => window.flags.as(c)", {"targetingKey": user, "email": "ann@example.org"})
        assert tab.read("string", "shop.checkout", "")["value"] == variant
    assert tab.read("string", "shop.greeting", "")["value"] == "Willkommen — 你好"


def test_what_cannot_be_read_gives_the_code_default_and_says_why(tab: Tab) -> None:
    tab.start()
    missing, other = tab.read("string", "shop.nothing", "mine"), tab.read("boolean", "shop.greeting", True)
    assert (missing["value"], missing["errorCode"]) == ("mine", "FLAG_NOT_FOUND")
    assert (other["value"], other["errorCode"]) == (True, "TYPE_MISMATCH")


def test_a_change_is_seen_within_a_second_over_the_stream(tab: Tab) -> None:
    """The best of three: the machine of a test has other things to do."""
    tab.start()
    time.sleep(0.5)
    took = []
    for variant, value in (("off", False), ("on", True), ("off", False)):
        tab.shop.switch("shop.open", variant)
        took.append(tab.seconds_until("shop.open", value, 5))
    assert min(took) < 1
    changes = tab.run("window.flags.changes")
    assert [change["keys"] for change in changes] == [["shop.open"]] * 3


def test_a_change_is_seen_within_five_seconds_by_polling(tab: Tab) -> None:
    tab.start(changeDetection="polling", pollInterval=2000)
    tab.shop.switch("shop.open", "off")
    assert tab.seconds_until("shop.open", False, 10) < 5


def test_what_ends_by_itself_is_seen_though_nobody_wrote(tab: Tab) -> None:
    tab.start()
    shop, now = tab.shop, tab.shop.clock.now()
    off = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}
    wanted = Wanted(key="shop.open", definition=off, expected_version=1, reason="two seconds", ttl=timedelta(seconds=2))
    with shop.database.system() as connection:
        by = Proposer(actor="person:ann@example.org")
        change = propose(connection, shop.tenant, wanted, by, Gate.ALLOW, now=now, settings=shop.settings)
        apply(connection, shop.tenant, change.id, actor=by.actor, now=now, gate=Gate.ALLOW)
    tab.seconds_until("shop.open", False, 5)
    tab.seconds_until("shop.open", True, 5)
    assert shop.clock.now() - now >= timedelta(seconds=2)


def test_a_page_of_an_origin_that_is_not_allowed_reads_nothing(tab: Tab, serve: Callable[[Any], str]) -> None:
    closed = tab.shop.settings.model_copy(update={"flag": FlagSettings(browser_origins=["https://else.example.org"])})
    tab.shop.url = serve(create_app(closed, tab.shop.database))
    refused = tab.run(
        "([o, c]) => window.flags.start(o, c).then(() => '', e => String(e))",
        [{"baseUrl": tab.shop.url, "headers": [["X-API-Key", tab.shop.key]]}, {"targetingKey": "ann"}],
    )
    assert refused


def test_a_page_whose_key_was_revoked_is_told_nothing_more(tab: Tab) -> None:
    tab.start()
    time.sleep(0.5)
    with tab.shop.database.system() as connection:
        revoke_key(connection, tab.shop.tenant, "app", now=tab.shop.clock.now())
    time.sleep(2.5)
    tab.shop.switch("shop.open", "off")
    time.sleep(1.5)
    assert tab.read("boolean", "shop.open", False)["value"] is True
