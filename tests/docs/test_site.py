"""The site of the documentation: builds strictly, loads nothing from elsewhere, forgets no page, fits a phone."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from deployments.docs.diagram import DIAGRAMS, Arrow, Box, drawn
from deployments.docs.site import filled, title

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing of it."""

    def log_message(self, format: str, *arguments: Any) -> None:
        """Not a word."""


LOADED = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    words = [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--site-dir", folder]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.mark.timeout(600)
def test_it_builds_strictly_with_every_page(site: Path) -> None:
    pages = {file.relative_to(DOCS).with_suffix(".html").as_posix() for file in DOCS.rglob("*.md")}
    renamed = {re.sub(r"README\.html$", "index.html", page) for page in pages}
    built = {file.relative_to(site).as_posix() for file in site.rglob("*.html")} - {"404.html"}
    assert built == renamed
    decisions = (site / "adr" / "index.html").read_text(encoding="utf-8")
    for file in DOCS.glob("adr/[0-9]*.md"):
        assert f'href="{file.stem}.html"' in decisions


def test_it_loads_nothing_from_anywhere_else(site: Path) -> None:
    """No fonts, scripts, styles or pictures of other hosts: it reads on a machine without a network."""
    found = [
        f"{file.relative_to(site)}: {address}"
        for file in site.rglob("*.html")
        for address in LOADED.findall(file.read_text(encoding="utf-8"))
        if 'rel="canonical"' not in address
    ]
    assert found == []
    for style in site.rglob("*.css"):
        assert "@import" not in (text := style.read_text(encoding="utf-8"))
        assert "url(http" not in text


def test_pages_stand_in_a_browser_without_a_network(site: Path, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index.html", "tutorial.html", "security.html", "explanation/walk.html"):
        page.goto((site / name).as_uri())
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than a phone"
    assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
    assert [url for url in asked if not url.startswith("file:")] == []
    page.close()


def test_the_search_finds_without_a_network(site: Path, chromium: Any) -> None:
    handler = partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = chromium.new_page(viewport={"width": 1300, "height": 900})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        here = f"http://127.0.0.1:{server.server_port}"
        page.goto(f"{here}/index.html")
        page.locator(".md-search__input").press_sequentially("lease")
        page.wait_for_selector(".md-search-result__item", timeout=60_000)
        assert [url for url in asked if not url.startswith((here, "blob:", "data:"))] == []
        page.close()
        server.shutdown()


def test_a_new_page_is_in_the_navigation_without_being_told(tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "manual/c.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"# The `{name}`\n", encoding="utf-8")
    nav: list[Any] = ["a.md", "*", {"Manual": ["manual/*"]}]
    assert filled(nav, tmp_path) == ["a.md", {"The b.md": "b.md"}, {"Manual": [{"The manual/c.md": "manual/c.md"}]}]
    (tmp_path / "d.md").write_text("nothing", encoding="utf-8")
    assert title(tmp_path / "d.md") == "d"


@pytest.mark.parametrize("name", DIAGRAMS)
def test_a_diagram_is_current_and_its_words_stay_in_their_boxes(name: str) -> None:
    drawing = DIAGRAMS[name]()
    assert (DOCS / "images" / name).read_text(encoding="utf-8") == drawing
    tree = ElementTree.fromstring(drawing)
    assert tree.findtext("{http://www.w3.org/2000/svg}title")
    words = [one.text or "" for one in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert max(map(len, words)) <= 22


@pytest.mark.parametrize("make", [lambda: Arrow("a", "b", "<word>")])
def test_a_drawing_escapes_what_it_says(make: Callable[[], Arrow]) -> None:
    drawing = drawn("a & b", {"a": Box(0, 0, "<one>"), "b": Box(1, 0, "two")}, [make()])
    assert "&lt;word&gt;" in drawing
    assert "a &amp; b" in drawing
    ElementTree.fromstring(drawing)
