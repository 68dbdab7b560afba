"""The gate before a change of a flag on the command line, where a name alone proves nothing."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from deployments.cli.acting import acting
from spine.audit import AuditAction
from spine.errors import Refused
from spine.flag.change import ruling
from spine.ids import PersonId, TenantId
from spine.person import PersonRef, Role
from spine.plan import Gate
from spine.policy import Ruling
from spine.settings import Settings
from store import audit, people
from store.decide import STEPUP_SAYS
from store.engine import Database
from store.flag_propose import Proposer
from store.stepup import StepUp, step_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Changer:
    """On whose behalf a flag is changed."""

    actor: str
    person: PersonId
    tenant: TenantId
    roles: frozenset[Role]

    @property
    def proposer(self) -> Proposer:
        """As the store wants it."""
        return Proposer(actor=self.actor, person=self.person)

    def ruling(self, key: str, settings: Settings) -> Ruling:
        """What stands before a change of `key`."""
        return ruling(key, self.roles, settings)


def changer(opened: Database, email: str, tenant: TenantId, key: str) -> Changer:
    """The person with this address, if they may change flags in `tenant` at all.

    Raises:
        Refused: they may not; the attempt is audited.
    """
    actor = acting(opened, email, tenant, f"flag:{key}")
    with opened.system() as connection:
        person = people.find(connection, PersonRef.by_email(email))
    assert person is not None
    return Changer(actor=actor, person=person.id, tenant=tenant, roles=person.roles_in(tenant))


def pass_gate(opened: Database, by: Changer, key: str, settings: Settings, totp: str | None) -> Gate:
    """Go on with a change that takes effect now; asks for a code where the key is of high risk.

    Raises:
        Refused: the code is wrong, or another person must agree.
    """
    found = by.ruling(key, settings)
    if found.gate is Gate.STEP_UP:
        show_factor(opened, by, f"flag:{key}", settings, totp)
    elif found.gate is not Gate.ALLOW:
        raise Refused(
            "flag.needs_approval",
            f"A change of {key} is of high risk, and your word is not enough ({found.because}). Nothing was changed. "
            f"Propose it: `opsspine flags propose {key} …`, and apply it once another person approved it.",
        )
    return found.gate


def show_factor(opened: Database, by: Changer, subject: str, settings: Settings, totp: str | None) -> None:
    """Ask for a fresh code, and audit the answer as one about `subject`.

    Raises:
        Refused: the code is wrong.
    """
    code = sys.stdin.readline().strip() if totp == "-" else totp or str(typer.prompt("Code", hide_input=True))
    now = datetime.now(UTC)
    with opened.system() as connection:
        result = step_up(connection, by.person, code, now=now, settings=settings)
        audit.append(
            connection, by.tenant, AuditAction.STEPUP_DECIDED, actor=by.actor, at=now, subject=subject,
            outcome=result.value, detail={"via": "cli"},
        )  # fmt: skip
    if result is not StepUp.ACCEPTED:
        code_, says = STEPUP_SAYS[result]
        raise Refused(code_.value, says)
