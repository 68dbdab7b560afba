"""The audit chain as pure functions: whatever is done to a chain is found, and what was not touched is whole."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from spine.audit import AuditAction, AuditEntry, Head, Link, chain, entry, genesis, verify_chain
from spine.checkpoint import Checkpoint, public_key, public_text, read, signed
from spine.errors import Refused
from spine.ids import TenantId

T = TenantId("acme")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def made(number: int, **more: Any) -> AuditEntry:
    at = NOW + timedelta(seconds=number)
    return entry(T, AuditAction.ACTION_EXECUTED, actor="engine", at=at, subject=f"lease:{number}", **more)


def linked(entries: Sequence[AuditEntry], tenant: TenantId = T) -> list[Link]:
    links, previous = [], genesis(tenant)
    for number, one in enumerate(entries, 1):
        text = one.canonical()
        links.append(Link(tenant, number, previous, chain(previous, text), text))
        previous = links[-1].hash
    return links


def head_of(links: Sequence[Link]) -> Head:
    return Head(T, links[-1].seq, links[-1].hash)


CHAINS = st.integers(2, 12).map(lambda n: linked([made(i) for i in range(n)]))


@given(CHAINS)
def test_an_untouched_chain_is_whole_and_so_is_every_earlier_head(links: list[Link]) -> None:
    heads = [Head(T, link.seq, link.hash) for link in links]
    assert verify_chain(links, T, heads) is None


@given(CHAINS, st.data())
def test_an_edited_entry_is_the_first_bad_one(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(["canonical", "hash", "previous"]))
    links[at] = replace(links[at], **{field: getattr(links[at], field)[:-1] + b"\x00"})
    bad = verify_chain(links, T, [head_of(links)])
    assert bad is not None
    assert (bad.seq, bad.kind) == (at + 1, "edited")


@given(CHAINS, st.data())
def test_an_entry_edited_with_its_hash_breaks_the_next_or_the_head(links: list[Link], data: st.DataObject) -> None:
    head = head_of(links)
    at = data.draw(st.integers(0, len(links) - 1))
    canonical = links[at].canonical + b" "
    links[at] = replace(links[at], canonical=canonical, hash=chain(links[at].previous, canonical))
    bad = verify_chain(links, T, [head])
    assert bad is not None
    assert (bad.seq, bad.kind) == ((at + 2, "reordered") if at + 1 < len(links) else (at + 1, "forked"))


@given(CHAINS, st.data())
def test_a_deleted_entry_is_missing_or_the_chain_is_truncated(links: list[Link], data: st.DataObject) -> None:
    head = head_of(links)
    at = data.draw(st.integers(0, len(links) - 1))
    last = at == len(links) - 1
    del links[at]
    bad = verify_chain(links, T, [head])
    assert bad is not None
    assert (bad.seq, bad.kind) == (at + 1, "truncated" if last else "missing")


@given(CHAINS, st.data())
def test_two_entries_that_changed_places_are_found_at_the_first(links: list[Link], data: st.DataObject) -> None:
    one, other = sorted(data.draw(st.lists(st.integers(0, len(links) - 1), min_size=2, max_size=2, unique=True)))
    first, second = links[one], links[other]
    links[one], links[other] = replace(second, seq=first.seq), replace(first, seq=second.seq)
    bad = verify_chain(links, T)
    assert bad is not None
    assert (bad.seq, bad.kind) == (one + 1, "reordered")


@given(CHAINS, st.data())
def test_a_fork_is_found_in_the_chain_and_against_a_head(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    canonical = made(99).canonical()
    branch = Link(T, at + 1, links[at].previous, chain(links[at].previous, canonical), canonical)
    doubled = verify_chain([*links[: at + 1], branch, *links[at + 1 :]], T)
    assert doubled is not None
    assert (doubled.seq, doubled.kind) == (at + 1, "forked")
    replaced = verify_chain([*links[:at], branch], T, [Head(T, at + 1, links[at].hash)])
    assert replaced is not None
    assert (replaced.seq, replaced.kind) == (at + 1, "forked")


def test_a_chain_does_not_pass_for_another_tenants() -> None:
    links = [replace(link, tenant_id=TenantId("other")) for link in linked([made(1), made(2)])]
    bad = verify_chain(links, TenantId("other"))
    assert bad is not None
    assert (bad.seq, bad.kind) == (1, "reordered")


@given(CHAINS)
def test_an_export_comes_back_as_the_same_links(links: list[Link]) -> None:
    assert [Link.of_export(json.loads(link.exported())) for link in links] == links


def test_an_entry_is_a_canonical_cloudevent_without_secrets() -> None:
    one = made(1, before={"api_key": "k"}, after=2.50, detail={"note": "Bearer abcdefghijkl", "ß": "€"})
    event = json.loads(one.canonical())
    assert one.canonical() == rfc8785.dumps(event)
    assert {"specversion", "id", "source", "type"} <= set(event)
    assert event["type"] == "opsspine.action.executed"
    assert event["data"]["before"] == {"api_key": "[redacted]"}
    assert "abcdefghijkl" not in one.canonical().decode()


def test_the_id_is_the_contents_identity() -> None:
    assert made(1).id == made(1).id
    assert made(1).id != made(1, outcome="failed").id
    assert made(1).id != made(2).id
    assert replace(made(1), tenant_id=TenantId("b")).id != made(1).id


def test_there_are_nineteen_actions_and_each_makes_an_event() -> None:
    assert len(AuditAction) == 19
    for action in AuditAction:
        event = entry(T, action, actor="a", at=NOW, subject="s").event()
        assert event["type"] == f"opsspine.{action.value}"
        assert 1000 < event["ocsfclass"] < 8000


def test_a_time_without_zone_and_an_unknown_action_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        entry(T, AuditAction.RUNBOOK_RUN, actor="a", at=datetime(2026, 3, 1), subject="s")
    with pytest.raises(ValueError, match="not a valid AuditAction"):
        entry(T, "made.up", actor="a", at=NOW, subject="s")  # type: ignore[arg-type]


TENANTS = st.sampled_from([T, TenantId("_"), TenantId("b.c:d")])
SEEN = st.lists(
    st.builds(
        Checkpoint,
        st.builds(Head, TENANTS, st.integers(1, 10**12), st.binary(min_size=32, max_size=32)),
        st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)),
    ),
    min_size=1,
)


@given(SEEN)
def test_signed_heads_come_back_by_the_public_key_alone(seen: list[Checkpoint]) -> None:
    key = Ed25519PrivateKey.generate()
    assert read(signed(seen, key), public_key(public_text(key.public_key()))) == seen


@given(SEEN, st.data())
def test_a_changed_checkpoint_is_refused(seen: list[Checkpoint], data: st.DataObject) -> None:
    key = Ed25519PrivateKey.generate()
    text = signed(seen, key)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters(codec="ascii").filter(lambda c: c != text[at])) + text[at + 1 :]
    try:
        found = read(changed, key.public_key())
    except Refused:
        return
    assert found == seen  # base64 has spare bits: the same bytes, spelled otherwise


def test_another_keys_checkpoint_is_refused() -> None:
    text = signed([Checkpoint(Head(T, 1, bytes(32)), NOW)], Ed25519PrivateKey.generate())
    with pytest.raises(Refused, match="not signed by this key"):
        read(text, Ed25519PrivateKey.generate().public_key())


@pytest.mark.parametrize("text", ["", "x", "a+b+c", "opsspine.audit+00+AAAA", "other+00+AQ=="])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="no checkpoint key"):
        public_key(text)


def test_entries_are_made_without_database_or_orchestrator() -> None:
    program = (
        "import sys; import spine.audit, spine.redact, spine.approval, spine.checkpoint, spine.totp;"
        "sys.exit(any(m.split('.')[0] in ('sqlalchemy', 'psycopg', 'prefect', 'fastapi') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
