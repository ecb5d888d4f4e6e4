"""The manifests for Kubernetes are valid by its own schemas, and keep the promises that the compose file keeps."""

import copy
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/foldin.yaml").read_text()))
BY_NAME = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in MANIFESTS}
DEPLOYMENTS = [manifest for manifest in MANIFESTS if manifest["kind"] == "Deployment"]
PODS = {manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"] for manifest in DEPLOYMENTS}
VERSION = "1.33"


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
def test_a_manifest_is_valid(manifest):
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_what_is_not_valid_is_noticed():
    wrong = copy.deepcopy(BY_NAME["Deployment", "foldin-api"])
    wrong["spec"]["replicaz"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_two_replicas_stay_while_nodes_are_emptied_or_the_release_changes():
    spec = BY_NAME["Deployment", "foldin-api"]["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budget = BY_NAME["PodDisruptionBudget", "foldin-api"]["spec"]
    assert budget["minAvailable"] == 1
    labels = spec["template"]["metadata"]["labels"]
    for selector in (spec["selector"]["matchLabels"], budget["selector"]["matchLabels"]):
        assert selector == labels
    assert BY_NAME["Service", "foldin"]["spec"]["selector"] == labels


@pytest.mark.parametrize("name", PODS)
def test_a_pod_can_do_no_more_than_it_needs(name):
    (container,) = PODS[name]["containers"]
    assert PODS[name]["securityContext"]["runAsUser"] == 10001
    assert PODS[name]["automountServiceAccountToken"] is False
    assert PODS[name]["enableServiceLinks"] is False  # a Service that is called foldin sets FOLDIN_PORT
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"startupProbe", "livenessProbe"} <= set(container)
    assert container["envFrom"] == [{"secretRef": {"name": "foldin"}}]
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert container["image"] == f"foldin:{version[1]}"
