"""throttle: whether guessing a password is slowed down, and a captcha asked for."""

import json

from spine.diagnostic import Answer, Check, Receipt, State
from spine.errors import Refused, Transient
from spine.launch import Item
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.guard import Response
from tasks.launch import LaunchCheck, Ports, unset

_SLOWED = 429
_REFUSED = frozenset({400, 401, 403, 422})


async def run(ports: Ports) -> Answer:
    """Guess a synthetic user's password until the application has enough of it."""
    own = ports.settings.launch.throttle
    if own.url is None:
        return Answer(CHECK.item.key, (unset("throttle", "THROTTLE__URL"), unset("captcha", "THROTTLE__URL")))
    content, marker = json.dumps(own.body).encode(), own.captcha_marker.lower().encode()
    receipts: list[Receipt] = []
    slowed = asked = 0
    for attempt in range(1, own.attempts + 1):
        try:
            answer = await _guess(ports, own.url, content, attempt)
        except (Refused, Transient) as error:
            return Answer(CHECK.item.key, (failed("throttle", error), failed("captcha", error)), tuple(receipts))
        receipts.append(answer.receipt)
        if 200 <= answer.status < 300 and attempt == 1:
            because = "the wrong password was accepted; choose a synthetic user in OPSSPINE_LAUNCH__THROTTLE__BODY"
            return Answer(CHECK.item.key, (Check("throttle", State.BAD, because),), tuple(receipts))
        if answer.status not in _REFUSED | {_SLOWED}:
            because = f"the login answers with {answer.status}, neither refused nor slowed down; look at it"
            return Answer(CHECK.item.key, (Check("throttle", State.UNKNOWN, because),), tuple(receipts))
        asked = asked or (attempt if marker in answer.body.lower() else 0)
        slowed = slowed or (attempt if answer.status == _SLOWED else 0)
        if slowed and asked:
            break
    return Answer(CHECK.item.key, (_throttle(slowed, own.attempts), _captcha(asked, own.attempts)), tuple(receipts))


async def _guess(ports: Ports, url: str, content: bytes, attempt: int) -> Response:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    asked = f"wrong password, attempt {attempt}"
    return await ports.guard.fetch(url, asked=asked, method="POST", headers=headers, content=content)


def _throttle(slowed: int, attempts: int) -> Check:
    if slowed:
        return Check("throttle", State.OK, f"slowed down at attempt {slowed}", {"attempt": slowed})
    because = f"{attempts} wrong passwords and no 429: anybody may guess; limit logins by user and by address"
    return Check("throttle", State.BAD, because, {"attempts": attempts})


def _captcha(asked: int, attempts: int) -> Check:
    if asked:
        return Check("captcha", State.OK, f"a captcha is asked for at attempt {asked}", {"attempt": asked})
    because = f"{attempts} wrong passwords and no captcha: programs may guess; ask for one, or correct CAPTCHA_MARKER"
    return Check("captcha", State.BAD, because, {"attempts": attempts})


CHECK = LaunchCheck(
    item=Item(key="throttle", title="Guessing is slowed down"),
    run=run,
    looks_at="Wrong passwords for a synthetic user until the login answers 429 and asks for a captcha.",
)
