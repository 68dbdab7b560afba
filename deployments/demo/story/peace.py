"""Before the attack: everything is up, a week is behind us, and people log in."""

import httpx

from deployments.demo.app.flag import THROTTLE
from deployments.demo.scene import Scene
from deployments.demo.stage import Stage
from deployments.demo.traffic.login import Answer

_VISITS = 12


def stages(scene: Scene, history_events: int, history_took: float) -> list[Stage]:
    """The stages up to the attack."""

    def ready() -> str | None:
        answer = httpx.get(f"{scene.gateway_url}/readyz", timeout=5)
        return f"gateway {scene.gateway_url}" if answer.status_code == 200 else None

    def history() -> str | None:
        stored = scene.records.all_events()
        if stored < history_events:
            return None
        return f"{history_events:,} events of eight days, ingested in {history_took:.1f} s"

    def people() -> str | None:
        return _people(scene)

    return [
        Stage(name="up", title="The spine is up", check=ready, seconds=10),
        Stage(name="history", title="It knows the shop's history", check=history, seconds=10),
        Stage(name="people", title="People log in to the shop", check=people, seconds=40),
    ]


def _people(scene: Scene) -> str | None:
    """People get in, their events arrive, and the shop's flag is off; what it is now is what must come back."""
    seen = scene.customers.between() + scene.office.between()
    arrived = scene.records.events("login_succeeded", scene.records.since)
    if seen[Answer.WELCOME] < _VISITS or arrived < _VISITS:
        return None
    scene.marks.flag_before = scene.flags.evaluate(THROTTLE, scene.population.attack_addresses[0])
    scene.marks.bases_before = scene.records.flags()
    if scene.marks.flag_before["value"] is not False:
        return None
    version = scene.marks.bases_before[THROTTLE][0]
    return f"{seen[Answer.WELCOME]} of {seen.total()} got in, {arrived} events arrived; {THROTTLE} is off (v{version})"
