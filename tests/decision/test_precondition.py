"""Guards of single actions: what lets each pass, what stops it, and that not knowing stops it, too."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from spine import precondition
from spine.action import GuardView, SiteFacts
from spine.case_example import NOW
from spine.decision.blast import COLUMNS, DETAILS
from spine.plan import BlastRadius
from tasks.mitigations import actions

RADIUS = BlastRadius(
    window_start=NOW - timedelta(hours=1), window_end=NOW, attack_events=0, attack_stopped=0, legitimate_events=0,
    legitimate_hit=0, legitimate_users_hit=0, cap=1,
)  # fmt: skip
NOTHING = SiteFacts(
    allowlist=None, own_networks=None, probe_networks=None, captcha_provider=None, captcha_accessible=None
)


def rows(*told: dict[str, object]) -> pd.DataFrame:
    """Attempts of which only these columns matter."""
    whole = [
        {"id": str(n), "type": "x", "occurred_at": NOW - timedelta(minutes=40), "user_id": f"u{n}", **one}
        for n, one in enumerate(told)
    ]
    frame = pd.DataFrame(whole, columns=[*COLUMNS, *DETAILS, "fate"])
    return frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"], utc=True))


def view(key: str, *, site: dict[str, Any] | None = None, params: dict[str, Any] | None = None, **facts: Any) -> Any:
    """What the guard of action `key` sees."""
    base = GuardView(
        params=actions()[key].spec.parse(params or {}), targets=(), blast_radius=RADIUS,
        site=replace(NOTHING, **(site or {})), logins=rows(), began=NOW - timedelta(minutes=30),
    )  # fmt: skip
    return replace(base, **facts)


def requests(users: int, each: int, addresses: int) -> pd.DataFrame:
    """Resets asked for: `each` times by every one of `users`, from `addresses`."""
    return rows(
        *(
            {"type": "password_reset_requested", "user_id": f"u{n}", "ip": f"192.0.2.{n % addresses}"}
            for n in range(users)
            for _ in range(each)
        )
    )


def deliveries(n: int, seconds: float) -> pd.DataFrame:
    """Reset mails that took so long."""
    return rows(*[{"type": "password_reset_delivered", "attributes": {"delivery_seconds": seconds}}] * n)


def tokens(**kids: tuple[str, ...]) -> pd.DataFrame:
    """Accepted tokens by service."""
    return rows(*({"fate": "worked", "service": s, "kid": kid} for s, named in kids.items() for kid in named))


def callbacks(n: int) -> pd.DataFrame:
    """Callbacks of so many users of one provider."""
    return rows(*[{"provider": "google"}] * n)


def ways(n: int, other: int) -> dict[str, frozenset[str]]:
    """Of n users, `other` have a password, too."""
    return {f"u{i}": frozenset({"google", "password"} if i < other else {"google"}) for i in range(n)}


BEFORE, AFTER = (NOW - timedelta(minutes=31)).isoformat(), (NOW - timedelta(minutes=29)).isoformat()
READY = {"email_secondary": "ses", "email_secondary_ready": True}
SHORT = {"link_minutes": {"reset": 20}}
ONLY, BOTH = tokens(api=("k1",), web=("k1", "k2")), tokens(api=("k1", "k2"), web=("k2",))
BACK, GOOD = {"provider": "google", "version": "v41"}, {"oauth_known_good": {"google": "v41"}}
GOOGLE, KEY, ISSUER = ("google",), ("k1",), ("https://id.example.org",)


@pytest.mark.parametrize(
    ("guard", "seen", "passed"),
    [
        ("factors_from_before", view("user.stepup_require", params={"factors_before": BEFORE}), True),
        ("factors_from_before", view("user.stepup_require", params={"factors_before": AFTER}), False),
        ("factors_from_before", view("user.stepup_require"), False),
        ("factors_from_before", view("user.stepup_require", began=None), None),
        ("secondary_ready", view("email.failover", site=READY), True),
        ("secondary_ready", view("email.failover", site=READY | {"email_secondary_ready": False}), False),
        ("secondary_ready", view("email.failover", site=READY | {"email_secondary": ""}), False),
        ("abuse_proven", view("reset.pause", along=requests(30, 4, 30)), False),
        ("abuse_proven", view("reset.pause", along=requests(1, 5, 1)), True),
        ("abuse_proven", view("reset.pause", along=requests(20, 1, 1)), True),
        ("abuse_proven", view("reset.pause", along=rows()), False),
        ("abuse_proven", view("reset.pause", along=requests(20, 1, 1), blast_radius=None), None),
        ("links_too_short", view("token.ttl_set", site=SHORT, logins=deliveries(20, 1500)), True),
        ("links_too_short", view("token.ttl_set", site=SHORT, logins=deliveries(20, 900)), False),
        ("links_too_short", view("token.ttl_set", site=SHORT, logins=deliveries(19, 1500)), None),
        ("links_too_short", view("token.ttl_set", site={"link_minutes": {}}, logins=deliveries(20, 1500)), None),
        ("another_way", view("oauth.provider_disable", targets=GOOGLE, logins=callbacks(20), ways=ways(20, 19)), True),
        ("another_way", view("oauth.provider_disable", targets=GOOGLE, logins=callbacks(20), ways=ways(20, 18)), False),
        ("another_way", view("oauth.provider_disable", targets=GOOGLE, logins=rows(), ways={}), None),
        ("another_way", view("oauth.provider_disable", targets=GOOGLE, logins=callbacks(20)), None),
        ("known_good_version", view("oauth.config_rollback", params=BACK, site=GOOD), True),
        ("known_good_version", view("oauth.config_rollback", params=BACK | {"version": "v40"}, site=GOOD), False),
        ("known_good_version", view("oauth.config_rollback", site=GOOD), False),
        ("known_good_version", view("oauth.config_rollback", params=BACK), None),
        ("issuer_known", view("jwks.refresh", targets=ISSUER, site={"issuers": ISSUER}), True),
        ("issuer_known", view("jwks.refresh", targets=ISSUER, site={"issuers": ()}), False),
        ("issuer_known", view("jwks.refresh", targets=("http://a",), site={"issuers": ("http://a",)}), False),
        ("not_compromised", view("jwt.kid_overlap", targets=KEY, site={"compromised_kids": ()}), True),
        ("not_compromised", view("jwt.kid_overlap", targets=KEY, site={"compromised_kids": KEY}), False),
        ("formerly_trusted", view("jwt.kid_overlap", targets=KEY, site={"former_kids": KEY}), True),
        ("formerly_trusted", view("jwt.kid_overlap", targets=KEY, site={"former_kids": ()}), False),
        ("replacement_live", view("jwt.kid_reject", targets=KEY, logins=BOTH), True),
        ("replacement_live", view("jwt.kid_reject", targets=KEY, logins=ONLY), False),
        ("replacement_live", view("jwt.kid_reject", targets=KEY), None),
        ("origin_has_headroom", view("cache.disable_shared", site={"origin_headroom": 0.3}), True),
        ("origin_has_headroom", view("cache.disable_shared", site={"origin_headroom": 0.29}), False),
    ],
)  # fmt: skip
def test_what_a_guard_makes_of_it(guard: str, seen: GuardView, passed: bool | None) -> None:
    result = getattr(precondition, guard)(seen)
    assert (result.name, result.passed) == (guard, passed), result.because


@pytest.mark.parametrize("key", sorted(actions()))
def test_a_guard_that_knows_nothing_lets_nothing_pass(key: str) -> None:
    spec = actions()[key].spec
    blind = replace(view(key), blast_radius=None, began=None, targets=("x",))
    assert all(guard(blind).passed is not True for guard in spec.guards)
