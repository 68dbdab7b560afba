"""Frames counted from recorded logins are the frames of the examples, counted another way."""

import pandas as pd
import pytest

from spine.detect import detect
from spine.detect.example import NOW, Attempts, frames
from spine.detect.frames import COLUMNS
from spine.detect.recorded import recorded
from spine.ids import TenantId
from spine.settings import DetectSettings

SCENES = {
    "spray beside an office": (
        Attempts("192.0.2.7", users=12, each=3, minutes=14),
        Attempts("192.0.2.8", users=9, each=2, minutes=50),
        Attempts("198.51.100.1", users=30, each=1, minutes=40, ok=True, first=100),
    ),
    "one address that also got in": (
        Attempts("192.0.2.7", users=6, each=2, minutes=4),
        Attempts("192.0.2.7", users=1, each=1, minutes=0, ok=True, first=3),
    ),
    "nothing but people": (Attempts("198.51.100.1", users=5, each=1, minutes=20, ok=True),),
}


def logins(attempts: tuple[Attempts, ...]) -> pd.DataFrame:
    rows = [row for a in attempts for row in a.rows(NOW)]
    return pd.DataFrame(
        {
            "type": ["login_succeeded" if r["ok"] else "login_failed" for r in rows],
            "occurred_at": [r["at"] for r in rows],
            "user_id": [r["user_id"] for r in rows],
            "ip": [r["ip"] for r in rows],
            "country": None,
            "user_agent": "ua",
        }
    )


@pytest.mark.parametrize("attempts", SCENES.values(), ids=SCENES)
def test_they_count_the_same(attempts: tuple[Attempts, ...]) -> None:
    expected = frames(*attempts)
    seen = recorded(logins(attempts), tenant=TenantId("t1"), now=NOW, known_addresses=(), settings=DetectSettings())
    for name, key in (("logins", ["ip", "user_id"]), ("series", ["type"]), ("unknown", ["tenant_id"])):
        one, other = (getattr(f, name).sort_values(key).reset_index(drop=True) for f in (seen, expected))
        pd.testing.assert_frame_equal(one, other[list(COLUMNS[name])], check_dtype=False)
    ever = [f.addresses.set_index("ip")[["known", "failures"]].sort_index() for f in (seen, expected)]
    pd.testing.assert_frame_equal(*ever, check_dtype=False)


def test_known_addresses_are_trusted_however_clumsy() -> None:
    clumsy = (
        Attempts("198.51.100.1", users=20, each=3, minutes=12),
        Attempts("192.0.2.7", users=20, each=3, minutes=12),
    )
    settings = DetectSettings()
    seen = recorded(logins(clumsy), tenant=TenantId("t1"), now=NOW, known_addresses=["198.51.100.1"], settings=settings)
    assert {a for f in detect(seen, settings) for a in f.addresses} == {"192.0.2.7"}
