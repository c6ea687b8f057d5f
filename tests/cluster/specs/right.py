"""Specs that are accepted: each size, and each field at least once."""

from __future__ import annotations

from typing import Any

from tests.cluster.specs.table import RightSpec, Spec, at

_AFFINITY: dict[str, Any] = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a", "b"]}
                    ]
                }
            ]
        }
    },
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 100,
                "podAffinityTerm": {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"internvl.dev/name": "captions"}},
                },
            }
        ]
    },
}

_ENV = [
    {"name": "LMDEPLOY_LOG_LEVEL", "value": "INFO"},
    {"name": "EMPTY", "value": ""},
    {"name": "UVICORN_TIMEOUT_KEEP_ALIVE", "value": "120"},
    {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token", "optional": True}}},
    {"name": "TUNING", "valueFrom": {"configMapKeyRef": {"name": "tuning", "key": "level"}}},
    {"name": "CORES", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1000m"}}},
]

_PEERS = [
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}},
    {"podSelector": {"matchLabels": {"app": "client"}}},
    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
]

_EGRESS = [
    {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    },
    {"ipBlock": {"cidr": "192.0.2.0/24"}},
]

_POD_TEMPLATE: Spec = {
    "identity": "Fixed",
    "labels": {"team": "vision", "cost-centre": "42"},
    "annotations": {"example.com/note": 'a "quoted" note: yes\nand a second line #1'},
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [
        {"key": "spot", "operator": "Equal", "value": "true", "effect": "NoExecute", "tolerationSeconds": 300}
    ],
    "affinity": _AFFINITY,
    "resources": {
        "requests": {"cpu": "0.5", "memory": "1.5Gi", "ephemeral-storage": "100G"},
        "limits": {"cpu": "16000m", "memory": "65536Mi"},
    },
    "securityContext": {"runAsUser": 2000, "fsGroup": 2000, "supplementalGroups": [44]},
    "imagePullSecrets": [{"name": "registry.example"}],
    "priorityClassName": "system-cluster-critical",
    "runtimeClassName": "nvidia",
    "serviceAccountName": "captions",
    "schedulerName": "gpu-scheduler",
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"internvl.dev/name": "captions"}},
        }
    ],
}

_HUB = {"endpoint": "https://hub.example.com/mirror", "tokenSecretRef": {"name": "hub", "key": "token"}}

_POOLED = {"parentRefs": [{"name": "inference"}], "balancing": "InferencePool"}

RICH: Spec = {
    "size": "8B",
    "quantization": "None",
    "replicas": 2,
    "gpu": {
        "resource": "nvidia.com/gpu",
        "product": "NVIDIA-A100-SXM4-80GB",
        "memory": "80Gi",
        "maxCount": 4,
    },
    "engine": {
        "version": "0.18.0",
        "image": "registry.example.com/lmdeploy@sha256:" + "0" * 64,
        "backend": "TurboMind",
        "tp": 2,
        "sessionLen": 16384,
        "sessions": 2,
        "cacheMaxEntryCount": 0.5,
        "maxBatchSize": 64,
        "quantPolicy": 8,
        "prefixCaching": "Enabled",
        "extraArgs": ["--log-level", "INFO"],
        "env": _ENV,
    },
    "load": {
        "requestsPerSecond": 2.5,
        "images": 2,
        "imageSize": "1344x896",
        "promptTokens": 100,
        "outputTokens": 200,
        "timeToFirstTokenSeconds": 3,
    },
    "model": {
        "repository": "example/captions-8b",
        "revision": "v1.2",
        "source": {"huggingFace": _HUB},
        "cache": {"size": "100Gi", "storageClassName": "shared", "accessMode": "ReadWriteMany"},
    },
    "server": {
        "port": 8000,
        "modelName": "captions",
        "apiKeySecretRef": {"name": "captions", "key": "api-key"},
        "tlsSecretRef": {"name": "captions-tls"},
    },
    "service": {"type": "LoadBalancer", "annotations": {"example.com/load-balancer": "internal"}},
    "networkPolicy": {"enabled": True, "from": _PEERS, "egress": {"enabled": True, "to": _EGRESS}},
    "gateway": {
        "parentRefs": [
            {"name": "inference", "namespace": "gateways", "sectionName": "https"},
            {"name": "inference"},
        ],
        "hostnames": ["captions.example.com", "*.vision.example.com"],
        "balancing": "Service",
    },
    "suspend": False,
    "autoscaling": {"minReplicas": 2, "maxReplicas": 5, "targetWaitingRequests": 2},
    "rollout": {
        "strategy": "Auto",
        "surgeTimeoutSeconds": 600,
        "drainSeconds": 120,
        "operatorUpdates": "Manual",
        "acceptedRevision": "0123456789abcdef",
        "restartedAt": "2026-11-22T12:00:00+01:00",
    },
    "monitoring": {"podMonitor": "Auto"},
    "podTemplate": _POD_TEMPLATE,
}
"""Every field but the two other sources, the name of an existing claim, and the tiles of an image."""

_CLAIM = {"persistentVolumeClaim": {"name": "models", "path": "internvl2/8b"}}
_IMAGE = {"image": {"reference": "registry.example.com/internvl2-8b:v1", "pullPolicy": "IfNotPresent"}}

RIGHT: tuple[RightSpec, ...] = (
    *(
        RightSpec(f"{size} and nothing else", {"size": size})
        for size in ("1B", "2B", "4B", "8B", "26B", "40B", "76B")
    ),
    *(
        RightSpec(f"{size} in AWQ", {"size": size, "quantization": "AWQ"})
        for size in ("2B", "8B", "26B", "40B", "76B")
    ),
    *(
        RightSpec(f"engine {version}", at("engine.version", version))
        for version in ("0.5.3", "0.9.2", "0.12.3", "0.14.0", "0.16.0")
    ),
    RightSpec(
        "empty objects", {"size": "8B", "gpu": {}, "engine": {}, "model": {"source": {}}, "podTemplate": {}}
    ),
    RightSpec("no replica", at("replicas", 0)),
    RightSpec("suspended", at("suspend", True)),
    RightSpec("no load", at("load", {})),
    RightSpec("a load that is a rate alone", at("load.requestsPerSecond", 1)),
    RightSpec("a load of text", at("load", {"requestsPerSecond": 0.5, "images": 0})),
    RightSpec("a load in tiles", at("load", {"requestsPerSecond": 0.5, "tiles": 13})),
    RightSpec("no autoscaling", at("autoscaling", {})),
    RightSpec("autoscaling up to a number", at("autoscaling.maxReplicas", 3)),
    RightSpec("no replica at least", at("autoscaling", {"minReplicas": 0, "maxReplicas": 1})),
    RightSpec(
        "as many replicas at least as at most", at("autoscaling", {"minReplicas": 3, "maxReplicas": 3})
    ),
    *(
        RightSpec(f"rollout strategy {strategy}", at("rollout.strategy", strategy))
        for strategy in ("Auto", "Surge", "Recreate")
    ),
    RightSpec(
        "nothing accepted, nothing restarted", at("rollout", {"acceptedRevision": "", "restartedAt": ""})
    ),
    RightSpec("no drain", at("rollout.drainSeconds", 0)),
    RightSpec("an API key", at("server.apiKeySecretRef", {"name": "keys", "key": "key"})),
    RightSpec("TLS", at("server.tlsSecretRef.name", "tls")),
    RightSpec("no PodMonitor", at("monitoring.podMonitor", "Disabled")),
    RightSpec("a name of a fine-tune", at("model.repository", "example/captions-8b.v1_2")),
    RightSpec("the root of a claim", at("model.source.persistentVolumeClaim.name", "models")),
    RightSpec("a directory of a claim", at("model.source", _CLAIM)),
    RightSpec(
        "a path with dots that climbs nowhere",
        at("model.source.persistentVolumeClaim.path", "a..b/...", name="m"),
    ),
    RightSpec("an image", at("model.source", _IMAGE)),
    RightSpec(
        "an image and no pull policy", at("model.source.image.reference", "example.com/internvl2@sha256:0")
    ),
    RightSpec("a mirror", at("model.source.huggingFace", _HUB)),
    RightSpec("a hub without TLS", at("model.source.huggingFace.endpoint", "http://hub.models.svc:8080")),
    RightSpec("a revision with a slash", at("model.revision", "refs/pr/1")),
    RightSpec("no cache", at("model.cache", {})),
    RightSpec("a cache", at("model.cache.size", "100Gi")),
    RightSpec("a cache of the smallest size in bytes", at("model.cache.size", "1073741825")),
    RightSpec("an existing claim as cache", at("model.cache.claimName", "models")),
    RightSpec(
        "an existing claim as cache of several replicas",
        {**at("model.cache.claimName", "models"), "replicas": 3},
    ),
    RightSpec(
        "an existing claim of one node as cache", at("model.cache.claimName", "m", accessMode="ReadWriteOnce")
    ),
    RightSpec(
        "a cache of several replicas",
        {**at("model.cache", {"size": "100Gi", "accessMode": "ReadWriteMany"}), "replicas": 3},
    ),
    RightSpec(
        "an empty cache beside files that are there",
        at("model", {"source": {"persistentVolumeClaim": {"name": "models"}}, "cache": {}}),
    ),
    RightSpec("a MIG slice", at("gpu.resource", "nvidia.com/mig-3g.40gb")),
    RightSpec("a MIG slice with media engines", at("gpu.resource", "nvidia.com/mig-1g.20gb.me")),
    RightSpec("tp 1 on MIG", {**at("gpu.resource", "nvidia.com/mig-7g.80gb"), "engine": {"tp": 1}}),
    RightSpec(
        "a product and its memory", at("gpu", {"product": "NVIDIA-A100-SXM4-80GB", "memory": "81920Mi"})
    ),
    RightSpec("memory alone", at("gpu.memory", "80Gi")),
    RightSpec("tp as large as maxCount", {**at("gpu.maxCount", 2), "engine": {"tp": 2}}),
    RightSpec("PyTorch for a size that TurboMind runs", at("engine.backend", "PyTorch")),
    RightSpec("a 4-bit KV cache", at("engine.quantPolicy", 4)),
    RightSpec(
        "a quantized KV cache for 1B on PyTorch",
        {"size": "1B", "engine": {"quantPolicy": 8, "backend": "PyTorch"}},
    ),
    RightSpec("a small KV cache", at("engine.cacheMaxEntryCount", 0.05)),
    RightSpec(
        "extra arguments",
        at("engine.extraArgs", ["--log-level=ERROR", "--allow-origins", "https://a", "https://b"]),
    ),
    RightSpec("variables", at("engine.env", _ENV)),
    RightSpec(
        "a NodePort for named peers",
        {"size": "8B", "service": {"type": "NodePort"}, "networkPolicy": {"from": _PEERS}},
    ),
    RightSpec(
        "a LoadBalancer for all",
        {"size": "8B", "service": {"type": "LoadBalancer"}, "networkPolicy": {"enabled": False}},
    ),
    RightSpec("no egress at all", at("networkPolicy.egress.enabled", True)),
    RightSpec("no NetworkPolicy", at("networkPolicy.enabled", False)),
    RightSpec("no gateway", at("gateway", {})),
    RightSpec("a gateway", at("gateway.parentRefs[].name", "inference")),
    RightSpec(
        "a gateway before a server that speaks TLS",
        {**at("gateway.parentRefs[].name", "inference"), "server": {"tlsSecretRef": {"name": "tls"}}},
    ),
    RightSpec("a gateway that picks replicas", at("gateway", _POOLED)),
    RightSpec(
        "a gateway that picks replicas by what they have cached",
        {**at("gateway", _POOLED), "engine": {"prefixCaching": "Enabled"}},
    ),
    RightSpec("a pod template", at("podTemplate", _POD_TEMPLATE)),
    RightSpec(
        "the smallest amounts", at("podTemplate.resources.requests", {"cpu": "0.0001", "memory": "1000000k"})
    ),
    RightSpec("every field", RICH),
)
