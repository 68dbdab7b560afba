"""On whose behalf a command acts: a known person, with a role that may."""

from datetime import UTC, datetime

from deployments.cli.operator import operator
from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import TenantId
from spine.person import PersonRef
from spine.policy import may_refuse
from store import audit, people
from store.engine import Database


def acting(database: Database, email: str, tenant: TenantId, subject: str) -> str:
    """`email`'s person as the audit trail names them, if they are a responder or above in `tenant`.

    Raises:
        Refused: they are not; the attempt is audited.
    """
    with database.system() as connection:
        person = people.find(connection, PersonRef.by_email(email))
        if person is not None and not person.drill and may_refuse(person.roles_in(tenant)):
            return f"person:{person.email}"
        audit.append(
            connection, tenant, AuditAction.ACTION_DENIED, actor=operator(), at=datetime.now(UTC), subject=subject,
            outcome="refused", detail={"as": email, "reason": "no role that may"},
        )  # fmt: skip
    raise Refused(
        "person.role",
        f"{email} may not do this in tenant {tenant}: it takes a responder, an incident commander or a security "
        "admin. Nothing was changed. See `opsspine people list`.",
    )
