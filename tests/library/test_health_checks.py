"""Health checks from plain callables, and cache keys."""

from datetime import timedelta
from threading import Event

from hypothesis import given
from hypothesis import strategies as st

from spine.cache_key import cache_key
from spine.health import Status, run_checks
from spine.ids import TenantId


def _raises() -> None:
    raise ConnectionError("cannot reach postgres://user:hunter2@db/x")


def test_every_kind_of_answer() -> None:
    health = run_checks(
        {
            "none": lambda: None,
            "true": lambda: True,
            "text": lambda: "3 replicas",
            "false": lambda: False,
            "warns": lambda: Status.WARN,
            "raises": _raises,
            "slack": lambda: False,
        },
        comfort={"slack"},
    )
    assert {c.name: c.status.value for c in health.checks} == {
        "none": "pass", "true": "pass", "text": "pass", "false": "fail", "warns": "warn", "raises": "fail",
        "slack": "warn",
    }  # fmt: skip
    assert health.status is Status.FAIL


def test_an_error_tells_no_secret() -> None:
    (check,) = run_checks({"db": _raises}).checks
    assert check.output.startswith("ConnectionError")
    assert "hunter2" not in check.output


def test_a_check_that_hangs_fails_in_time_and_spoils_no_other() -> None:
    over, ended = Event(), []

    def slow() -> None:
        ended.append(over.wait(30))

    health = run_checks({"slow": slow, "quick": lambda: True}, timeout=timedelta(seconds=0.1))
    assert not ended, "nobody waited for it"
    over.set()
    assert [c.status for c in health.checks] == [Status.FAIL, Status.PASS]


def test_the_worst_part_is_the_whole() -> None:
    assert run_checks({}).status is Status.PASS
    assert run_checks({"a": lambda: True, "b": lambda: Status.WARN}).status is Status.WARN


words = st.text(max_size=8)


@given(words, words, st.lists(words, max_size=3), words, words, st.lists(words, max_size=3))
def test_two_keys_are_equal_only_for_the_same_tenant_and_parts(
    tenant: str, space: str, parts: list[str], other: str, other_space: str, others: list[str]
) -> None:
    same = (tenant, space, *parts) == (other, other_space, *others)
    keys = cache_key(TenantId(tenant), space, *parts), cache_key(TenantId(other), other_space, *others)
    assert (keys[0] == keys[1]) is same
