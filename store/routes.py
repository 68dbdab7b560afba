"""Who hears of news: the rules of the tenant and of the installation, applied. Written per tenant, compare-and-set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import TenantId
from spine.incident import Incident
from spine.notification import Topic
from spine.route import Rule
from spine.routing import News, Routed, Sourced, refuse_dropped, route, ruleset
from spine.settings import NotifySettings
from spine.severity import Severity
from store import audit


@dataclass(frozen=True, slots=True)
class TenantRules:
    """A tenant's own rules, read before the installation's."""

    rules: tuple[Rule, ...] = ()
    version: int = 0
    """How often they were changed; 0 = never written."""


def destinations(
    connection: Connection,
    incident: Incident,
    topic: Topic,
    settings: NotifySettings,
    *,
    now: datetime,
    severity: Severity | None = None,
) -> list[str]:
    """Where news of `incident` goes, as `outbox.put` wants it; `severity` = when it is not the incident's."""
    news = News(
        tenant=incident.tenant_id, topic=topic, severity=severity if severity is not None else incident.severity,
        kind=incident.kind, at=now,
    )  # fmt: skip
    return [str(one) for one in routed(connection, news, settings).destinations]


def routed(connection: Connection, news: News, settings: NotifySettings) -> Routed:
    """Where `news` goes, with every rule's say."""
    return route(rules_for(connection, news.tenant, settings), news, settings.mode)


def rules_for(connection: Connection, tenant: TenantId, settings: NotifySettings) -> list[Sourced]:
    """All rules that are read for `tenant`, in order."""
    return ruleset(get(connection, tenant).rules, settings.rules, settings.mode)


def get(connection: Connection, tenant: TenantId) -> TenantRules:
    """The tenant's own rules."""
    row = connection.execute(
        text("select rules, version from notify_routes where tenant_id = :t"), {"t": tenant}
    ).one_or_none()
    return TenantRules(tuple(Rule.model_validate(r) for r in row.rules), row.version) if row else TenantRules()


def put(
    connection: Connection,
    tenant: TenantId,
    rules: Sequence[Rule],
    settings: NotifySettings,
    *,
    version: int,
    actor: str,
    now: datetime,
) -> TenantRules:
    """Replace the tenant's rules, if they are still those of `version`.

    Raises:
        Refused: `routes.stale`, somebody changed them since; `routes.dropped`, a critical page would reach nobody.
    """
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended('routes ' || :t, 0))"), {"t": tenant})
    old = get(connection, tenant)
    if old.version != version:
        raise Refused(
            "routes.stale",
            f"The routes of {tenant} are at version {old.version}, not {version}: somebody changed them. Nothing was "
            "written; look at them with `opsspine notify routes` and decide anew.",
        )
    refuse_dropped(ruleset(rules, settings.rules, settings.mode), f"The routes of {tenant}")
    written = TenantRules(tuple(rules), version + 1)
    connection.execute(
        text(
            "insert into notify_routes(tenant_id, rules, version, updated_at, updated_by)"
            " values(:t, cast(:rules as jsonb), :version, :now, :actor) on conflict(tenant_id) do update set"
            " rules = excluded.rules, version = excluded.version, updated_at = :now, updated_by = :actor"
        ),
        {"t": tenant, "rules": _plain(rules), "version": written.version, "now": now, "actor": actor},
    )
    audit.append(
        connection, tenant, AuditAction.POLICY_CHANGED, actor=actor, at=now, subject=f"routes:{tenant}",
        before=json.loads(_plain(old.rules)), after=json.loads(_plain(rules)),
    )  # fmt: skip
    return written


def _plain(rules: Sequence[Rule]) -> str:
    return json.dumps([rule.model_dump(mode="json", exclude_defaults=True) for rule in rules])
