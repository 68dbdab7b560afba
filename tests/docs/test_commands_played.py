"""Every command of the README and of the tutorial, typed into a shell against a real spine in a folder of its own.

What is compared is the shape of the answers: `…` is anything, numbers are any numbers, ids are remembered where first
shown. What cannot be played stands in `NOT_PLAYED` with its reason, and what is played otherwise in `PLAYED_AS`.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pyotp
import pytest

from deployments.port import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
README, TUTORIAL = ROOT / "README.md", ROOT / "docs" / "tutorial.md"
NOT_PLAYED = {
    "make demo": "plays the whole demo; tests/acceptance/test_demo.py runs it",
    "make check": "is what runs this test's neighbours",
    "make test": "would run itself",
    "make cluster": "needs Redis; tests/cluster",
    "make docs": "tests/docs/test_site.py builds the site",
    "make audit": "tests/docs/test_supply.py",
    "make sbom": "tests/docs/test_supply.py",
    "make down up": "stands after Slack's tokens, which nobody has here; tests/slack plays a workspace",
    "source .venv/bin/activate": "the test has the environment on its path",
    "opsspine backtest events.parquet": "needs weeks of history; tests/detect/test_backtest_command.py",
    "opsspine report": "tests/report",
    "opsspine ml": "tests/ml",
    "opsspine backup": "tests/upkeep",
    "opsspine restore": "tests/upkeep",
    "opsspine erase": "tests/upkeep",
    "opsspine deploy": "needs work pools; tests/cluster",
    "opsspine cluster": "needs Redis; tests/cluster",
    "opsspine launch": "tests/operations",
    "export OPSSPINE_SLACK": "nobody's tokens",
}
"""By the beginning of the command: why it is not typed here."""
PLAYED_AS = {
    "make up": "opsspine up",
    "make down": "opsspine down",
    "make status": "opsspine status",
    "opsspine people add": "opsspine people add --uri",
    "opsspine drill failed_logins_spike": "opsspine drill failed_logins_spike --unattended",
    "python ": f"{sys.executable} ",
}
"""By its beginning: the same without installing, with the second factor in letters, with nobody at the keyboard."""
LOOKS = re.compile(r"opsspine (?:\w+ )?(?:list|show|status|health|tail)\b|ofrep/v1/evaluate")
"""Commands that change nothing: they are typed again until the answer has its shape."""
PATIENCE_SECONDS = 240
ID = re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{8}\b")
FENCE = re.compile(
    r'^```(?P<language>bash|sh|console|python title="(?P<file>[^"]+)")\n(?P<text>.*?)^```$'
    r"|^<!-- play: (?P<scene>[^>]+) -->$",
    re.MULTILINE | re.DOTALL,
)
TABLES = {"approvals": "approvals", "leases": "leases", "incidents": "incidents", "diagnose": "incidents"}


@dataclass(frozen=True)
class Typed:
    """One command, and the lines it should answer with."""

    command: str
    answer: tuple[str, ...] = ()
    file: str = ""
    scene: str = ""


def typed(page: Path) -> list[Typed]:
    """What a page has its reader do, in order."""
    found: list[Typed] = []
    for block in FENCE.finditer(page.read_text(encoding="utf-8")):
        if block["scene"]:
            found.append(Typed("", scene=block["scene"]))
        elif block["file"]:
            found.append(Typed(block["text"], file=block["file"]))
        elif block["language"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                command, *answer = part.rstrip("\n").split("\n")
                found.append(Typed(command, tuple(line for line in answer if line)))
        else:
            joined = re.sub(r"\\\n\s*", " ", block["text"])
            found += [Typed(line.split("  # ")[0].strip()) for line in joined.split("\n") if line.strip(" #")]
    return found


def because(command: str) -> str:
    """Why a command is not played; "" = it is."""
    return next((why for start, why in NOT_PLAYED.items() if command.startswith(start)), "")


@dataclass
class Shell:
    """A shell of somebody who reads the page: one folder, one environment, an authenticator."""

    folder: Path
    environment: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    totp: pyotp.TOTP | None = None
    code_of: int = 0
    said: str = ""

    def type(self, one: Typed) -> None:
        """Type a command, and hold its answer against the page."""
        if one.file:
            (self.folder / one.file).write_text(one.command, encoding="utf-8")
            return
        command = self._meant(one.command)
        looks = bool(LOOKS.search(command))
        end = time.monotonic() + (PATIENCE_SECONDS if looks else 0)
        while True:
            done = self._run(command)
            if "was not ready after" in done.stderr:  # a machine that is busy with other tests; it goes on starting
                self._await_ready()
                return
            problem = self._wrong(one, done)
            if not problem or time.monotonic() > end:
                break
            time.sleep(2)
        assert not problem, f"$ {command}\n{problem}\n--- said:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        self.said = done.stdout
        if secret := re.search(r"secret=([A-Z2-7]+)", done.stdout):
            self.totp = pyotp.TOTP(secret[1])

    def code(self) -> str:
        """A code that was not used yet."""
        assert self.totp is not None
        while (step := int(time.time()) // 30) <= self.code_of:
            time.sleep(0.5)
        self.code_of = step
        return self.totp.at(step * 30)

    def database(self) -> str:
        """The URL of the spine's database."""
        return str(json.loads((self.folder / "data" / "instance.json").read_text())["database_url"])

    def _await_ready(self) -> None:
        end = time.monotonic() + 2 * PATIENCE_SECONDS
        while self._run("opsspine status").returncode:
            assert time.monotonic() < end, "the spine never became ready"
            time.sleep(2)

    def _meant(self, command: str) -> str:
        for start, instead in PLAYED_AS.items():
            if command.startswith(start) and "--unattended" not in command:
                command = instead + command[len(start) :]
                break
        for port, name in (("8321", "OPSSPINE_GATEWAY__PORT"), ("4200", "OPSSPINE_PREFECT__PORT")):
            command = command.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.environment[name]}")
        command = command.replace("/var/log/auth.log", str(self.folder / "auth.log"))
        for shown in ID.findall(command):
            noun = command.split()[1]
            known = self.ids.get(shown) or (self._look_up(noun) if noun in TABLES else shown)
            command = command.replace(shown, known)
        return command

    def _look_up(self, noun: str) -> str:
        """The id a reader would have copied from a list: of what waits, is in force, or is open."""
        which = {"approvals": "status = 'pending'", "leases": "state in ('active', 'verified') and ttl_seconds > 0"}
        where = which.get(noun, "status <> 'resolved'")
        query = f"select id::text from {TABLES[noun]} where tenant_id = 'shop' and {where} limit 1"
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            with psycopg.connect(self.database()) as connection:
                connection.execute("select set_config('role', 'opsspine_system', true)")
                if row := connection.execute(query).fetchone():  # type: ignore[arg-type]
                    return str(row[0])[:8]
            time.sleep(1)
        raise AssertionError(f"nothing for {noun} within {PATIENCE_SECONDS} s")

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        asks = re.search(r"people check|approvals (?:approve|deny)", command)
        exports = command.startswith("export ")
        line = f"set -e; {command}" + ("; env -0 > env.out" if exports else "")
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=900,
            input=f"{self.code()}\n" if asks else "", start_new_session=True, check=False,
        )  # fmt: skip
        if exports and done.returncode == 0:
            pairs = (self.folder / "env.out").read_text().split("\0")
            self.environment |= dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        return done

    def _wrong(self, one: Typed, done: subprocess.CompletedProcess[str]) -> str:
        """What is not as the page says; "" = all is. Binds the ids it shows."""
        if done.returncode:
            return f"exit code {done.returncode}"
        lines, at, bound = done.stdout.splitlines(), 0, dict[str, str]()
        for wanted in one.answer:
            pattern = self._pattern(wanted)
            while at < len(lines) and not (found := re.search(pattern, lines[at])):
                at += 1
            if at >= len(lines):
                return f"no line like {wanted!r}"
            bound |= {name[2:]: value for name, value in found.groupdict().items()}
            at += 1
        self.ids |= bound
        return ""

    def _pattern(self, wanted: str) -> str:
        """What a line of the page may look like; an id that was shown before must be the same one."""
        parts = re.split(r"(…|\b[0-9a-f]{8}\b|\d+(?:\.\d+)?|\s+)", wanted)
        made = []
        for part in parts:
            if part in self.ids:
                made.append(re.escape(self.ids[part]))
            elif ID.fullmatch(part):
                made.append(f"(?P<id{part}>[0-9a-f]{{8}})")
            elif part == "…":
                made.append(".*")
            elif part.isspace():
                made.append(r"\s+")
            else:
                made.append(r"\d+(?:\.\d+)?" if re.fullmatch(r"\d+(?:\.\d+)?", part) else re.escape(part))
        return "".join(made)


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A shell whose spine has nothing yet; what it started is stopped at its end."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="opsspine-typed-", dir=memory))
    folder.chmod(0o755)
    (folder / "auth.log").write_text(
        "Nov 23 01:02:03 host sshd[1]: Failed password for root from 203.0.113.9 port 22 ssh2\n"
    )
    (folder / "data").mkdir()
    kept = {n: v for n, v in os.environ.items() if n != "DATABASE_URL" and not n.startswith(("OPSSPINE_", "PREFECT_"))}
    ours = {
        "OPSSPINE_DATA_DIR": str(folder / "data"), "OPSSPINE_GATEWAY__PORT": str(free_port()),
        "OPSSPINE_PREFECT__PORT": str(free_port()), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    made = Shell(folder, {**kept, **ours})
    yield made
    subprocess.run(["opsspine", "down"], env=made.environment, capture_output=True, timeout=180, check=False)
    _end_what_never_became_ready(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _end_what_never_became_ready(folder: Path) -> None:
    """`opsspine down` knows of a spine that once was ready; end the one that was not."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            ours = str(folder).encode() in (process / "environ").read_bytes()
            if ours and b"deployments.supervisor" in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGTERM)
                deadline = time.monotonic() + 90
                while process.exists() and time.monotonic() < deadline:
                    time.sleep(0.2)


def sign_in(shell: Shell, page: Any) -> None:
    """What the tutorial has its reader do with the link: scan, type the code, keep the recovery codes."""
    page.goto(shell.said.strip().splitlines()[0])
    shell.totp = pyotp.TOTP(page.locator("code.wrap").first.text_content().strip())
    shell.code_of = 0
    page.fill("[name=code]", shell.code())
    page.locator("form:has([name=code]) button").first.click()
    page.wait_for_load_state()
    assert re.search(r"recovery codes", page.text_content("body"), re.IGNORECASE)


def approve(shell: Shell, page: Any) -> None:
    """Where it lives, approvals, a reason, Approve."""
    page.goto(f"http://127.0.0.1:{shell.environment['OPSSPINE_GATEWAY__PORT']}/admin/auth-ops")
    page.click("text=1 live in shop")
    page.wait_for_load_state()
    page.goto(f"http://127.0.0.1:{shell.environment['OPSSPINE_GATEWAY__PORT']}/admin/auth-ops/approvals")
    page.fill("[name=reason]", "a leaked list; none of ours")
    if page.locator("[name=code]").count():  # more than five minutes on a slow machine
        page.fill("[name=code]", shell.code())
    page.locator("button[value=approve]").first.click()
    page.wait_for_function("document.body.innerText.includes('approved')", timeout=60_000)


SCENES: dict[str, Callable[[Shell, Any], None]] = {"sign in": sign_in, "approve in the console": approve}


def test_the_tutorial_happens_as_it_is_told(shell: Shell, chromium: Any) -> None:
    """Chromium signs in and approves; everything else is typed."""
    page = chromium.new_page()
    for one in typed(TUTORIAL):
        if one.scene:
            SCENES[one.scene](shell, page)
        elif one.file or not because(one.command):
            shell.type(one)
    page.close()


def attack(shell: Shell) -> None:
    """What makes the incident of the README's fifth chapter: people, and somebody with a list."""
    now = datetime.now(UTC)

    def login(kind: str, ip: str, user: str, ago: float) -> dict[str, str]:
        at = (now - timedelta(seconds=ago)).isoformat()
        return {"id": str(uuid4()), "type": kind, "ip": ip, "user_id": user, "occurred_at": at}

    rows = [login("login_succeeded", f"192.0.2.{i % 60 + 1}", f"user{i % 60}", 8 * i) for i in range(300)]
    rows += [login("login_failed", f"203.0.113.{i % 20 + 1}", f"victim{i % 120}", 0.3 * i) for i in range(200)]
    url, key = shell.environment["SPINE_URL"], shell.environment["SPINE_KEY"]
    httpx.post(f"{url}/api/ops/events", json=rows, headers={"Authorization": f"Bearer {key}"}).raise_for_status()


def test_every_command_of_the_readme_works(shell: Shell) -> None:
    """In the order of the page; the spine that `make down` stopped is started again, as a reader would."""
    attacked = False
    for one in typed(README):
        if because(one.command) or one.file:
            continue
        if one.command.startswith("opsspine incidents") and not attacked:
            attack(shell)
            attacked = True
        shell.type(one)
        if one.command == "make down":
            shell.type(Typed("make up"))


def test_what_is_not_played_stands_in_the_pages() -> None:
    """A reason for a command that nobody is told to type any more is forgotten."""
    commands = [one.command for page in (README, TUTORIAL) for one in typed(page)]
    known = {start for start in NOT_PLAYED if any(command.startswith(start) for command in commands)}
    assert {"make demo", "make test", "source .venv/bin/activate"} <= known
    assert sum(not because(command) for command in commands) > 30
    scenes = [one.scene for one in typed(TUTORIAL) if one.scene]
    assert scenes == list(SCENES)
