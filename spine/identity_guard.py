"""Guards of actions at an identity provider, and of those the application is told by webhook. Each fails closed."""

from collections.abc import Collection, Iterable

from spine.action import Guard, GuardView
from spine.identity import Operation
from spine.plan import GuardResult

LEAST_ADMINS_LEFT = 2
"""Administrators who must be able to log in after one lost a role. Source: RUNBOOKS 1."""
LEAST_MAILS, LEAST_DELIVERED = 20, 0.9
"""Mails needed to know that mail works, and the share of them that must have arrived. Source: RUNBOOKS 2.2."""
BACK_WITHIN_MINUTES = 10
"""So soon after everybody was signed out most of them are back. Judgement."""
_MOST_SHOWN = 3
_MOST_TENANTS = 20


def provider_can(operation: Operation) -> Guard:
    """The tenant has an identity provider that is able to do it."""

    def guard(view: GuardView) -> GuardResult:
        name, facts = "identity_provider", view.site.identity
        if facts is None:
            return _unknown(name, "the identity provider was not looked up")
        if not facts.provider:
            return GuardResult(name=name, passed=False, because=facts.problem)
        if operation not in facts.can:
            because = f"{facts.provider} cannot {operation.value.replace('_', ' ')}; do it there by hand"
            return GuardResult(name=name, passed=False, because=because)
        return GuardResult(name=name, passed=True, because=facts.provider)

    return guard


def an_admin_remains(view: GuardView) -> GuardResult:
    """Somebody who is administrator can still log in."""
    return _admins_left("an_admin_remains", view, 1)


def two_admins_remain(view: GuardView) -> GuardResult:
    """Two who are administrators can still log in."""
    return _admins_left("two_admins_remain", view, LEAST_ADMINS_LEFT)


def not_break_glass(view: GuardView) -> GuardResult:
    """No target is an emergency account."""
    name, facts = "not_break_glass", view.site.identity
    if facts is None or facts.break_glass is None:
        because = "emergency accounts are unknown: set OPSSPINE_IDENTITY__BREAK_GLASS_USERS, [] if there are none"
        return _unknown(name, because)
    hit = _among(view.targets, facts.break_glass)
    told = f"{_shown(hit)} is an emergency account" if hit else "no target is an emergency account"
    return GuardResult(name=name, passed=not hit, because=told)


def operator_excluded(view: GuardView) -> GuardResult:
    """Nobody who runs the response is signed out."""
    name, facts = "operator_excluded", view.site.identity
    if facts is None or facts.operators is None:
        return _unknown(name, "who runs the response could not be looked up")
    hit = _among(view.targets, facts.operators)
    told = f"{_shown(hit)} runs the response" if hit else "no target runs the response"
    return GuardResult(name=name, passed=not hit, because=told)


def mail_healthy(view: GuardView) -> GuardResult:
    """Mails of resets arrive, and no incident says otherwise: who loses a password must get the mail."""
    name, facts = "mail_healthy", view.site.identity
    if facts is None or facts.mail is None:
        return _unknown(name, "what became of the last day's mails could not be read")
    mail = facts.mail
    if mail.incident:
        return GuardResult(name=name, passed=False, because="an incident of e-mail is open")
    total = mail.delivered + mail.failed
    if total < LEAST_MAILS:
        return _unknown(name, f"only {total} mails of the last day say whether they arrived, {LEAST_MAILS} are needed")
    share = mail.delivered / total
    because = f"{share:.0%} of {total} mails of the last day arrived, {LEAST_DELIVERED:.0%} are needed"
    return GuardResult(name=name, passed=share >= LEAST_DELIVERED, because=because)


def login_capacity(view: GuardView) -> GuardResult:
    """The login system withstands everybody of the last hour coming back at once."""
    name, facts = "login_capacity", view.site.identity
    if facts is None or facts.logins_per_minute is None:
        because = "what the login system withstands is unknown: set OPSSPINE_IDENTITY__LOGINS_PER_MINUTE"
        return _unknown(name, because)
    if view.blast_radius is None:
        return _unknown(name, "who was there in the last hour could not be read")
    who = view.logins["user_id"]
    if not who.notna().any():
        return _unknown(name, f"the last hour's {view.noun} name no users, so how many come back is unknown")
    # whom no event names may be anybody; of an attack's nobody comes back
    unnamed = int((who.isna() & ~view.logins["attack"].astype(bool)).sum())
    back = (int(who.nunique()) + unnamed) / BACK_WITHIN_MINUTES
    because = f"about {back:.0f} logins a minute are to be expected, {facts.logins_per_minute:.0f} are withstood"
    return GuardResult(name=name, passed=back <= facts.logins_per_minute, because=because)


def scope_reachable(view: GuardView) -> GuardResult:
    """All sessions in question can be ended, and no other tenant's."""
    name, facts = "scope_reachable", view.site.identity
    if facts is None or view.params is None:
        return _unknown(name, "the identity provider was not looked up")
    if not facts.provider:
        return GuardResult(name=name, passed=False, because=facts.problem)
    if view.params.scope == "all" and Operation.END_ALL_SESSIONS not in facts.can:
        return GuardResult(name=name, passed=False, because=f"{facts.provider} cannot end everybody's sessions at once")
    ends = ends_all(facts.can, view.params.scope, own=facts.own)
    stay = named_tenants(facts.elsewhere) if ends else "the provider's"
    if ends and not stay:
        return GuardResult(name=name, passed=True, because=f"{facts.provider} ends all its sessions")
    if facts.honours_not_before:
        because = f"the application refuses sessions from before auth.session.notBefore; {stay} stay"
        return GuardResult(name=name, passed=True, because=because)
    cannot = f"end the sessions of {stay}, which are at other providers" if ends else "end this tenant's sessions alone"
    because = (
        f"{facts.provider} cannot {cannot}; let the application honour auth.session.notBefore, "
        "then set OPSSPINE_IDENTITY__HONOURS_NOT_BEFORE=true"
    )
    return GuardResult(name=name, passed=False, because=because)


def ends_all(can: Collection[Operation], scope: str, *, own: bool) -> bool:
    """True when the provider itself ends its sessions: all of them, or the tenant's where it shares it with nobody."""
    return Operation.END_ALL_SESSIONS in can and (scope == "all" or own)


def named_tenants(tenants: Collection[str]) -> str:
    """Tenants, for people; of many only some."""
    more = f" and {len(tenants) - _MOST_TENANTS} more" if len(tenants) > _MOST_TENANTS else ""
    return ", ".join([name[:60] for name in tenants][:_MOST_TENANTS]) + more


def webhook_ready(view: GuardView) -> GuardResult:
    """Signed webhooks reach the application."""
    name, facts = "webhook_ready", view.site.identity
    if facts is None:
        return _unknown(name, "whether the application takes webhooks was not looked up")
    because = (
        "signed webhooks are configured"
        if facts.webhook
        else "the application takes no webhooks: set OPSSPINE_WEBHOOK__URL and OPSSPINE_WEBHOOK__SECRET (not in dev)"
    )
    return GuardResult(name=name, passed=facts.webhook, because=because)


def links_alive(view: GuardView) -> GuardResult:
    """Only mails whose link is still good are sent again."""
    name = "links_alive"
    if view.params is None:
        return _unknown(name, "which mails are meant is unknown")
    lives = (view.site.link_minutes or {}).get(view.params.token)
    if lives is None:
        because = f"how long a link of {view.params.token} lives is not configured: OPSSPINE_POLICY__LINK_MINUTES"
        return _unknown(name, because)
    because = f"mails of the last {view.params.newer_than_minutes:.0f} min, their links live {lives:.0f} min"
    return GuardResult(name=name, passed=view.params.newer_than_minutes <= lives, because=because)


def _admins_left(name: str, view: GuardView, least: int) -> GuardResult:
    facts = view.site.identity
    if facts is None or facts.able is None:
        because = "administrators could not be looked up" if facts is None or not facts.problem else facts.problem
        return _unknown(name, because)
    left = facts.able - {target.lower() for target in view.targets}
    many = f"{len(left)} administrators who can log in remain, {least} must"
    return GuardResult(name=name, passed=len(left) >= least, because=many)


def _among(targets: Iterable[str], names: frozenset[str]) -> list[str]:
    return [target for target in targets if target.lower() in names]


def _shown(names: list[str]) -> str:
    return ", ".join(name[:60] for name in names[:_MOST_SHOWN])


def _unknown(name: str, because: str) -> GuardResult:
    return GuardResult(name=name, passed=None, because=f"{because}; refused to be safe")
