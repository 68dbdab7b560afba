"""Ranking on, off, absent, corrupted or hostile: the same incidents, the same decisions, the same actions."""

import itertools
import os
import pickle
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import text

import ml.bundle
import ml.predict
from runbooks import catalogue
from spine.ids import TenantId, mint
from spine.plan import Gate
from spine.settings import MlSettings, Settings
from store import incidents, models
from store.bulk import ingest_frame
from store.engine import Database
from store.secrets import Vault
from tasks.detecting import tick
from tasks.leasing import apply_lease, intend_lease, ports_of
from tasks.planning import plan_incident
from tasks.ranking.scoring import score_live

TENANT = TenantId("acme")
MODES = ("absent", "on", "off", "corrupted", "pickle", "other key", "NaN", "raising", "upside down")
Attack = tuple[int, int, int]


class Body:
    """A model's bytes; too many to be told with an example that fails."""

    def __init__(self, of: bytes) -> None:
        self.of = of

    def __repr__(self) -> str:
        return "Body(...)"


class _Bomb:
    def __reduce__(self) -> Any:
        return (os._exit, (99,))


@pytest.fixture(scope="module")
def body(made_lines: list[dict[str, Any]]) -> Body:
    """A good model's bytes, made once."""
    from ml.fit import fit
    from ml.sample import of_line, table

    return Body(ml.bundle.dumped(fit(table([of_line(line) for line in made_lines]), "logistic")))


@pytest.fixture
def fresh(postgres: Any) -> Iterator[Any]:
    """Makes fresh databases, as many as asked for."""
    import psycopg

    numbers, made = itertools.count(), []

    def make() -> Database:
        name = f"never{os.getpid()}_{next(numbers)}"
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(f'create database "{name}" template template_spine strategy file_copy')
        made.append((name, Database(postgres.url(name), pool_size=2)))
        return made[-1][1]

    yield make
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for name, database in made:
            database.close()
            connection.execute(f'drop database "{name}" with (force)')


def _prepare(mode: str, database: Database, installation: Settings, body: Body, now: Any) -> Settings:
    """The installation with a model in `mode`; its settings."""
    if mode == "absent":
        return installation
    key = Vault.of(installation).model_key() if mode != "other key" else b"k" * 32
    stored = pickle.dumps(_Bomb()) if mode == "pickle" else body.of
    with database.system() as connection:
        made = models.put(connection, stored, {"distribution": {}}, key=key, now=now)
        models.promote(connection, made, actor="cli:root", now=now)
        if mode == "corrupted":
            half = stored[: len(stored) // 2]
            connection.execute(text("update models set body = :body"), {"body": half})
    return installation.model_copy(update={"ml": MlSettings(enabled=False)}) if mode == "off" else installation


def _hostile(mode: str, patch: pytest.MonkeyPatch) -> None:
    """Models that load and then misbehave."""
    if mode == "NaN":
        patch.setattr(ml.predict, "probability_of", lambda model, seen: np.full(len(seen), np.nan))
    if mode == "raising":
        patch.setattr(ml.predict, "rank_of", lambda model, seen: 1 / 0)
    if mode == "upside down":
        real = ml.predict.rank_of
        patch.setattr(ml.predict, "rank_of", lambda model, seen: 1 - real(model, seen))


def _play(database: Database, settings: Settings, attacks: list[Attack], now: Any) -> tuple[Any, int]:
    """Attacks from first event to effect, as the flows play them; what came of it, and how many scores there are."""
    for number, (addresses, users, tries) in enumerate(attacks):
        n = addresses * users * tries
        rows = pd.DataFrame(
            {
                "id": [f"e{number}-{k:05d}" for k in range(n)], "type": "login_failed",
                "occurred_at": [now - timedelta(seconds=1 + 500 * k / n) for k in range(n)],
                "user_id": [f"u{number}-{k % (users * addresses)}" for k in range(n)],
                "ip": [f"203.0.{113 + number}.{1 + k % addresses}" for k in range(n)],
            }
        )  # fmt: skip
        assert ingest_frame(database, rows, tenant_id=TENANT, now=now).accepted == n
    opened = [one.incident for one in tick(database, settings, now).openings]
    score_live(database, settings, now)
    ports = ports_of(settings)
    for incident in opened:
        with database.system() as connection:
            fence = incidents.take(connection, incident.id, None)
        decision = plan_incident(database, settings, catalogue()[incident.kind], incident.id, fence=fence, now=now)
        for step in decision.steps:
            if step.gate is Gate.ALLOW:
                lease = intend_lease(
                    database, tenant=TENANT, incident_id=incident.id, decision_id=decision.decision_id, step=step,
                    fence=fence, ports=ports,
                )  # fmt: skip
                apply_lease(database, lease.id, fence=fence, ports=ports)
        score_live(database, settings, now)
    with database.system() as connection:
        seen = {name: [tuple(row) for row in connection.execute(text(query))] for name, query in _SEEN.items()}
        n = connection.execute(text("select count(*) from incident_scores")).scalar_one()
    return seen, n


_SEEN = {
    "incidents": "select id, kind, subject, status, severity, title, summary::text from incidents order by id",
    "decisions": "select id, incident_id, verb, plan_hash from decisions order by id",
    "actions": "select decision_id, step, action_key, params::text, targets::text, state from leases"
    " order by decision_id, step",
    "messages": "select topic, severity, channel, target from outbox order by 1, 2, 3, 4",
    "flags": "select tenant_id, key, variant, condition::text from flag_holds order by 1, 2, 3, 4",
}


@examples(
    phases=[Phase.generate],
    deadline=None,
    max_examples=3,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(26, 40), st.integers(1, 2)), min_size=1, max_size=2),
    st.sampled_from(MODES[2:]),
)  # fmt: skip
def test_whatever_a_model_is_the_same_is_opened_decided_and_done(
    fresh: Any, installation: Settings, body: Body, now: Any, attacks: list[Attack], mode: str
) -> None:
    seen, site = {}, installation.model_copy(update={"env": "dev"})  # there the engine asks nobody
    for one in ("absent", "on", mode):
        database = fresh()
        with pytest.MonkeyPatch.context() as patch:
            _hostile(one, patch)
            seen[one] = _play(database, _prepare(one, database, site, body, now), attacks, now)
    assert seen["absent"][0]["incidents"]
    assert seen["absent"][0]["decisions"]
    assert seen["absent"][0]["actions"]
    assert seen["absent"][0]["messages"]
    assert seen["on"][0] == seen["absent"][0]
    assert seen[mode][0] == seen["absent"][0]
    assert (seen["absent"][1], bool(seen["on"][1])) == (0, True)
    assert bool(seen[mode][1]) == (mode == "upside down")


@pytest.mark.parametrize("mode", ["corrupted", "pickle", "other key", "NaN", "raising"])
def test_a_model_that_cannot_be_trusted_is_warned_of_once(
    mode: str, database: Database, installation: Settings, body: Body, now: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = _prepare(mode, database, installation, body, now)
    with database.system() as connection:
        connection.execute(_INCIDENT, {"id": mint(), "now": now})
    with pytest.MonkeyPatch.context() as patch:
        _hostile(mode, patch)
        said = [score_live(database, settings, now) for _ in range(3)]
    told = capfd.readouterr()
    assert all("deterministic order" in one for one in said)
    assert (told.out + told.err).count("ranking.untrusted") == 1
    with database.system() as connection:
        assert connection.execute(text("select count(*) from incident_scores")).scalar_one() == 0


_INCIDENT = text("""
    insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at, opened_at,
                          last_finding_at)
    values(:id, 'acme', 'FAILED_LOGINS_SPIKE', 'tenant', 'open', 2, 'failed logins', :now, :now, :now)
""")
