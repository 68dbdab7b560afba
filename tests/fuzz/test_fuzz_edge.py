"""Cursors, alerts, tokens, names, settings: what people, browsers, monitors and files say is understood or refused."""
# ruff: noqa: PT017 - to be refused and to be taken are both right; what is checked is how

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deployments.settings_file import overlaid
from gateway.api.alertmanager import Webhook
from gateway.paging import encode, number, place
from gateway.problem import Problem
from spine.errors import Refused
from spine.probe import host_name, parse_url
from spine.redact import redact
from spine.settings import Settings
from spine.token import flaw_of, refusal_of
from spine.totp import accepted_step, new_secret, step_at

SECRET = new_secret()
FUZZ = settings.get_profile("fuzz")
TEXT = st.text(max_size=12) | st.sampled_from(["", "\x00", "\ud800", "9" * 400, "é"])
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


def packed(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@FUZZ
@given(TEXT | JSON.map(packed) | st.lists(JSON, max_size=4).map(lambda rest: encode("incidents", (), rest)))
@example(base64.urlsafe_b64encode(b"[" * 90_000).decode())
@example(encode("incidents", (), ["9999-12-31T23:59:59-23:59", "00000000-0000-0000-0000-000000000000"]))
@example(encode("incidents", (), [["2026-01-01T00:00:00Z"], 5]))
def test_a_cursor_is_one_of_ours_or_a_422(cursor: str) -> None:
    for read in (place, number):
        try:
            read(cursor, "incidents")
        except Problem as problem:
            assert problem.status == 422


ALERT = st.fixed_dictionaries(
    {}, optional={
        "status": st.sampled_from(["firing", "resolved"]) | JSON,
        "labels": st.dictionaries(TEXT, TEXT, max_size=4) | JSON,
        "startsAt": st.just("2026-11-23T03:04:05Z") | JSON, "fingerprint": st.just("c1a5b9f3") | JSON,
    },
)  # fmt: skip


@FUZZ
@given(
    st.fixed_dictionaries({"version": st.just("4") | JSON, "alerts": st.lists(ALERT | JSON, max_size=3) | JSON}) | JSON
)
def test_an_alert_is_understood_or_refused(sent: Any) -> None:
    try:
        taken = Webhook.model_validate(sent)
    except ValidationError:
        return
    for alert in taken.alerts:
        json.dumps(alert.model_dump(mode="json")).encode("utf-8")
        assert all("\x00" not in word for label in alert.labels.items() for word in label)


@FUZZ
@given(JSON)
def test_what_a_verifier_said_of_a_token_has_a_meaning(said: Any) -> None:
    flaw_of(said)
    refusal_of(said)


@FUZZ
@given(
    st.text(max_size=60)
    | st.sampled_from(["0x7f.1", "1.2.3", "[::1%25eth0]", "xn--", "a" * 300, "2130706433", "\uff11.1"])
)
def test_a_name_to_probe_is_plain_or_refused(text: str) -> None:
    for read in (host_name, parse_url):
        try:
            read(text)
        except Refused as refusal:
            assert refusal.code.startswith("probe.")


@FUZZ
@given(JSON)
def test_redaction_takes_anything_and_its_work_can_be_stored(value: Any) -> None:
    stored = json.dumps(redact(value), allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in stored
    stored.encode("utf-8")


@FUZZ
@given(TEXT | st.text(alphabet="0123456789 ", max_size=8))
@example("\ud800")
@example("\uff11\uff12\uff13\uff14\uff15\uff16")
def test_what_is_typed_as_a_code_is_right_or_wrong(code: str) -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    step = accepted_step(SECRET, code, at=at, last_step=0)
    assert step is None or step in range(step_at(at) - 1, step_at(at) + 2)


TOML = st.sampled_from([
    "[detect]\ninterval_seconds = ", "[policy]\nallowlist = ", "[detect.bucket]\nleak_seconds = ", "env = ",
    "[nobody]\nx = ",
    "[policy.ttl_seconds]\n\"ip.throttle\" = ", "detect = ",
])  # fmt: skip
VALUE = st.sampled_from(["5", "-1", "nan", "inf", "1e999", '"x"', "[]", '["198.51.100.0/24"]', '["x"]', "{}", "true",
                         "9" * 30, "2026-01-01", '"\\u0000"'])  # fmt: skip


@FUZZ
@given(st.lists(st.tuples(TOML, VALUE), max_size=3), st.binary(max_size=40), st.booleans())
def test_a_file_of_settings_is_settings_or_refused(
    tmp_path: Path, lines: list[tuple[str, str]], noise: bytes, noisy: bool
) -> None:
    file = tmp_path / "changed.toml"
    file.write_bytes("\n".join(f"{key}{value}" for key, value in lines).encode() + (noise if noisy else b""))
    try:
        assert isinstance(overlaid(file), Settings)
    except Refused as refusal:
        assert refusal.code.startswith("settings.")
