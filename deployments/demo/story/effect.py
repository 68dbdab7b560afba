"""The mitigation works: in the application, at the attacker, for people, and in the spine's own judgement."""

import time
from collections.abc import Callable
from datetime import timedelta

from deployments.demo.app.flag import THROTTLE
from deployments.demo.scene import Scene
from deployments.demo.stage import HopelessError, Stage
from deployments.demo.traffic.login import Answer
from deployments.demo.traffic.tally import Tally

_WINDOW_SECONDS = 6.0
_TRIES = 30
"""Tries the attacker must make within the window: an attack that pauses proves nothing."""
_LEAST_DROP = 0.8
_PEOPLE = 12
_COLLEAGUES = 3
_MOST_HARM = 0.05


def stages(scene: Scene, verify_seconds: float) -> list[Stage]:
    """The stages while the mitigation holds."""

    def watched(check: Callable[[Scene], str | None]) -> Callable[[], str | None]:
        return lambda: check(scene)

    return [
        Stage(name="throttled", title="The shop reads it and throttles", check=watched(_throttled), seconds=15),
        Stage(name="dropped", title="Failures really drop", check=watched(_dropped), seconds=25),
        Stage(name="spared", title="People still get in", check=watched(_spared), seconds=30),
        Stage(name="verified", title="Verification says: fixed", check=watched(_verified), seconds=verify_seconds),
    ]


def _throttled(scene: Scene) -> str | None:
    """The flag is on for the attackers and for nobody else, and the shop acts on it."""
    flags, population, lease = scene.flags, scene.population, scene.gated_lease()
    if lease is None:
        return None
    hostile = [ip for ip in population.attack_addresses if flags.evaluate(THROTTLE, ip)["value"]]
    spared = population.customers[0].ip, population.office[0].ip
    if any(flags.evaluate(THROTTLE, ip)["value"] for ip in spared):
        raise HopelessError(f"{THROTTLE} is on for people who did nothing")
    refused = scene.records.events("login_throttled", lease["applied_at"], population.attack_addresses)
    if not hostile or not refused:
        return None
    scene.marks.throttled = time.monotonic()
    return f"on for {len(hostile)} of {len(population.attack_addresses)} attackers, off for people; first 429s arrived"


def _dropped(scene: Scene) -> str | None:
    """Fewer passwords are tried, as the attacker counts and as the events tell, while the attack goes on."""
    marks, now = scene.marks, time.monotonic()
    since = now - _WINDOW_SECONDS
    if since < marks.throttled or scene.attacker.between(since).total() < _TRIES:
        return None
    lease = scene.gated_lease()
    if lease is None:
        return None
    span = (lease["applied_at"] - scene.wall(marks.attack)).total_seconds()
    before = scene.guesses_per_second(marks.attack, marks.attack + span)
    after = scene.guesses_per_second(since)
    hostile, moment = scene.population.attack_addresses, scene.wall(marks.attack)
    failed = scene.records.events("login_failed", moment, hostile)
    failed_lately = scene.records.events("login_failed", scene.wall(now) - timedelta(seconds=_WINDOW_SECONDS), hostile)
    early = (failed - scene.records.events("login_failed", lease["applied_at"], hostile)) / max(span, 0.001)
    late = failed_lately / _WINDOW_SECONDS
    if after > (1 - _LEAST_DROP) * before or late > (1 - _LEAST_DROP) * early:
        return None
    return f"attacker: {before:.1f} → {after:.1f} passwords tried a second; events: {early:.1f} → {late:.1f} failures"


def _spared(scene: Scene) -> str | None:
    """People at home and in the office get in as before, as they themselves count."""
    texts = []
    for who, tally, enough in (("at home", scene.customers, _PEOPLE), ("office", scene.office, _COLLEAGUES)):
        since = tally.between(scene.marks.throttled)
        if since.total() < enough:
            return None
        harm = _share(tally, 0.0, scene.marks.throttled) - _share(tally, scene.marks.throttled)
        if harm > _MOST_HARM:
            raise HopelessError(f"people ({who}) suffer: {dict(since)}")
        texts.append(f"{who} {since[Answer.WELCOME]} of {since.total()}")
    return ", ".join(texts)


def _share(tally: Tally, since: float, until: float = float("inf")) -> float:
    return tally.share(Answer.WELCOME, since, until) or 0.0


def _verified(scene: Scene) -> str | None:
    """The spine's own verdict, as its audit trail has it. Inconclusive is not the end: it asks for more time."""
    incident = scene.incident()
    if incident is None:
        return None
    for entry in scene.records.audited("verification.completed", incident["id"]):
        outcome, because = entry["data"]["outcome"], entry["data"]["after"]["because"]
        if outcome == "fixed":
            return str(because)
        if outcome in ("not_fixed", "harmful"):
            raise HopelessError(f"verification said {outcome}: {because}")
    return None
