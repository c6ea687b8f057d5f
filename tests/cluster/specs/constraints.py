"""A wrong spec for each constraint of the CRD's schema: one value beyond the bound, right but for that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from internvl_operator.catalog.engines import SUPPORTED_VERSIONS
from tests.cluster.specs.kubernetes import KUBERNETES
from tests.cluster.specs.table import WrongSpec, at

# What the API server and the parser say of each kind of constraint; {0} is the constraint's value.
_WORDS = {
    "enum": ("Unsupported value", "Input should be"),
    "exclusiveMaximum": ("should be less than {0}", "should be less than {0}"),
    "exclusiveMinimum": ("should be greater than {0}", "should be greater than {0}"),
    "maximum": ("should be less than or equal to {0}", "should be less than or equal to {0}"),
    "minimum": ("should be greater than or equal to {0}", "should be greater than or equal to {0}"),
    "maxItems": ("must have at most {0} items", "at most {0} items"),
    "maxLength": ("may not be more than {0} bytes", "at most {0} characters"),
    "maxProperties": ("must have at most {0} items", "at most {0} items"),
    "minLength": ("should be at least {0} chars long", "at least {0} character"),
    "required": ("Required value", "{0}: Field required"),
    "x-kubernetes-list-type": ("Duplicate value", "Duplicate value"),
}

SOURCE = "model.source"
SECRET = f"{SOURCE}.huggingFace.tokenSecretRef"
API_KEY = "server.apiKeySecretRef"
POD = "podTemplate"


def _wrong(path: str, keyword: str, limit: object, value: object, /, **beside: object) -> WrongSpec:
    """A spec whose only fault is a value beyond one bound, which is at ``path``."""
    says, parse_says = (text.format(limit) for text in _WORDS[keyword])
    written = path.replace("[]", "[0]").replace("{}", ".key")
    return WrongSpec(
        name=f"{path} {keyword}",
        spec=at(path, value, **beside),
        says=says,
        parse_says=parse_says,
        field=f"spec.{written}",
        breaks=(f"spec.{path}", keyword.replace("exclusiveM", "m")),
    )


def _lacks(path: str, field: str, /, **present: object) -> WrongSpec:
    """A spec with an object that lacks a field; ``path`` is the object's."""
    written = path.replace("[]", "[0]")
    return WrongSpec(
        name=f"{path} without {field}",
        spec=at(path, present),
        says="Required value",
        parse_says=f"{field}: Field required",
        field=f"spec.{written}.{field}",
        breaks=(f"spec.{path}", f"required {field}"),
    )


def routed(wrong: WrongSpec) -> WrongSpec:
    """The same with a Gateway, which every other field of ``gateway`` needs."""
    gateway = {"parentRefs": [{"name": "inference"}], **wrong.spec["gateway"]}
    return replace(wrong, spec={**wrong.spec, "gateway": gateway})


def _wrong_amount(of: str, keyword: str, limit: object, amount: str) -> WrongSpec:
    """A spec whose requests or limits (``of``) hold a wrong amount of CPU."""
    says, parse_says = (text.format(limit) for text in _WORDS[keyword])
    return WrongSpec(
        name=f"{POD}.resources.{of} {keyword}",
        spec=at(f"{POD}.resources.{of}", {"cpu": amount}),
        says=says,
        parse_says=parse_says,
        field=f"spec.{POD}.resources.{of}.cpu",
        breaks=(f"spec.{POD}.resources.{of}{{}}", keyword),
    )


def _map(count: int) -> dict[str, str]:
    return {f"key-{number}": "" for number in range(count)}


def _objects(count: int) -> list[dict[str, Any]]:
    return [{} for _ in range(count)]


def _constraints(count: int) -> list[dict[str, Any]]:
    return [
        {"maxSkew": 1, "topologyKey": f"key-{number}", "whenUnsatisfiable": "ScheduleAnyway"}
        for number in range(count)
    ]


NAMES: tuple[tuple[str, dict[str, str]], ...] = (
    (f"{SECRET}.name", {"key": "token"}),
    (f"{API_KEY}.name", {"key": "key"}),
    ("server.tlsSecretRef.name", {}),
    (f"{SOURCE}.persistentVolumeClaim.name", {}),
    ("model.cache.claimName", {}),
    ("model.cache.storageClassName", {"size": "100Gi"}),
    (f"{POD}.imagePullSecrets[].name", {}),
    (f"{POD}.priorityClassName", {}),
    (f"{POD}.runtimeClassName", {}),
    (f"{POD}.serviceAccountName", {}),
    (f"{POD}.schedulerName", {}),
)

CONSTRAINTS: tuple[WrongSpec, ...] = (
    WrongSpec("no size", {}, "Required value", "Field required", "spec.size", ("spec", "required size")),
    WrongSpec(
        "a size that does not exist",
        {"size": "7B"},
        'supported values: "1B", "2B", "4B", "8B", "9B", "14B", "20B-A4B", "26B", "30B-A3B"',
        "'7B' is not a size of any series: write one of 1B, 2B, 4B, 8B, 9B, 14B",
        "spec.size",
        ("spec.size", "enum"),
    ),
    WrongSpec(
        "an identity that does not exist",
        {"size": "8B", "podTemplate": {"identity": "Root"}},
        'supported values: "Fixed", "ClusterAssigned"',
        "Input should be 'Fixed' or 'ClusterAssigned'",
        "spec.podTemplate.identity",
        ("spec.podTemplate.identity", "enum"),
    ),
    WrongSpec(
        "a series that does not exist",
        {"series": "InternVL4", "size": "8B"},
        'supported values: "InternVL2", "InternVL2.5", "InternVL3", "InternVL3.5"',
        "'InternVL4' is not a series: write InternVL2, InternVL2.5, InternVL3 or InternVL3.5",
        "spec.series",
        ("spec.series", "enum"),
    ),
    WrongSpec(
        "an engine that is not supported",
        at("engine.version", "0.11.0"),
        f'supported values: "{SUPPORTED_VERSIONS[0]}"',
        "0.11.1",
        "spec.engine.version",
        ("spec.engine.version", "enum"),
    ),
    _wrong("quantization", "enum", None, "GPTQ"),
    _wrong("replicas", "minimum", 0, -1),
    _wrong("replicas", "maximum", 1000, 1001),
    _wrong("gpu.resource", "maxLength", 63, f"nvidia.com/mig-1g.{'5' * 44}gb"),
    _wrong("gpu.product", "maxLength", 63, "A" * 64),
    _wrong("gpu.memory", "maxLength", 32, f"8{'0' * 30}Gi"),
    _wrong("gpu.maxCount", "minimum", 1, 0),
    _wrong("gpu.maxCount", "maximum", 16, 17),
    _wrong("engine.image", "maxLength", 512, "i" * 513),
    _wrong("engine.backend", "enum", None, "turbomind"),
    _wrong("engine.sessionLen", "minimum", 512, 511),
    _wrong("engine.sessionLen", "maximum", 1048576, 1048577),
    _wrong("engine.sessions", "minimum", 1, 0),
    _wrong("engine.sessions", "maximum", 4096, 4097),
    _wrong("engine.cacheMaxEntryCount", "exclusiveMinimum", 0, 0),
    _wrong("engine.cacheMaxEntryCount", "exclusiveMaximum", 1, 1),
    _wrong("engine.maxBatchSize", "minimum", 1, 0),
    _wrong("engine.maxBatchSize", "maximum", 4096, 4097),
    _wrong("engine.quantPolicy", "enum", None, 2),
    _wrong("engine.prefixCaching", "enum", None, "Yes"),
    _wrong("engine.extraArgs", "maxItems", 64, [f"--flag-{number}" for number in range(65)]),
    _wrong("engine.extraArgs[]", "maxLength", 1024, "-" * 1025),
    _wrong("engine.extraArgs[]", "minLength", 1, ""),
    _wrong("engine.env", "maxItems", 64, [{"name": f"NAME_{number}"} for number in range(65)]),
    WrongSpec(
        "one variable twice",
        at("engine.env", [{"name": "HOME", "value": "/a"}, {"name": "HOME", "value": "/b"}]),
        "Duplicate value",
        "Duplicate value: HOME",
        "spec.engine.env[1]",
        ("spec.engine.env", "x-kubernetes-list-type"),
    ),
    _wrong("model.repository", "maxLength", 192, f"owner/{'n' * 187}"),
    _wrong("model.revision", "maxLength", 128, "r" * 129),
    _wrong(f"{SOURCE}.huggingFace.endpoint", "maxLength", 512, f"https://{'h' * 505}"),
    _lacks(SECRET, "name", key="token"),
    _lacks(SECRET, "key", name="hub"),
    _wrong(f"{SECRET}.key", "maxLength", 253, "k" * 254, name="hub"),
    _lacks(f"{SOURCE}.persistentVolumeClaim", "name", path="models"),
    _wrong(f"{SOURCE}.persistentVolumeClaim.path", "maxLength", 512, "p" * 513, name="models"),
    _lacks(f"{SOURCE}.image", "reference", pullPolicy="Always"),
    _wrong(f"{SOURCE}.image.reference", "maxLength", 512, "i" * 513),
    _wrong(f"{SOURCE}.image.pullPolicy", "enum", None, "Sometimes", reference="example.com/internvl2"),
    _wrong("model.cache.size", "maxLength", 32, f"8{'0' * 30}Gi"),
    _wrong("model.cache.accessMode", "enum", None, "ReadOnlyMany", size="100Gi"),
    _wrong("server.port", "minimum", 1024, 80),
    _wrong("server.port", "maximum", 65535, 65536),
    _wrong("server.modelName", "maxLength", 128, "m" * 129),
    _lacks(API_KEY, "name", key="key"),
    _lacks(API_KEY, "key", name="keys"),
    _wrong(f"{API_KEY}.key", "maxLength", 253, "k" * 254, name="keys"),
    WrongSpec(
        "a TLS Secret without a name",
        at("server.tlsSecretRef", {}),
        "Required value",
        "name: Field required",
        "spec.server.tlsSecretRef.name",
        ("spec.server.tlsSecretRef", "required name"),
    ),
    _wrong("load.requestsPerSecond", "exclusiveMinimum", 0, 0),
    _wrong("load.requestsPerSecond", "maximum", 100000, 100001),
    _wrong("load.images", "minimum", 0, -1, requestsPerSecond=1),
    _wrong("load.images", "maximum", 64, 65, requestsPerSecond=1),
    _wrong("load.imageSize", "maxLength", 11, "100000x10000", requestsPerSecond=1),
    _wrong("load.tiles", "minimum", 1, 0, requestsPerSecond=1),
    _wrong("load.tiles", "maximum", 13, 14, requestsPerSecond=1),
    _wrong("load.promptTokens", "minimum", 1, 0, requestsPerSecond=1),
    _wrong("load.promptTokens", "maximum", 1048576, 1048577, requestsPerSecond=1),
    _wrong("load.outputTokens", "minimum", 1, 0, requestsPerSecond=1),
    _wrong("load.outputTokens", "maximum", 1048576, 1048577, requestsPerSecond=1),
    _wrong("load.timeToFirstTokenSeconds", "exclusiveMinimum", 0, 0, requestsPerSecond=1),
    _wrong("load.timeToFirstTokenSeconds", "maximum", 3600, 3601, requestsPerSecond=1),
    _wrong("autoscaling.minReplicas", "minimum", 0, -1, maxReplicas=2),
    _wrong("autoscaling.maxReplicas", "minimum", 1, 0),
    _wrong("autoscaling.maxReplicas", "maximum", 1000, 1001),
    _wrong("autoscaling.targetWaitingRequests", "minimum", 1, 0, maxReplicas=2),
    _wrong("autoscaling.targetWaitingRequests", "maximum", 100000, 100001, maxReplicas=2),
    _wrong("rollout.strategy", "enum", None, "BlueGreen"),
    _wrong("rollout.surgeTimeoutSeconds", "minimum", 1, 0),
    _wrong("rollout.surgeTimeoutSeconds", "maximum", 86400, 86401),
    _wrong("rollout.drainSeconds", "minimum", 0, -1),
    _wrong("rollout.drainSeconds", "maximum", 7200, 7201),
    _wrong("rollout.operatorUpdates", "enum", None, "Sometimes"),
    _wrong("rollout.acceptedRevision", "maxLength", 64, "0" * 65),
    _wrong("rollout.restartedAt", "maxLength", 64, "0" * 65),
    _wrong("monitoring.podMonitor", "enum", None, "Enabled"),
    _wrong("service.type", "enum", None, "ExternalName"),
    _wrong("service.annotations", "maxProperties", 64, _map(65)),
    _wrong("service.annotations{}", "maxLength", 4096, "v" * 4097),
    _wrong("gateway.parentRefs", "maxItems", 32, [{"name": f"gateway-{number}"} for number in range(33)]),
    _lacks("gateway.parentRefs[]", "name", namespace="gateways"),
    _wrong("gateway.parentRefs[].name", "maxLength", 253, "g" * 254),
    _wrong("gateway.parentRefs[].namespace", "maxLength", 63, "n" * 64, name="inference"),
    _wrong("gateway.parentRefs[].sectionName", "maxLength", 253, "s" * 254, name="inference"),
    routed(_wrong("gateway.hostnames", "maxItems", 16, [f"h{number}" for number in range(17)])),
    routed(_wrong("gateway.hostnames[]", "maxLength", 253, "h" * 254)),
    routed(_wrong("gateway.balancing", "enum", None, "LeastRequest")),
    _wrong("networkPolicy.from", "maxItems", 32, _objects(33)),
    _wrong("networkPolicy.egress.to", "maxItems", 32, _objects(33), enabled=True),
    _wrong(f"{POD}.labels", "maxProperties", 32, _map(33)),
    _wrong(f"{POD}.labels{{}}", "maxLength", 63, "v" * 64),
    _wrong(f"{POD}.annotations", "maxProperties", 64, _map(65)),
    _wrong(f"{POD}.annotations{{}}", "maxLength", 4096, "v" * 4097),
    _wrong(f"{POD}.nodeSelector", "maxProperties", 32, _map(33)),
    _wrong(f"{POD}.nodeSelector{{}}", "maxLength", 63, "v" * 64),
    _wrong(f"{POD}.tolerations", "maxItems", 32, _objects(33)),
    _wrong(f"{POD}.topologySpreadConstraints", "maxItems", 16, _constraints(17)),
    _wrong(f"{POD}.imagePullSecrets", "maxItems", 16, [{"name": f"pull-{number}"} for number in range(17)]),
    _lacks(f"{POD}.imagePullSecrets[]", "name"),
    *(_wrong_amount(of, "maxLength", 32, "1" * 33) for of in ("requests", "limits")),
    *(_wrong(path, "maxLength", 253, "n" * 254, **beside) for path, beside in NAMES),
    *KUBERNETES,
)

COST_BOUNDS = frozenset((f"spec.{POD}.resources.{of}", "maxProperties") for of in ("requests", "limits"))
"""Bounds that no wrong spec can break without breaking a rule first. By them the API server estimates what that
rule costs, and refuses the CRD without them.
"""
