"""The attack is found, planned against, asked about and approved."""

import time
from collections.abc import Awaitable, Callable

from deployments.demo.option import Approve
from deployments.demo.scene import Scene
from deployments.demo.stage import HopelessError, Stage

_KIND = "FAILED_LOGINS_SPIKE"
_TRIES = 25
_SCRIPT_SECONDS = 45
_HAND_SECONDS = 15 * 60
"""As long as a plan is valid."""


def stages(scene: Scene, start_attack: Callable[[], Awaitable[None]], approve: Approve) -> list[Stage]:
    """The stages from the first hostile login to the approval."""
    patience = _HAND_SECONDS if approve == "by-hand" else _SCRIPT_SECONDS

    async def begin() -> None:
        scene.marks.attack = time.monotonic()
        await start_attack()

    def watched(check: Callable[[Scene], str | None]) -> Callable[[], str | None]:
        return lambda: check(scene)

    return [
        Stage(name="attack", title="An attack begins", check=watched(_attacked), seconds=20, begin=begin),
        Stage(name="detected", title="It is detected", check=watched(_detected), seconds=45),
        Stage(name="incident", title="An incident has a plan", check=watched(_planned), seconds=60),
        Stage(name="prompt", title="Slack asks for a decision", check=watched(_asked), seconds=20),
        Stage(name="approved", title="A person approves", check=watched(_approved), seconds=patience),
        Stage(name="lease", title="The mitigation is in force", check=watched(_leased), seconds=30),
    ]


def _attacked(scene: Scene) -> str | None:
    tried = scene.attacker.between().total()
    if tried < _TRIES:
        return None
    addresses = len(scene.population.attack_addresses)
    return f"{tried} tries with a leaked list from {addresses} addresses"


def _detected(scene: Scene) -> str | None:
    incident = scene.incident()
    if incident is None:
        return None
    if incident["kind"] != _KIND:
        raise HopelessError(f"an incident of another kind opened: {incident['kind']}")
    sources = [entry["source"] for entry in scene.records.evidence(incident["id"])]
    detectors = dict.fromkeys(s.removeprefix("detector:") for s in sources if s.startswith("detector:"))
    if not detectors:
        return None
    seconds = (incident["opened_at"] - incident["first_event_at"]).total_seconds()
    return f"{seconds:.1f} s after the first try, by {', '.join(detectors)}"


def _planned(scene: Scene) -> str | None:
    incident = scene.incident()
    decision = scene.records.decision(incident["id"]) if incident else None
    if incident is None or decision is None:
        return None
    if decision["verb"] in ("MONITOR", "INSUFFICIENT_EVIDENCE"):
        return None  # the first seconds show too little to act on; as the attack grows the engine thinks again
    steps = decision["body"]["steps"]
    actions = ", ".join(step["action_key"] for step in steps)
    if decision["verb"] not in ("MITIGATE", "CONTAIN") or not steps:
        denied = "; ".join(
            f"{s['action_key']}: {g['because']}"
            for s in decision["body"]["denied"]
            for g in s["guard_results"]
            if not g["passed"]
        )
        raise HopelessError(f"the engine decided {decision['verb']}, not to mitigate ({denied})")
    return f"{incident['kind']}, severity {incident['severity']}; plan: {actions}"


def _asked(scene: Scene) -> str | None:
    incident = scene.incident()
    approval = scene.records.approval(incident["id"]) if incident else None
    if approval is None or not scene.prompts(approval["id"]):
        return None
    return f"gate {approval['gate']}, plan {approval['plan_hash'][:12]}"


def _approved(scene: Scene) -> str | None:
    incident = scene.incident()
    approval = scene.records.approval(incident["id"]) if incident else None
    if incident is None or approval is None or approval["status"] == "pending":
        return None
    if approval["status"] != "approved":
        raise HopelessError(f"the approval ended {approval['status']}: {approval['reason']}")
    stepped_up = scene.records.audited("stepup.decided", incident["id"])
    code = ", with a one-time code" if any(e["data"]["outcome"] == "ok" for e in stepped_up) else ""
    took = (approval["decided_at"] - approval["requested_at"]).total_seconds()
    return f"via {approval['via']}{code}, {took:.1f} s after the question"


def _leased(scene: Scene) -> str | None:
    lease = scene.gated_lease()
    if lease is None or lease["state"] not in ("active", "verified"):
        return None
    for_seconds = (lease["expires_at"] - lease["applied_at"]).total_seconds()
    return f"{lease['action_key']} on {len(lease['targets'])} networks for {for_seconds:.0f} s"
