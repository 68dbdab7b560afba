"""The mitigation ends, everything is as before, and the record proves it."""

from collections.abc import Awaitable, Callable

from deployments.demo.app.flag import THROTTLE
from deployments.demo.scene import Scene
from deployments.demo.stage import HopelessError, Stage

_AUDITED = (
    "incident.opened",
    "decision.created",
    "approval.requested",
    "approval.decided",
    "stepup.decided",
    "action.executed",
    "flag.changed",
    "verification.completed",
    "rollback.executed",
    "incident.closed",
)


def stages(
    scene: Scene, end_attack: Callable[[], Awaitable[None]], verify_audit: Callable[[], str], lease_seconds: float
) -> list[Stage]:
    """The stages after the verdict."""

    def watched(check: Callable[[Scene], str | None]) -> Callable[[], str | None]:
        return lambda: check(scene)

    def audit() -> str | None:
        return _audit(scene, verify_audit)

    return [
        Stage(
            name="released",
            title="The lease ends",
            check=watched(_released),
            seconds=lease_seconds,
            begin=end_attack,
        ),
        Stage(name="restored", title="The flag is what it was", check=watched(_restored), seconds=10),
        Stage(name="resolved", title="The incident is resolved", check=watched(_resolved), seconds=45),
        Stage(name="audit", title="The audit trail verifies", check=audit, seconds=20),
    ]


def _released(scene: Scene) -> str | None:
    incident = scene.records.incident()
    leases = [le for le in scene.records.leases(incident["id"]) if le["ttl_seconds"]] if incident else []
    if not leases or any(lease["state"] != "reverted" for lease in leases):
        return None
    gated = scene.gated_lease()
    if gated is None:
        return None
    held = (gated["reverted_at"] - gated["applied_at"]).total_seconds()
    return f"{gated['action_key']} reverted after {held:.0f} s ({gated['revert_reason']})"


def _restored(scene: Scene) -> str | None:
    """Not merely off: the same answer over OFREP, and the same version and definition of every flag."""
    bases = scene.records.flags()
    if bases != scene.marks.bases_before:
        raise HopelessError("a flag's base definition is not the one from before")
    answer = scene.flags.evaluate(THROTTLE, scene.population.attack_addresses[0])
    if answer != scene.marks.flag_before or scene.records.holds():
        return None
    return f"{THROTTLE}: version {bases[THROTTLE][0]}, same definition, same answer"


def _resolved(scene: Scene) -> str | None:
    incident = scene.incident()
    if incident is None or incident["status"] != "resolved":
        return None
    return f"{(incident['resolved_at'] - incident['opened_at']).total_seconds():.0f} s after it opened"


def _audit(scene: Scene, verify_audit: Callable[[], str]) -> str | None:
    """The chain holds, and everything that must be in it is in it."""
    incident = scene.records.incident()
    if incident is None:
        return None
    missing = [action for action in _AUDITED if not scene.records.audited(action, incident["id"])]
    if missing:
        raise HopelessError(f"the audit trail lacks {', '.join(missing)}")
    return verify_audit()
