"""The merged evidence of an incident: who took part, how, and how sure we are."""

import hashlib
from collections.abc import Sequence
from typing import Any

from spine.detect.fault.family import FAMILIES
from spine.detect.subject import EVERYWHERE, TENANT, is_everybody
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.severity import Severity

CLASSES = {
    "stuffing_one_address": "stuffing",
    "spray_one_address": "spray",
    "spray_distributed": "spray",
    "user_from_many_addresses": "brute_force",
    "brute_force_one_address": "brute_force",
    "impossible_travel": "impossible_travel",
    "session_flood": "session_flood",
    "crossed_tenants": "suspected",
    "isolation_probe_failed": "suspected",
    "confirmed_cross_tenant_access": "confirmed",
    "admin_login_surprise": "unlike_the_admin",
    "break_glass_login": "break_glass",
    "session_replayed": "replay",
    "refresh_reused": "replay",
    "shared_session": "shared_session",
    "many_devices": "many_devices",
    "guessed_session_ids": "guessed_ids",
    "admin_second_factor_failed": "password_known",
    "admin_pushes_denied": "password_known",
    "admin_change_on_new_device": "takeover",
    "admin_new_identity_provider": "takeover",
    "admins_replaced": "takeover",
    "unsound_token_accepted": "accepted_bad_token",
    "unsound_callback_accepted": "accepted_bad_callback",
}
"""Class of attack by detector; the others are told by their numbers."""

_FAULTS = frozenset(family.kind for family in FAMILIES)


def title(kind: IncidentKind, subject: str, summary: dict[str, Any]) -> str:
    """An incident in one line."""
    told = f"{kind.value} ({summary['class']})"
    if kind not in _FAULTS:
        addresses = summary["addresses_total"]
        return f"{told} from {addresses} address{'' if addresses == 1 else 'es'}"
    where = subject.removeprefix(f"{EVERYWHERE}/")
    return told if where in (TENANT, EVERYWHERE) else f"{told} of {where}"


FACTS = {
    "confirmed_cross_tenant_access": "confirmed_leak",
    "break_glass_login": "break_glass_login",
    "unsound_token_accepted": "accepted_bad_token",
    "unsound_callback_accepted": "accepted_bad_callback",
}
"""What a detector knows for sure when it fires, as spine/suppression.py calls it."""


def hashed(tenant: TenantId, user: str) -> str:
    """A user id fit to leave the database: the same within a tenant, unlinkable across tenants."""
    return hashlib.sha256(f"{tenant}\x1f{user}".encode()).hexdigest()[:32]


def attack_class(finding: Finding) -> str | None:
    """What kind of attack a finding speaks of; None when it cannot tell."""
    if finding.kind in _FAULTS:
        reach = "all_tenants" if is_everybody(finding.subject) else "one_tenant"
        return CLASSES.get(finding.detector, reach)
    if finding.detector == "address_bucket":
        return "stuffing" if finding.observed["users"] > 1 else "brute_force"
    if finding.detector == "unknown_address_users":
        return "stuffing" if (finding.window_end - finding.window_start).total_seconds() <= 3600 else "spray"
    return CLASSES.get(finding.detector)


def merged(summary: dict[str, Any], findings: Sequence[Finding], max_kept: int) -> dict[str, Any]:
    """`summary` with `findings` added. Nothing is taken out; beyond `max_kept` it is counted, at least."""
    new = dict(summary)
    for finding in findings:
        if finding.tenants:
            _add(new, "tenants", finding.tenants, max_kept)
        _add(new, "addresses", finding.addresses, max_kept)
        _add(new, "users", [hashed(finding.tenant_id, user) for user in finding.users], max_kept)
        _add(new, "compromised", [hashed(finding.tenant_id, user) for user in finding.compromised], max_kept)
        detectors = dict(new.get("detectors", {}))
        detectors[finding.detector] = _stronger(detectors.get(finding.detector), finding)
        new["detectors"] = detectors
    new["class"] = _class(new, findings)
    new["severity"] = max([Severity(new.get("severity", 0)), *(f.severity for f in findings)]).value
    return new


def facts(summary: dict[str, Any]) -> frozenset[str]:
    """What is known for sure and may forbid silence."""
    found = {fact for detector, fact in FACTS.items() if detector in summary.get("detectors", {})}
    return frozenset(found | ({"success_after_attack"} if summary.get("compromised") else set()))


def _add(summary: dict[str, Any], name: str, items: Sequence[str], max_kept: int) -> None:
    kept: list[str] = summary.get(name, [])
    have = set(kept)
    fresh = [item for item in dict.fromkeys(items) if item not in have]
    room = max(max_kept - len(kept), 0)
    summary[name] = kept + fresh[:room]
    # those left out are not remembered, so the largest number left out at once is what is certain
    left_out = max(summary.get(f"{name}_left_out", 0), len(fresh[room:]))
    summary[f"{name}_left_out"] = left_out
    summary[f"{name}_total"] = len(summary[name]) + left_out


def _stronger(old: dict[str, Any] | None, finding: Finding) -> dict[str, Any]:
    new = {
        "margin": round(finding.margin, 3),
        "n": finding.n,
        "window_minutes": round((finding.window_end - finding.window_start).total_seconds() / 60, 1),
        "observed": {name: round(float(value), 9) for name, value in finding.observed.items()},
    }
    return new if old is None or new["margin"] >= old["margin"] else old


def _class(summary: dict[str, Any], findings: Sequence[Finding]) -> str:
    told = [(f.margin, name) for f in findings if (name := attack_class(f))]
    if "class" in summary and summary["class"] != "unclear":
        return str(summary["class"])
    return max(told)[1] if told else "unclear"
