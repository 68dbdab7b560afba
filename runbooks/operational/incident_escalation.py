"""Somebody has it: within five minutes one person answers, within fifteen one commands, and nobody waits for news.

People on call are called in turn until one acknowledges; a page that cannot be delivered advances at once. A grave
incident has a commander, a scribe and one who speaks; each role is held by one person and handed over with a note.
Updates are due every 20 minutes. Of a confirmed leak counsel is told within 30 minutes; from "aware" the 72 hours to
the authority count, and counsel decides.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection, text

from runbooks.operation import Desk, Operation, Outcome
from spine.drill_score import Assertion
from spine.errors import Refused
from spine.ids import mint
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.oncall.policy import standard
from spine.oncall.schedule import Layer, Plan
from spine.person import Person, Role
from spine.room import RoomRole, dues, missing
from spine.settings import SmtpSettings
from spine.severity import Severity
from store import escalations, incident_rows, incidents, operations, people, policies, rooms, schedules
from store.oncall import acknowledge
from store.operations import OperationRun
from store.secrets import Vault
from tasks.escalating import call_people
from tasks.steering import steer

NAME = "incident_escalation"
_START = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""The drill's own time: a Monday noon."""


async def run(desk: Desk) -> Outcome:
    """One round over the tenant's live incidents: what is overdue is told, and everything due is shown."""
    now = desk.clock.now()
    done = steer(desk.database, desk.settings, now)
    rows, late = [], 0
    with desk.database.system() as connection:
        for incident in incidents.list_live(connection):
            room = rooms.get(connection, incident.id)
            if room is None or incident.tenant_id != desk.tenant or incident.synthetic:
                continue
            for one in dues(room, incident, now, desk.settings.operation):
                late += one.overdue(now)
                state = "OVERDUE" if one.overdue(now) else f"due {one.at:%H:%M} UTC"
                rows.append((str(incident.id)[:8], one.what, state, one.says))
            rows += [(str(incident.id)[:8], role.value, "nobody", "") for role in missing(room)]
        outcome = f"{late} overdue" if late else "nothing is overdue"
        run_ = OperationRun(
            id=mint(), tenant_id=desk.tenant, operation=NAME, who=desk.who, started_at=now,
            finished_at=desk.clock.now(), outcome=outcome, passed=not (late or done.problems),
            detail={"due": [list(row) for row in rows], "problems": done.problems},
        )  # fmt: skip
        operations.keep(connection, run_, told={"overdue": late, "told": done.told})
    return Outcome(passed=run_.passed, outcome=outcome, rows=(("incident", "what", "state", "do"), *rows))


async def drill(desk: Desk) -> Sequence[Assertion]:
    """A confirmed leak at noon: pages, a page that fails, an answer, roles, hand-over, deadlines, counsel. All fake."""
    play = _Play(desk)
    return [*play.timers(), *play.failed_page(), *play.deadlines(), *play.running(), play.nothing_left()]


class _Play:
    """Fake people and incidents in the drill's database, on the drill's clock."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.now = desk, _START
        self.settings = desk.settings.model_copy(
            update={"smtp": SmtpSettings(host="drill.invalid", port=1, starttls=False)}
        )  # fmt: skip
        self.people = {name: self._person(name, role) for name, role in _CAST}
        with desk.database.system() as connection:
            for name in ("primary", "secondary"):
                layer = Layer(
                    name="drill", people=((f"drill-{name}@example.org",),), handover=time(9), start=_START.date()
                )  # fmt: skip
                plan = Plan(zone="UTC", layers=(layer.model_copy(update={"start": _START.date() - timedelta(days=7)}),))
                schedules.put(connection, desk.tenant, name, plan, version=None, actor=desk.who, now=self.now)
            policy = standard("primary", "secondary")
            policies.put(connection, desk.tenant, "drill", policy, version=None, actor=desk.who, now=self.now)
        self.first = self._incident("timers", IncidentKind.TENANT_LEAK_RISK)

    def timers(self) -> list[Assertion]:
        """The secondary after five minutes, the commander after ten; an answer ends it."""
        called = []
        for minutes in (0, 4, 1, 5):
            self._later(minutes)
            called.append(self._called(self.first))
        with self.desk.database.system() as connection:
            done = acknowledge(connection, self.first.id, self.people["commander"], "drill", self.now)
        self._later(5)
        after = self._called(self.first)
        return [
            _same("called at 0, 4, 5 and 10 min", "1, 1, 2, 3", ", ".join(str(len(one)) for one in called)),
            _same("in order", "primary, secondary, commander", ", ".join(called[-1])),
            _same("an answer ends it", "True, 3", f"{done.new}, {len(after)}"),
        ]

    def failed_page(self) -> list[Assertion]:
        """The primary's page is refused: the secondary is called in the next round, without waiting."""
        second = self._incident("failing", IncidentKind.FAILED_LOGINS_SPIKE)
        self._later(0)
        with self.desk.database.system() as connection:
            connection.execute(
                text("update outbox set status = 'failed' where incident_id = :i and topic = 'page'"), {"i": second.id}
            )
        self._later(0)
        called = ", ".join(self._called(second))
        with self.desk.database.system() as connection:
            acknowledge(connection, second.id, self.people["secondary"], "drill", self.now)
        return [_same("a failed page advances at once", "primary, secondary", called)]

    def deadlines(self) -> list[Assertion]:
        """Counsel and the update are overdue at 31 min, told once each; whoever acknowledged commands."""
        self.now = _START + timedelta(minutes=31)
        told = [steer(self.desk.database, self.settings, self.now).told for _ in range(2)]
        with self.desk.database.system() as connection:
            room = rooms.opened(connection, self.first, self.now)
        late = [one.what for one in dues(room, self.first, self.now, self.settings.operation) if one.overdue(self.now)]
        held = room.holder(RoomRole.COMMANDER)
        return [
            _same("who acknowledged commands", "drill-commander@example.org", held.email if held else "nobody"),
            _same("overdue at 31 min", "counsel, update", ", ".join(sorted(late))),
            _same("told once each", "True, 0", f"{told[0] >= 2}, {told[1]}"),
        ]

    def running(self) -> list[Assertion]:
        """Roles, an update, counsel, a hand-over; nothing of it is due afterwards."""
        who, incident = self.desk.who, self.first
        with self.desk.database.system() as connection:
            rooms.update(connection, incident, "contained; next at 12:50", actor=who, now=self.now)
            rooms.counsel(connection, incident, told=True, aware=True, actor=who, now=self.now)
            for role in (RoomRole.SCRIBE, RoomRole.COMMS):
                rooms.assign(connection, incident, role, self.people["primary"], actor=who, note="", now=self.now)
            room = rooms.assign(
                connection, incident, RoomRole.SCRIBE, self.people["secondary"], actor=who, note="log is current",
                now=self.now,
            )  # fmt: skip
            refused = self._refusal(connection)
        ahead = dues(room, incident, self.now, self.settings.operation)
        late = [one.what for one in ahead if one.overdue(self.now)]
        at = next((one.at for one in ahead if one.what == "authority"), None)
        scribe = room.holder(RoomRole.SCRIBE)
        return [
            _same("nothing is overdue", "none", ", ".join(late) or "none"),
            _same("the 72 hours count", str(self.now + timedelta(hours=72)), str(at)),
            _same("one scribe, with a note", "drill-secondary@example.org: log is current",
                  f"{scribe.email}: {scribe.note}" if scribe else "nobody"),
            _same("a viewer runs nothing", "room.person", refused),
        ]  # fmt: skip

    def nothing_left(self) -> Assertion:
        """Nothing was delivered to anybody."""
        with self.desk.database.system() as connection:
            sent = connection.execute(text("select count(*) from outbox where status = 'sent'")).scalar_one()
        return _same("no page or message left the drill", "0", str(sent))

    def _refusal(self, connection: Connection) -> str:
        try:
            rooms.assign(
                connection, self.first, RoomRole.COMMANDER, self.people["viewer"], actor=self.desk.who, note="",
                now=self.now,
            )  # fmt: skip
        except Refused as refused:
            return refused.code
        return "granted"

    def _later(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)
        call_people(self.desk.database, self.settings, self.now)

    def _called(self, incident: Incident) -> list[str]:
        names = {person.id: name for name, person in self.people.items()}
        stuck = timedelta(seconds=self.settings.oncall.stuck_seconds)
        with self.desk.database.system() as connection:
            found = escalations.pages(connection, incident.id, now=self.now, stuck=stuck)
        return [names[one.person_id] for one in found if one.person_id is not None]

    def _person(self, name: str, role: Role) -> Person:
        with self.desk.database.system() as connection:
            made, _ = people.add(
                connection, f"drill-{name}@example.org", f"Drill {name}", [(self.desk.tenant, role)],
                vault=Vault.of(self.settings), actor=self.desk.who, now=self.now,
            )  # fmt: skip
        return made

    def _incident(self, episode: str, kind: IncidentKind) -> Incident:
        made = Incident(
            id=incident_id(self.desk.tenant, kind, episode), tenant_id=self.desk.tenant, kind=kind, subject="tenant",
            status=IncidentStatus.OPEN, severity=Severity.CRITICAL, title=f"DRILL {episode}", first_event_at=self.now,
            opened_at=self.now, last_finding_at=self.now,
        )  # fmt: skip
        with self.desk.database.system() as connection:
            incident_rows.insert(connection, made)
        return made


_CAST = (
    ("primary", Role.RESPONDER), ("secondary", Role.RESPONDER), ("commander", Role.INCIDENT_COMMANDER),
    ("viewer", Role.VIEWER),
)  # fmt: skip


def _same(name: str, expected: str, observed: str) -> Assertion:
    return Assertion(name, expected == observed, expected, observed)


OPERATION = Operation(
    name=NAME, version="1", title="Incident escalation", owner="platform", summary=__doc__ or "",
    steps=(
        ("resolve", "The narrowest policy that takes the incident; schedules and overrides say who is on call now."),
        ("call", "Each step in turn until somebody acknowledges; one that reaches nobody is left at once."),
        ("command", "A commander within 15 minutes (high severity: 30); who acknowledged and is one, is it."),
        ("run", "Scribe and comms; a role is held by one person and handed over with a note."),
        ("update", "Whoever heard of it hears how it stands: every 20 min for 2 h, then every 2 h; high: hourly."),
        ("counsel", "Of a confirmed leak within 30 minutes; from aware the 72 hours count, and counsel decides."),
        ("call anew", "A critical incident in silence for OPSSPINE_ONCALL__QUIET_MINUTES is paged again."),
    ),
    commands=(
        ("opsspine oncall now", "who is on call, and who comes next"),
        ("opsspine escalation show INCIDENT", "who runs it and what is due; exit code 1 = overdue"),
        ("opsspine escalation assign INCIDENT ROLE EMAIL --as EMAIL --note …", "give a role, or hand it over"),
        ('opsspine escalation update INCIDENT "…" --as EMAIL', "tell how it stands; the next one is due anew"),
        ("opsspine escalation counsel INCIDENT --told|--aware|--says …", "what concerns counsel"),
    ),
    refuses=(
        "to give a role to somebody who may not act on incidents of the tenant",
        "to tell twice of one thing that is overdue, or to let a notice of it count as something that happened",
        "to decide about the authority: that is counsel's",
    ),
    run=run, drill=drill,
)  # fmt: skip
