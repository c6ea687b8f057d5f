"""The pods satisfy Kubernetes's restricted Pod Security Standard, as the API server's own admission judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.specs.right import RICH
from tests.cluster.specs.table import Spec, at
from tests.cluster.waiting import eventually
from tests.rendering import children_of

if TYPE_CHECKING:
    from tests.cluster.apiserver.api import Answer, Api
    from tests.cluster.control_plane import LocalCluster

SPECS: dict[str, Spec] = {
    "a downloaded model": {"size": "8B"},
    "PyTorch": {"size": "4B"},
    "a claim": at("model.source.persistentVolumeClaim.name", "models"),
    "an image": at("model.source.image.reference", "registry.example.com/internvl2-8b:v1"),
    "a key and TLS": at(
        "server", {"apiKeySecretRef": {"name": "keys", "key": "key"}, "tlsSecretRef": {"name": "tls"}}
    ),
    "every field": {
        **RICH,
        # The admission of the priority class and of the service account are not what is asked here.
        "podTemplate": {"securityContext": {"runAsUser": 2000, "fsGroup": 2000}},
    },
}


@pytest.fixture
def restricted(cluster: LocalCluster, api: Api, namespace: str) -> str:
    """A namespace that admits only pods of the restricted standard."""
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    root = _pod(at("podTemplate.securityContext", {"runAsUser": 0}))
    # Admission reads the namespace from a cache.
    eventually(lambda: not _created(api, namespace, root).accepted, "the label is in force")
    return namespace


def _created(api: Api, namespace: str, pod: dict[str, Any]) -> Answer:
    return api.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod, dryRun="All")


def _pod(spec: Spec) -> dict[str, Any]:
    deployment = next(child for child in children_of(spec) if child["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tried", "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    }


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_restricted_namespace_admits_the_pods(api: Api, restricted: str, spec: Spec) -> None:
    assert _created(api, restricted, _pod(spec)).message == ""


def test_it_would_refuse_them_as_root(api: Api, restricted: str) -> None:
    pod = _pod(at("podTemplate.securityContext", {"runAsUser": 0}))
    assert "runAsUser=0" in _created(api, restricted, pod).message
