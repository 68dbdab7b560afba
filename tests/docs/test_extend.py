"""Every listing of docs/extend is executed, in the place where its page says that it belongs."""

import asyncio
import inspect
import json
import re
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from deployments.docs.rule import runbook_problems
from gateway.app import create_app
from gateway.auth import Scope
from runbooks import catalogue
from spine.action import ActionSpec
from spine.case_example import Crowd, case
from spine.clock import ManualClock
from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.detect.scene import scenes
from spine.diagnostic import Question, Receipt, State
from spine.errors import Refused, Transient
from spine.event import Event, parse_event
from spine.event_check import Rejection
from spine.hook import Veto
from spine.identity import Operation
from spine.ids import NO_TENANT, TenantId
from spine.incident import IncidentKind
from spine.mapper import map_document
from spine.message import Message
from spine.notification import Deferred, Topic
from spine.plan import Gate, Verb
from spine.settings import Settings
from spine.severity import Severity
from store import flags, keys
from store.engine import Database
from tasks import notifiers
from tasks.diagnostics import Ports
from tasks.diagnostics.probe.guard import Guard, Response
from tasks.identity.port import IdentityProvider
from tasks.mitigations import actions

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(file.name for file in (DOCS / "extend").glob("*.md") if file.name != "index.md")
NOW = datetime(2026, 11, 23, tzinfo=UTC)
SHOP = TenantId("shop")


def listing(page: str) -> tuple[str, str]:
    """Where the listing of a page belongs, and its code."""
    text = (DOCS / "extend" / page).read_text(encoding="utf-8")
    ((place, code),) = re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)
    return place, code


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """The listing of a page, written to a file of its name and imported."""

    def load(page: str) -> ModuleType:
        place, code = listing(page)
        file = tmp_path / Path(place).name
        file.write_text(code, encoding="utf-8")
        spec = spec_from_file_location(f"written_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        made = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, made)
        spec.loader.exec_module(made)
        return made

    return load


def test_every_page_has_its_listing_and_is_named_in_the_overview() -> None:
    overview = (DOCS / "extend" / "index.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"({page})" in overview
        compile(listing(page)[1], page, "exec")


def test_the_detector_fires_and_keeps_silent_as_its_examples_say(module: Callable[[str], ModuleType]) -> None:
    detector = module("detector.md").DETECTOR
    settings = Settings().detect
    for frames, fires in ((detector.firing(), True), (detector.silent(), False)):
        found = [finding for scene in scenes(frames, settings) for finding in detector.find(scene)]
        assert bool(found) is fires
        assert all(finding.margin >= 1 and finding.detector == detector.name for finding in found)


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (b'{"status": {"indicator": "none"}}', State.OK),
        (b'{"status": {"indicator": "major"}}', State.BAD),
        (b"[]", State.UNKNOWN),
        (b"<html>", State.UNKNOWN),
    ],
)
def test_the_diagnostic_says_what_the_page_says(
    module: Callable[[str], ModuleType], database: Database, body: bytes, state: State
) -> None:
    class Canned(Guard):
        async def fetch(self, url: str, **_: Any) -> Response:
            return Response(200, {}, body, Receipt.of(url, NOW, body))

    settings, clock = Settings(), ManualClock(NOW)
    ports = Ports(settings, clock, Canned(settings.probe, clock), database)
    question = Question(tenant_id=NO_TENANT, now=NOW, since=NOW - timedelta(hours=1))
    found = module("diagnostic.md").DIAGNOSTIC
    answer = asyncio.run(found.run(question, ports))
    assert (answer.key, answer.state) == ("status_page", state)
    assert answer.receipts


def test_the_mitigation_is_a_step_behind_its_gate(module: Callable[[str], ModuleType]) -> None:
    spec: ActionSpec[Any] = module("mitigation.md").SPEC
    book = catalogue()[IncidentKind.FAILED_LOGINS_SPIKE]
    asked = case(Crowd(addresses=20, users=200, tries=3, hostile=True), Crowd(addresses=5, users=40, tries=1))
    from spine.case import Proposal

    decision = decide(
        asked, book.diagnose(asked), book, {spec.key: spec}, rules=Rules.of(Settings(env="prod")), flags={},
        wanted=[Proposal(action_key=spec.key)],
    )  # fmt: skip
    (step,) = (*decision.steps, *decision.denied)
    assert step.action_key == "signup.pause"
    assert step.gate >= Gate.APPROVE
    assert spec.key not in actions(), "the name is free"


def test_the_mapper_reads_what_is_its_and_nothing_else(module: Callable[[str], ModuleType]) -> None:
    mapper = module("mapper.md").MAPPER
    records = [
        {
            "id": "1",
            "at": "2026-11-22T03:00:00Z",
            "result": "denied",
            "who": {"name": "u1"},
            "from": {"ip": "192.0.2.7"},
        },
        {"id": "2", "at": "2026-11-22T03:00:01Z", "result": "swept"},
        {"id": "3", "at": "2026-11-22T03:00:02Z", "result": "granted"},
    ]
    first, skipped, refused = map_document(mapper, records)
    assert isinstance(first, dict)
    event = parse_event(first, now=NOW, tenant=SHOP)
    assert isinstance(event, Event)
    assert (event.type.value, event.user_id, event.ip) == ("login_failed", "u1", "192.0.2.7")
    assert skipped == "swept"
    assert isinstance(refused, Rejection)


def test_the_notifier_delivers_waits_and_is_found_by_its_name(
    module: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = module("notifier.md")
    message = Message(
        id=UUID(int=7), tenant="shop", topic=Topic.INCIDENT_OPENED, severity=Severity.HIGH, at=NOW, title="t",
        headline="it burns",
    )  # fmt: skip
    ports = notifiers.Ports(Settings(), ManualClock(NOW))
    with pytest.raises(Deferred):
        written.send(message, ports)
    journal = tmp_path / "journal.ndjson"
    monkeypatch.setenv("JOURNAL_FILE", str(journal))
    assert written.send(message, ports).detail["bytes"] == journal.stat().st_size
    assert json.loads(journal.read_text())["says"] == "it burns"
    monkeypatch.setenv("JOURNAL_FILE", str(tmp_path / "none" / "journal"))
    with pytest.raises(Transient):
        written.send(message, ports)
    monkeypatch.setattr(notifiers, "__path__", [*notifiers.__path__, str(tmp_path)])
    assert "journal" in notifiers.channels()


def test_the_identity_provider_has_every_method_and_reads_back(
    module: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    written = module("identity-adapter.md").Table
    wanted = {name for name in vars(IdentityProvider) if not name.startswith("_")}
    assert wanted <= set(dir(written))
    for name in wanted - {"title", "can"}:
        asked, given = inspect.signature(getattr(IdentityProvider, name)), inspect.signature(getattr(written, name))
        assert list(asked.parameters) == list(given.parameters), name
    file = str(tmp_path / "users.sqlite")
    with sqlite3.connect(file) as users:
        users.execute("create table users(id text, name text, locked int, signed_out_at text)")
        users.execute("insert into users values ('1', 'ann@example.org', 0, null)")
    users.close()
    provider: IdentityProvider = written(file, NOW)
    assert provider.can == {Operation.LOCK, Operation.END_SESSIONS}
    ann = provider.find("ann@example.org")
    assert ann is not None
    assert not provider.ended(ann, NOW)
    provider.lock(ann)
    provider.end_sessions(ann)
    again = provider.same("1", "somebody else")
    assert again is not None
    assert again.locked
    assert provider.ended(ann, NOW)
    provider.unlock(ann)
    assert [one["what"] for one in provider.receipts()] == ["lock", "end_sessions", "unlock"]
    with pytest.raises(Refused):
        provider.force_reset(ann)
    assert provider.find("nobody") is None
    provider.close()


def test_the_runbook_acts_and_leaves_alone_as_its_examples_say(module: Callable[[str], ModuleType]) -> None:
    book = module("runbook.md").RUNBOOK
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    assert list(runbook_problems(book)) == []
    for example in book.examples:
        asked = example.case()
        decision = decide(asked, book.diagnose(asked), book, specs, rules=Rules.of(Settings(env="prod")), flags={})
        assert (decision.decision is Verb.MITIGATE) is example.acts, example.name
        assert {step.action_key for step in decision.steps} <= set(book.ladder)


def test_the_login_page_obeys_the_flags(
    module: Callable[[str], ModuleType],
    database: Database,
    serve: Callable[[Any], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with database.system() as connection:
        secret = keys.add_key(connection, SHOP, "shop", [Scope.FLAGS_READ.value], now=datetime.now(UTC))[1]
    monkeypatch.setenv("SPINE_URL", serve(create_app(Settings(), database)))
    monkeypatch.setenv("SPINE_KEY", secret)
    before_login = module("flags-in-your-language.md").before_login
    calm = before_login("192.0.2.7")
    assert (calm.allowed, calm.captcha, calm.per_minute) == (True, False, None)
    with database.tenant(SHOP) as connection:
        for key in ("auth.ipThrottle.enabled", "auth.ipDeny.enabled"):
            flags.put(
                connection, SHOP, key,
                {"variants": {"on": True, "off": False}, "defaultVariant": "on", "metadata": {"perMinute": 1}},
                expected_version=0, actor="person:ann@example.org", reason="drill", at=datetime.now(UTC),
            )  # fmt: skip
    held = before_login("192.0.2.7")
    assert (held.allowed, held.captcha, held.per_minute) == (False, False, 1)


def test_the_plug_in_of_its_page_says_no() -> None:
    text = (DOCS / "plug-ins.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(# no_blocking\.py\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)

    class Step:
        action_key = "ip.block"

    class Asked:
        step, drill = Step(), False

    assert isinstance(names["before_action"](Asked()), Veto)
    Asked.drill = True
    assert names["before_action"](Asked()) is None
