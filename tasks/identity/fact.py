"""Looks up what guards must know of the tenant's identity provider, before they judge."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from spine.decision.rules import Rules
from spine.errors import OpsSpineError
from spine.identity import STAND_IN, IdentityFacts, LookUp, MailHealth, Operation
from spine.ids import TenantId
from spine.incident import Incident
from spine.settings import Settings
from store.engine import Database
from store.mail_health import mail_health
from tasks.identity.auth0 import Auth0
from tasks.identity.keycloak import Keycloak
from tasks.identity.okta import Okta
from tasks.identity.provider import missing, opened, title
from tasks.identity.spared import operators
from tasks.identity.webhook import WebhookProvider
from tasks.mitigations import actions

_CAN: dict[str, frozenset[Operation]] = {
    "keycloak": Keycloak.can,
    "auth0": Auth0.can,
    "okta": Okta.can,
    "webhook": WebhookProvider.can,
}


def with_identity(
    rules: Rules, database: Database, settings: Settings, incident: Incident, keys: Collection[str], *, now: datetime
) -> Rules:
    """`rules` with the facts that the actions `keys` ask for; unchanged when none does. A drill asks nobody."""
    known = actions()
    wanted = {one for key in keys if key in known for one in known[key].spec.look_ups}
    if not wanted:
        return rules
    if incident.synthetic:
        return replace(rules, site=replace(rules.site, identity=STAND_IN))
    facts = identity_facts(database, settings, incident.tenant_id, wanted, now=now)
    return replace(rules, site=replace(rules.site, identity=facts))


def identity_facts(
    database: Database, settings: Settings, tenant: TenantId, wanted: Collection[LookUp], *, now: datetime
) -> IdentityFacts:
    """The facts. What cannot be looked up is None, and says why where somebody could do something about it."""
    said, why = settings.identity, missing(settings, tenant)
    name = said.name_for(tenant)
    able: frozenset[str] | None = None
    if not why and LookUp.ADMINS in wanted:
        able, why_not = _able(settings, tenant)
    else:
        why_not = why
    return IdentityFacts(
        provider="" if why else title(settings, tenant),
        problem=why_not,
        can=frozenset() if why else _CAN[said.providers[name].kind],
        own=said.own(tenant),
        elsewhere=said.elsewhere(tenant),
        webhook=settings.env != "dev" and None not in (settings.webhook.url, settings.webhook.secret),
        able=able,
        break_glass=None if said.break_glass_users is None else _lower(said.break_glass_users),
        operators=_operators(database, settings),
        logins_per_minute=said.logins_per_minute,
        honours_not_before=said.honours_not_before,
        mail=_mail(database, tenant, now) if LookUp.MAIL in wanted else None,
    )


def _able(settings: Settings, tenant: TenantId) -> tuple[frozenset[str] | None, str]:
    """Administrators who can log in, and why they are unknown if they are."""
    name = settings.identity.name_for(tenant)
    if not settings.identity.providers[name].admin_roles:
        return None, f"who is administrator is unknown: name their roles in OPSSPINE_IDENTITY__PROVIDERS, {name!r}"
    try:
        with opened(settings, tenant, key="look-up") as provider:
            return _lower([admin.name for admin in provider.admins() if not admin.locked]), ""
    except OpsSpineError as error:
        return None, str(error)


def _operators(database: Database, settings: Settings) -> frozenset[str] | None:
    try:
        with database.system() as connection:
            return operators(connection, settings)
    except SQLAlchemyError:
        return None


def _mail(database: Database, tenant: TenantId, now: datetime) -> MailHealth | None:
    try:
        with database.system() as connection:
            return mail_health(connection, tenant, now)
    except SQLAlchemyError:
        return None


def _lower(names: Collection[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)
