"""The Helm chart: every manifest renders, has the shape Kubernetes wants, and asks for no more than it needs."""

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deployments.docs.setting import variables
from spine.settings import GatewaySettings, Settings

FOLDER = Path(__file__).parents[2] / "deployments" / "helm" / "opsspine"
ALL = {"ingress": {"enabled": True}, "backup": {"enabled": True}}
API = {
    "Deployment": "apps/v1", "Service": "v1", "ConfigMap": "v1", "ServiceAccount": "v1", "Job": "batch/v1",
    "CronJob": "batch/v1", "PodDisruptionBudget": "policy/v1", "NetworkPolicy": "networking.k8s.io/v1",
    "Ingress": "networking.k8s.io/v1",
}  # fmt: skip
NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
CONTAINER = {
    "type": "object",
    "required": ["name", "image", "securityContext", "resources"],
    "properties": {
        "name": NAME,
        "image": {"type": "string", "pattern": "^[^:@]+(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$"},
        "command": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "env": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "envFrom": {"type": "array", "items": {"type": "object", "minProperties": 1, "maxProperties": 1}},
        "imagePullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
        "ports": {"type": "array"},
        "volumeMounts": {"type": "array", "items": {"type": "object", "required": ["name", "mountPath"]}},
        "startupProbe": {"type": "object"}, "readinessProbe": {"type": "object"}, "livenessProbe": {"type": "object"},
        "securityContext": {
            "type": "object",
            "required": ["allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities"],
            "properties": {
                "allowPrivilegeEscalation": {"const": False},
                "readOnlyRootFilesystem": {"const": True},
                "capabilities": {"const": {"drop": ["ALL"]}},
            },
        },
        "resources": {
            "type": "object",
            "required": ["requests", "limits"],
            "properties": {
                "requests": {"type": "object", "required": ["cpu", "memory"]},
                "limits": {"type": "object", "required": ["memory"]},
            },
        },
    },
    "additionalProperties": False,
}  # fmt: skip
POD = {
    "type": "object",
    "required": ["securityContext", "automountServiceAccountToken", "containers", "volumes"],
    "properties": {
        "automountServiceAccountToken": {"const": False},
        "containers": {"type": "array", "items": CONTAINER, "minItems": 1},
        "initContainers": {"type": "array", "items": CONTAINER},
        "securityContext": {
            "type": "object",
            "required": ["runAsNonRoot", "seccompProfile"],
            "properties": {
                "runAsNonRoot": {"const": True},
                "seccompProfile": {"const": {"type": "RuntimeDefault"}},
            },
        },
    },
}


def _chart() -> Any:
    spec = importlib.util.spec_from_file_location("chart", Path(__file__).with_name("chart.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Chart(FOLDER)


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """Everything the chart makes when all of it is switched on."""
    return [one for found in _chart().rendered(**ALL).values() for one in found]


def _of(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in manifests if one["kind"] == kind]


def _deployed(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"]["template"] for one in _of(manifests, "Deployment")}


def _pods(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in manifests:
        spec = one.get("spec", {})
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if one["kind"] in ("Deployment", "Job", "CronJob"):
            yield one["metadata"]["name"], spec["template"]


def test_every_manifest_is_of_a_known_kind_and_labelled(manifests: list[dict[str, Any]]) -> None:
    seen = set()
    for one in manifests:
        assert one["apiVersion"] == API[one["kind"]]
        jsonschema.validate(one["metadata"]["name"], NAME)
        assert one["metadata"]["labels"]["app.kubernetes.io/instance"] == "spine"
        seen.add((one["kind"], one["metadata"]["name"]))
    assert len(seen) == len(manifests), "two manifests of one name"
    assert {kind for kind, _ in seen} == set(API)


def test_pods_may_nothing_they_do_not_need(manifests: list[dict[str, Any]]) -> None:
    pods = dict(_pods(manifests))
    assert len(pods) == 7
    for name, template in pods.items():
        jsonschema.validate(template["spec"], POD)
        mounted = {m["name"] for c in template["spec"]["containers"] for m in c["volumeMounts"]}
        assert mounted <= {volume["name"] for volume in template["spec"]["volumes"]}, name


def test_selectors_find_their_own_pods_and_nobody_elses(manifests: list[dict[str, Any]]) -> None:
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in _of(manifests, "Deployment")
    }
    assert len(labels) == 5
    for one in [*_of(manifests, "Deployment"), *_of(manifests, "Service"), *_of(manifests, "PodDisruptionBudget")]:
        selector = one["spec"]["selector"]
        wanted = selector.get("matchLabels", selector)
        chosen = [name for name, found in labels.items() if wanted.items() <= found.items()]
        assert chosen == [one["metadata"]["name"]]


def test_two_of_each_one_stays_while_nodes_are_emptied(manifests: list[dict[str, Any]]) -> None:
    replicas = {one["metadata"]["name"]: one["spec"]["replicas"] for one in _of(manifests, "Deployment")}
    guarded = {one["metadata"]["name"]: one["spec"]["minAvailable"] for one in _of(manifests, "PodDisruptionBudget")}
    assert {name for name, count in replicas.items() if count > 1} == set(guarded)
    assert all(guarded[name] < replicas[name] for name in guarded)
    strategies = {one["metadata"]["name"]: one["spec"]["strategy"]["type"] for one in _of(manifests, "Deployment")}
    assert strategies.pop("spine-prefect-services") == "Recreate"
    assert set(strategies.values()) == {"RollingUpdate"}


def test_probes_ask_what_the_processes_answer(manifests: list[dict[str, Any]]) -> None:
    containers = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]
        for one in _of(manifests, "Deployment")
    }
    gateway = containers["spine-gateway"]
    assert gateway["livenessProbe"]["httpGet"]["path"] == "/livez", "a database that is away must not end gateways"
    assert gateway["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert containers["spine-prefect"]["readinessProbe"]["httpGet"]["path"] == "/api/ready"
    for one in _of(manifests, "Service"):
        ports = {port["name"] for port in containers[one["metadata"]["name"]]["ports"]}
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports


def test_every_setting_in_it_is_one(manifests: list[dict[str, Any]]) -> None:
    (config,) = _of(manifests, "ConfigMap")
    assert all(isinstance(value, str) for value in config["data"].values())
    ours = {name for name in config["data"] if name.startswith(("OPSSPINE_", "APP_"))}
    assert ours <= variables()
    secret = {name for name in variables() if name.endswith(("_TOKEN", "_SECRET", "_KEY", "PASSWORD", "_URL"))}
    known = {"OPSSPINE_GATEWAY__PUBLIC_URL", "OPSSPINE_PREFECT__API_URL"}
    assert ours & secret <= known, "a ConfigMap is no place for a secret"
    assert Settings.model_fields["secret_key"].default is None


def test_nobody_is_believed_about_callers_but_who_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told, restarts = {}, set()
    for proxies in (None, ["10.244.0.0/16", "fd00::/8"]):
        found = _chart().rendered(**({"gateway": {"proxies": proxies}} if proxies else {}))
        monkeypatch.setenv(name := "OPSSPINE_GATEWAY__PROXIES", found["configmap.yaml"][0]["data"][name])
        told[bool(proxies)] = Settings().gateway.proxies
        annotations = found["gateway.yaml"][0]["spec"]["template"]["metadata"]["annotations"]
        restarts.add(json.dumps(annotations, sort_keys=True))
    assert told == {False: GatewaySettings().proxies, True: ["10.244.0.0/16", "fd00::/8"]}
    assert len(restarts) == 2, "gateways that run learn of it"


def test_all_traffic_is_denied_but_what_is_named(manifests: list[dict[str, Any]]) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in _of(manifests, "NetworkPolicy")}
    everything = policies["spine-opsspine"]
    assert everything["ingress"] == []
    assert set(everything["policyTypes"]) == {"Ingress", "Egress"}
    ports = [port["port"] for rule in everything["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 5432, 6379, 4200]
    assert all("from" in rule for name in ("spine-gateway", "spine-prefect") for rule in policies[name]["ingress"])
    (rule,) = policies["spine-gateway"]["ingress"]
    admitted = [next(iter(one.values()))["matchLabels"] for one in rule["from"]]
    ours = policies["spine-opsspine"]["podSelector"]["matchLabels"]
    assert admitted == [{"kubernetes.io/metadata.name": "ingress-nginx"}, ours]


def test_runners_may_be_left_to_workers() -> None:
    found = _chart().rendered(
        runner={"replicas": 0}, networkPolicy={"enabled": False}, podDisruptionBudget={"enabled": False}
    )
    (runner,) = found["runner.yaml"]
    assert runner["spec"]["replicas"] == 0
    assert (
        found["networkpolicy.yaml"]
        == found["poddisruptionbudget.yaml"]
        == found["ingress.yaml"]
        == found["backup.yaml"]
        == []
    )


def test_helm_renders_the_same(tmp_path: Path) -> None:
    helm = shutil.which("helm")
    if helm is None:
        pytest.skip("helm is not installed; the chart was rendered by tests/cluster/chart.py instead")
    values = tmp_path / "values.json"
    values.write_text(json.dumps(ALL))
    command = [helm, "template", "spine", str(FOLDER), "--values", str(values), "--kube-version", "1.30.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = sorted((one for one in yaml.safe_load_all(done.stdout) if one), key=str)
    assert theirs == sorted((one for found in _chart().rendered(**ALL).values() for one in found), key=str)
