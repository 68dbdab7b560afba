"""The image and the compose file: small, without root, nothing secret in them, and every name in them is one."""

import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deployments.cluster.environment import prefect_servers
from deployments.docs.setting import variables
from spine.settings import GatewaySettings, Settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deployments" / "compose"
SERVICE = {
    "type": "object",
    "required": ["image", "restart", "networks", "logging"],
    "properties": {
        "image": {"type": "string", "pattern": r"^(\$\{OPSSPINE_IMAGE:-[a-z]+:[\d.]+\}|[a-z]+:[\w.-]+)$"},
        "build": {"type": "object", "required": ["context", "dockerfile"]},
        "command": {"type": "array", "items": {"type": "string"}},
        "entrypoint": {"type": "array", "items": {"type": "string"}},
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "properties": {
                    "condition": {"enum": ["service_started", "service_healthy", "service_completed_successfully"]}
                },
            },
        },
        "healthcheck": {
            "type": "object",
            "anyOf": [{"required": ["test", "interval", "timeout", "retries"]}, {"required": ["disable"]}],
        },
        "secrets": {"type": "array", "items": {"type": "string"}},
        "volumes": {"type": "array", "items": {"type": "string", "pattern": "^[^:]+:/[^:]+(:ro)?$"}},
        "ports": {"type": "array", "items": {"type": "string", "pattern": r"^127\.0\.0\.1:"}},
        "deploy": {"type": "object", "required": ["replicas"]},
        "restart": {"enum": ["unless-stopped", "on-failure"]},
    },
}


@pytest.fixture(scope="module")
def dockerfile() -> list[list[str]]:
    """Its instructions, a list for each stage."""
    text = (ROOT / "deployments" / "docker" / "Dockerfile").read_text()
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    stages: list[list[str]] = []
    for line in (one for one in lines if one and not one.startswith("#")):
        if line.startswith("FROM "):
            stages.append([])
        stages[-1].append(line)
    return stages


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file, its anchors followed."""
    return dict(yaml.safe_load((COMPOSE / "compose.yaml").read_text()))


def _only(stage: list[str], word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in stage if line.startswith(f"{word} ")]


def test_the_image_is_made_in_two_stages_and_runs_without_root(dockerfile: list[list[str]]) -> None:
    build, final = dockerfile
    assert _only(build, "FROM")[0].endswith(" AS build")
    assert _only(final, "USER") == ["10001:10001"]
    last = [line.split()[0] for line in final]
    assert last.index("USER") > max(i for i, word in enumerate(last) if word in ("RUN", "COPY"))
    assert not any("pip" in line for line in _only(final, "RUN")), "the tools that build stay behind"


def test_the_image_holds_what_the_lock_says_and_nothing_else(dockerfile: list[list[str]]) -> None:
    build, final = dockerfile
    installs = [line for line in _only(build, "RUN") if "install" in line]
    assert any("--require-hashes" in line and "-r requirements.lock" in line for line in installs)
    assert any("--no-deps" in line for line in installs)
    copied = {name for line in _only(build, "COPY") for name in line.split()[:-1]}
    packages = {"spine", "store", "ml", "blocks", "tasks", "runbooks", "flows", "gateway", "deployments"}
    assert packages <= copied
    assert copied - packages == {"requirements.lock", "pyproject.toml", "README.md", "LICENSE"}
    assert all((ROOT / name).exists() for name in copied)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == copied
    assert _only(final, "COPY") == ["--from=build /opt/opsspine /opt/opsspine"]


def test_the_dockerfile_keeps_to_the_usual_rules(dockerfile: list[list[str]]) -> None:
    """What hadolint asks: bases and tools pinned, no ADD, no sudo, one CMD as a list, absolute folders."""
    for stage in dockerfile:
        (base,) = _only(stage, "FROM")
        assert re.match(r"[a-z]+:[\w.-]+( AS \w+)?$", base)
        assert ":latest" not in base
        assert _only(stage, "ADD") == []
        assert not any("sudo" in line or "curl" in line or "apt-get upgrade" in line for line in stage)
        assert all(folder.startswith("/") for folder in _only(stage, "WORKDIR"))
        for line in _only(stage, "RUN"):
            assert not re.search(r"pip install (?!.*(==|-r |--no-deps))", line), f"not pinned: {line}"
    (command,) = _only(dockerfile[-1], "CMD")
    assert json.loads(command) == ["python", "-m", "deployments.gateway"]
    environment = dict(one.split("=", 1) for line in _only(dockerfile[-1], "ENV") for one in line.split())
    ours = {name for name in environment if name.startswith("OPSSPINE_")}
    assert ours <= variables()
    assert not any(word in name for name in environment for word in ("SECRET", "TOKEN", "PASSWORD"))


def test_every_service_has_the_shape_that_compose_wants(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        jsonschema.validate(service, SERVICE)
        assert set(service.get("depends_on", {})) <= set(services)
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        named = {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.startswith(".")}
        assert named <= set(compose["volumes"])
        assert set(service["networks"]) <= set(compose["networks"])
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in services[other]["healthcheck"], f"{name} waits for the health of {other}"


def test_our_services_are_locked_down_and_two_of_each(compose: dict[str, Any]) -> None:
    ours = {name: one for name, one in compose["services"].items() if "OPSSPINE_IMAGE" in one["image"]}
    for one in ours.values():
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in one
    assert {"prefect-1", "prefect-2", "prefect-services"} <= set(ours)
    assert [ours[name]["deploy"]["replicas"] for name in ("gateway", "relay", "runner")] == [2, 2, 2]
    modules = {
        word for one in ours.values() for word in " ".join(one.get("command", [])).split() if "deployments." in word
    }
    assert modules
    assert all(find_spec(module) for module in modules)


def test_every_variable_in_it_is_one_and_none_is_a_secret(compose: dict[str, Any]) -> None:
    names = {name for one in compose["services"].values() for name in one.get("environment", {})}
    assert {name for name in names if name.startswith(("OPSSPINE_", "APP_"))} <= variables()
    wanted = {name for name in prefect_servers("redis://x", "a:b") if name.endswith(("BROKER", "CACHE", "STORAGE"))}
    assert wanted <= names
    assert not any(re.search("PASSWORD$|TOKEN|SECRET|AUTH_STRING", name) for name in names)


def test_nobody_is_believed_about_callers_unless_they_are_named(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "OPSSPINE_GATEWAY__PROXIES"
    said = compose["services"]["gateway"]["environment"][name]
    default = re.fullmatch(rf"\$\{{{name}:-(.*)\}}", said)
    assert default is not None, "it can be set from outside"
    monkeypatch.setenv(name, default[1])
    assert Settings().gateway.proxies == GatewaySettings().proxies
    published = [port for one in compose["services"].values() for port in one.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published), "else whoever reaches it is believed"


def test_secrets_are_made_up_once(tmp_path: Path) -> None:
    script = Path(shutil.copy(COMPOSE / "secrets.sh", tmp_path))
    subprocess.run([script], check=True, capture_output=True)
    folder = tmp_path / "secrets"
    first = {file.name: file.read_text() for file in folder.iterdir()}
    assert set(first) == {"postgres", "redis", "prefect.env", "opsspine.env"}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert first["postgres"] in first["opsspine.env"]
    assert first["redis"] in first["prefect.env"]
    named = {line.split("=")[0] for line in first["opsspine.env"].splitlines()}
    assert named == {"DATABASE_URL", "OPSSPINE_SECRET_KEY", "PREFECT_API_AUTH_STRING"}
    subprocess.run([script], check=True, capture_output=True)
    assert {file.name: file.read_text() for file in folder.iterdir()} == first
    ignored = (COMPOSE / ".gitignore").read_text().split()
    assert ignored == ["secrets/"]
