"""`opsspine ml …` and what people say of incidents, as they are typed; and what is not imported for it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.cli import app
from spine.ids import TenantId, mint
from spine.person import Role
from spine.settings import Settings
from store import people
from store.engine import Database
from store.secrets import Vault

Told = Callable[..., Any]


@pytest.fixture
def told(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    """Runs `opsspine … --json` on a fresh installation; gives its data, or its error."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", Fernet.generate_key().decode())
    runner = CliRunner()

    def run(*words: str) -> Any:
        answer = json.loads(runner.invoke(app, [*words, "--json"]).stdout)
        return answer["data"] if answer["ok"] else answer["error"]

    return run


def test_a_model_from_samples_to_rollback(
    told: Told, database: Database, tmp_path: Path, made_lines: list[dict[str, Any]], now: Any
) -> None:
    assert told("ml", "train")["code"] == "examples.few"
    assert told("ml", "rollback")["code"] == "model.none"
    assert told("ml", "card")["code"] == "model.none"
    file = tmp_path / "worlds.jsonl"
    file.write_text("not json")
    assert told("ml", "train", "--samples", str(file))["code"] == "sample.malformed"
    file.write_text("".join(json.dumps(line) + "\n" for line in made_lines))
    made = told("ml", "train", "--samples", str(file))
    assert (made["status"], made["examples"]) == ("challenger", len(made_lines))
    assert made["ndcg5"] > made["ndcg5_deterministic"]
    assert told("ml", "evaluate")["since"] is None

    incident = str(mint())
    with database.system() as connection:
        connection.execute(_INCIDENT, {"id": incident, "now": now})
        roles, vault = [(TenantId("acme"), Role.RESPONDER)], Vault.of(Settings())
        people.add(connection, "ann@example.org", "Ann", roles, vault=vault, actor="cli:root", now=now)
    assert told("ml", "promote")["scored"] == "model 1 scored 1 incidents"
    assert [one["id"] for one in told("incidents", "list", "--suggested")] == [incident]
    card = told("ml", "card")
    assert card["status"] == "champion"
    assert "distribution" not in card["card"]
    said = told("incidents", "label", incident, "--as", "ann@example.org", "--outcome", "benign", "--cause", "deploy")
    assert (said["outcome"], said["cause"]) == ("benign", "deploy")
    wrong = told("incidents", "label", incident, "--as", "ann@example.org", "--outcome", "real", "--cause", "magic")
    assert wrong["code"] == "outcome.cause"
    assert told("ml", "rollback")["withdrawn"] == 1
    assert [one["status"] for one in told("ml", "list")] == ["withdrawn"]


def test_nobody_pays_for_libraries_of_models_where_none_is_in_use() -> None:
    code = (
        "import flows.ml_rank, flows.ml_retrain, flows.detect, deployments.cli, gateway.app, sys;"
        "print([name for name in ('sklearn', 'skops') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


_INCIDENT = text("""
    insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at, opened_at,
                          last_finding_at)
    values(:id, 'acme', 'FAILED_LOGINS_SPIKE', 'tenant', 'open', 1, 'failed logins', :now, :now, :now)
""")
