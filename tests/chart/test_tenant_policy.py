"""The strict policy on a real API server: a tenant gets past it in no direction, and a sensible resource passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.crd import custom_resource_definition
from tests.chart.helm.tools import CHART, of_kind, rendered
from tests.cluster.apiserver.api import APPLY, Api
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import resource
from tests.cluster.specs.schema import nodes, spec_schema
from tests.cluster.waiting import apply, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

CRD = CHART.parents[1] / "crds" / "internvl.dev_internvldeployments.yaml"
TENANT, PLATFORM = "tenant", "platform"
PATH = "/apis/internvl.dev/v1alpha1/namespaces/{}/internvldeployments"
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
COMMIT = "0123456789abcdef" * 2 + "01234567"
Spec = dict[str, Any]

SENSIBLE: Spec = {
    "size": "8B",
    "replicas": 2,
    "gpu": {"maxCount": 2},
    "engine": {
        "image": "openmmlab/lmdeploy:v0.18.0-cu12",
        "env": [
            {"name": "LMDEPLOY_LOG_LEVEL", "value": "INFO"},
            {"name": "UVICORN_TIMEOUT_KEEP_ALIVE", "value": "120"},
        ],
    },
    "model": {
        "repository": "example/captions-8b",
        "revision": COMMIT,
        "source": {"huggingFace": {"tokenSecretRef": {"name": "internvl-hub", "key": "token"}}},
        "cache": {"size": "100Gi", "storageClassName": "models", "accessMode": "ReadWriteMany"},
    },
    "server": {"apiKeySecretRef": {"name": "internvl-keys", "key": "key"}},
    "autoscaling": {"maxReplicas": 4},
    "podTemplate": {
        "labels": {"team": "vision"},
        "nodeSelector": {"topology.kubernetes.io/zone": "a"},
        "tolerations": [{"key": "example.com/inference", "operator": "Exists"}],
        "priorityClassName": "inference",
        "runtimeClassName": "nvidia",
        "resources": {"limits": {"memory": "64Gi"}},
    },
}


def _hub(**fields: object) -> Spec:
    return {"model": {"source": {"huggingFace": fields}}}


def _env(*variables: object) -> Spec:
    return {"engine": {"env": [*variables]}}


def _pod(**fields: object) -> Spec:
    return {"podTemplate": fields}


_SECRET = {"name": "cloud-credentials", "key": "key"}

ATTEMPTS: dict[str, Spec] = {
    # Any Secret
    "any Secret as the hub's token": _hub(tokenSecretRef=_SECRET),
    "any Secret as the API key": {"server": {"apiKeySecretRef": _SECRET}},
    "any Secret as certificate": {"server": {"tlsSecretRef": {"name": "cloud-credentials"}}},
    "any Secret for pulling": _pod(imagePullSecrets=[{"name": "cloud-credentials"}]),
    "any Secret in an allowed variable": _env(
        {"name": "LMDEPLOY_A", "valueFrom": {"secretKeyRef": {"name": "cloud-credentials", "key": "key"}}}
    ),
    "any Secret behind an allowed one": _env(
        {"name": "LMDEPLOY_A", "valueFrom": {"secretKeyRef": {"name": "internvl-hub", "key": "key"}}},
        {"name": "LMDEPLOY_B", "valueFrom": {"secretKeyRef": _SECRET}},
    ),
    "a Secret without a name": _env({"name": "LMDEPLOY_A", "valueFrom": {"secretKeyRef": {"key": "key"}}}),
    "a Secret whose name ends as an allowed one begins": _hub(
        tokenSecretRef={"name": "not-internvl-hub", "key": "token"}
    ),
    # Hubs
    "an allowed Secret to any endpoint": _hub(
        endpoint="https://evil.example", tokenSecretRef={"name": "internvl-hub", "key": "token"}
    ),
    "an endpoint inside the cluster": _hub(endpoint="http://kubernetes.default.svc"),
    # Repositories, and code from a place that may change
    "any repository": {"model": {"repository": "evil/InternVL2-8B", "revision": COMMIT}},
    "a repository whose owner begins as an allowed one": {
        "model": {"repository": "OpenGVLab-evil/InternVL2-8B", "revision": COMMIT}
    },
    "a repository whose name begins as an allowed one": {
        "model": {"repository": "example/captions-8b-evil", "revision": COMMIT}
    },
    "a branch of an allowed repository": {"model": {"repository": "example/captions-8b", "revision": "main"}},
    "no revision of an allowed repository": {"model": {"repository": "example/captions-8b"}},
    "a commit and more": {"model": {"repository": "example/captions-8b", "revision": COMMIT + "/x"}},
    "another's claim as source": {"model": {"source": {"persistentVolumeClaim": {"name": "theirs"}}}},
    "another's claim as cache": {"model": {"cache": {"claimName": "theirs"}}},
    "another storage class": {"model": {"cache": {"size": "100Gi", "storageClassName": "host"}}},
    # Images
    "any image": {"engine": {"image": "ghcr.io/evil/lmdeploy:1"}},
    "an image whose name begins as an allowed one": {"engine": {"image": "openmmlab/lmdeploy-evil:1"}},
    "an image below an allowed one": {"engine": {"image": "openmmlab/lmdeploy/evil:1"}},
    "an allowed image's name as host and port": {"engine": {"image": "openmmlab/lmdeploy:5000/evil:1"}},
    "an image whose registry begins as an allowed one": {
        "engine": {"image": "registry.example.com.evil.example/models/x:1"}
    },
    "an image beside the allowed path": {"engine": {"image": "registry.example.com/models-evil/x:1"}},
    "any image of files": {"model": {"source": {"image": {"reference": "ghcr.io/evil/files:1"}}}},
    # Variables and flags
    "LD_PRELOAD": _env({"name": "LD_PRELOAD", "value": "/models/evil.so"}),
    "PYTHONPATH": _env({"name": "PYTHONPATH", "value": "/models"}),
    "PYTHONSTARTUP behind an allowed one": _env(
        {"name": "LMDEPLOY_A", "value": ""}, {"name": "PYTHONSTARTUP", "value": "/models/x.py"}
    ),
    "HTTPS_PROXY": _env({"name": "HTTPS_PROXY", "value": "http://evil.example"}),
    "HF_HUB_OFFLINE": _env({"name": "HF_HUB_OFFLINE", "value": "0"}),
    "a variable in other case": _env({"name": "lmdeploy_A", "value": ""}),
    "flags": {"engine": {"extraArgs": ["--log-level", "INFO"]}},
    # Who the pods are
    "another ServiceAccount": _pod(serviceAccountName="admin"),
    "the default ServiceAccount by name": _pod(serviceAccountName="default"),
    "system-node-critical": _pod(priorityClassName="system-node-critical"),
    "a priority that begins as an allowed one": _pod(priorityClassName="inference-critical"),
    "another runtime class": _pod(runtimeClassName="unconfined"),
    "another scheduler": _pod(schedulerName="mine"),
    "root": _pod(securityContext={"runAsUser": 0, "runAsNonRoot": False}),
    "another identity": _pod(identity="ClusterAssigned"),
    "the usual identity by name": _pod(identity="Fixed"),
    "kernel parameters": _pod(securityContext={"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]}),
    # Services
    "an open LoadBalancer": {"service": {"type": "LoadBalancer"}, "networkPolicy": {"enabled": False}},
    "a LoadBalancer for a peer": {
        "service": {"type": "LoadBalancer"},
        "networkPolicy": {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
    },
    "a NodePort": {"service": {"type": "NodePort"}, "networkPolicy": {"enabled": False}},
    "external-dns": {
        "service": {"annotations": {"external-dns.alpha.kubernetes.io/hostname": "bank.example"}}
    },
    "no NetworkPolicy": {"networkPolicy": {"enabled": False}},
    "a NetworkPolicy for all": {"networkPolicy": {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}},
    "a NetworkPolicy for all namespaces": {"networkPolicy": {"from": [{"namespaceSelector": {}}]}},
    "a Gateway that may reach it": {"gateway": {"parentRefs": [{"name": "theirs", "namespace": "open"}]}},
    "egress of one's own": {"networkPolicy": {"egress": {"enabled": True}}},
    # Places
    "tolerating everything": _pod(tolerations=[{"operator": "Exists"}]),
    "tolerating with an empty key": _pod(tolerations=[{"key": "", "operator": "Exists"}]),
    "tolerating the control plane": _pod(
        tolerations=[
            {"key": "example.com/inference", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"},
        ]
    ),
    "another's nodes": _pod(nodeSelector={"pool": "theirs"}),
    "another's node by affinity": _pod(
        affinity={
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "pool", "operator": "Exists"}]}]
                }
            }
        }
    ),
    "keeping others off by anti-affinity": _pod(
        affinity={
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname", "namespaceSelector": {}, "labelSelector": {}}
                ]
            }
        }
    ),
    "a label that joins another Service": _pod(labels={"app": "bank"}),
    "a label beside an allowed one": _pod(labels={"team": "vision", "teams": "bank"}),
    "an annotation for an injector": _pod(annotations={"sidecar.istio.io/inject": "true"}),
    # Amounts
    "another size": {"size": "76B"},
    "another series": {"series": "InternVL3.5", "size": "8B"},
    "another series by its commit": {
        "series": "InternVL2.5",
        "size": "8B",
        "model": {"repository": "OpenGVLab/InternVL2_5-8B", "revision": COMMIT},
    },
    "a size that an allowed series has and others have not": {"series": "InternVL3", "size": "38B"},
    "as many GPUs as there are by default": {"gpu": None},
    "more GPUs": {"gpu": {"maxCount": 3}},
    "more GPUs by tp": {"gpu": {"maxCount": 4}, "engine": {"tp": 4}},
    "more replicas": {"replicas": 5},
    "more replicas by autoscaling": {"autoscaling": {"maxReplicas": 5}},
}
"""What a tenant would write, in the place of the same section of a small resource."""

WHOLE = (
    "networkPolicy",
    "podTemplate.affinity",
    "podTemplate.topologySpreadConstraints",
    "podTemplate.securityContext",
    "podTemplate.tolerations",
    "engine.env[].valueFrom.secretKeyRef",
)
"""Sections that the policy takes as a whole, or by a key of them that is tried."""


HARMLESS = {
    "what runs, of which size and series say how large it is": (
        "quantization",
        "engine.version",
        "engine.backend",
        "engine.sessionLen",
        "engine.sessions",
        "engine.cacheMaxEntryCount",
        "engine.maxBatchSize",
        "engine.quantPolicy",
        "engine.prefixCaching",
        "load",
        "gpu.resource",
        "gpu.product",
        "gpu.memory",
    ),
    "when": ("suspend", "rollout", "autoscaling.minReplicas", "autoscaling.targetWaitingRequests"),
    "part of something whose name is limited": (
        "engine.env[].value",
        "engine.env[].valueFrom.configMapKeyRef",
        "engine.env[].valueFrom.fieldRef",
        "engine.env[].valueFrom.fileKeyRef",
        "engine.env[].valueFrom.resourceFieldRef",
        "model.source.image.pullPolicy",
        "model.source.persistentVolumeClaim.path",
    ),
    "what a Gateway of its own namespace does": (
        "gateway.parentRefs[].sectionName",
        "gateway.hostnames",
        "gateway.balancing",
    ),
    "its own server": ("server.port", "server.modelName", "monitoring.podMonitor"),
    "amounts, which a ResourceQuota limits": (
        "podTemplate.resources",
        "model.cache.size",
        "model.cache.accessMode",
    ),
}
"""Fields that the policy leaves to a tenant, by the reason why."""


def _fields(value: object, path: str = "") -> Iterator[str]:
    """The paths of the leaves of a spec; a map's keys are leaves of it."""
    match value:
        case dict() if value:
            for name, each in value.items():
                yield from _fields(each, f"{path}.{name}".removeprefix("."))
        case list() if value:
            for each in value:
                yield from _fields(each, f"{path}[]")
        case _:
            yield path


def test_every_field_of_the_schema_is_tried_or_known_to_be_harmless() -> None:
    """So that nobody adds a field by which a tenant gets past the policy."""
    tried = {path for spec in ATTEMPTS.values() for path in _fields(spec)}
    free = tuple(path for paths in HARMLESS.values() for path in paths)
    leaves = {
        path.removeprefix("spec.").removesuffix("{}")
        for path, schema in nodes(spec_schema(custom_resource_definition()), "spec")
        if not ({"properties", "items"} & schema.keys())
    }
    unknown = {
        path
        for path in leaves
        if not path.startswith(free)
        and not any(path.startswith(each) or each.startswith(f"{path}.") for each in tried)
        and not path.startswith(WHOLE)
    }
    assert sorted(unknown) == []


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """An API server with the policy of the example in force for one namespace."""
    with LocalCluster(components=()) as cluster:
        install_crds(cluster, CRD)
        for namespace in (TENANT, PLATFORM):
            cluster.kubectl("create", "namespace", namespace)
        cluster.kubectl("label", "namespace", TENANT, "internvl.example.com/tenant=true")
        objects = rendered(CHART / "ci" / "tenants-values.yaml")
        apply(cluster, *of_kind(objects, "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"))
        api = Api(cluster.kubeconfig())
        eventually(
            lambda: "spec.size must be one of" in created(api, {"size": "76B"}), "the policy is in force"
        )
        yield api


def created(api: Api, spec: Spec, namespace: str = TENANT) -> str:
    """Why a resource is refused; empty when it is accepted."""
    spec = {"size": "8B", "gpu": {"maxCount": 2}, **spec}
    body = resource(
        "captions", namespace, **{name: value for name, value in spec.items() if value is not None}
    )
    return api.request("POST", PATH.format(namespace), body, dryRun="All").message


def test_a_sensible_resource_of_a_tenant_passes(api: Api) -> None:
    assert created(api, {}) == ""
    assert created(api, SENSIBLE) == ""
    assert (
        created(api, {**SENSIBLE, "model": {"repository": "OpenGVLab/InternVL2-8B", "revision": COMMIT}})
        == ""
    )


def test_no_attempt_passes_when_a_resource_is_made(api: Api) -> None:
    answers = {name: created(api, spec) for name, spec in ATTEMPTS.items()}
    passed = [name for name, answer in answers.items() if not answer]
    print(f"{len(answers)} attempts to create, {len(passed)} passed")
    assert passed == []
    # By the policy, with what is allowed, and not by an error of it.
    assert [name for name, answer in answers.items() if " here" not in answer or "error" in answer] == []


def test_each_attempt_passes_where_the_policy_does_not_hold(api: Api) -> None:
    """That no attempt is refused for another reason."""
    refused = {name: created(api, spec, PLATFORM) for name, spec in ATTEMPTS.items()}
    assert {name: why for name, why in refused.items() if why} == {}


@pytest.mark.parametrize("way", ["PUT", "merge patch", "server-side apply"])
def test_no_attempt_passes_when_a_resource_is_changed(api: Api, way: str) -> None:
    path = PATH.format(TENANT)
    base = {"size": "8B", "gpu": {"maxCount": 2}}
    name = f"changed-{way.split()[0].lower()}"
    live = api.request("POST", path, resource(name, TENANT, **base)).body
    passed = []
    for attempt, spec in ATTEMPTS.items():
        body = resource(name, TENANT, **{**base, **spec})
        match way:
            case "PUT":
                body["metadata"] = live["metadata"]
                answer = api.request("PUT", f"{path}/{name}", body, dryRun="All")
            case "merge patch":
                patch = {"spec": spec}
                answer = api.request(
                    "PATCH", f"{path}/{name}", patch, "application/merge-patch+json", dryRun="All"
                )
            case _:
                answer = api.request(
                    "PATCH", f"{path}/{name}", body, APPLY, dryRun="All", fieldManager="t", force="true"
                )
        # What another writer's fields undo has changed nothing.
        if answer.accepted and answer.body["spec"] != live["spec"]:
            passed.append(attempt)
    print(f"{len(ATTEMPTS)} attempts by {way}, {len(passed)} passed")
    assert passed == []


def test_no_attempt_passes_by_the_scale_subresource(api: Api) -> None:
    path = PATH.format(TENANT)
    assert api.request("POST", path, resource("scaled", TENANT, size="8B", gpu={"maxCount": 2})).accepted
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "scaled", "namespace": TENANT},
    }
    refused = api.request("PUT", f"{path}/scaled/scale", {**scale, "spec": {"replicas": 5}})
    assert "at most 4 here" in refused.message
    assert api.request("PUT", f"{path}/scaled/scale", {**scale, "spec": {"replicas": 3}}).accepted


def test_a_resource_whose_sections_were_emptied_is_no_error_of_the_policy(api: Api) -> None:
    path = f"{PATH.format(TENANT)}/emptied"
    full = {**SENSIBLE, "size": "8B"}
    assert (
        api.request("PATCH", path, resource("emptied", TENANT, **full), APPLY, fieldManager="t").message == ""
    )
    sections = ("engine", "model", "server", "autoscaling", "podTemplate")
    emptied = {**full, **{section: {} for section in sections}}
    answer = api.request("PATCH", path, resource("emptied", TENANT, **emptied), APPLY, fieldManager="t")
    assert answer.message == ""


def test_the_policy_has_no_expression_that_the_api_server_warns_of(api: Api) -> None:
    (policy,) = api.request("GET", POLICIES).body["items"]
    assert policy.get("status", {}).get("typeChecking", {}).get("expressionWarnings", []) == []
