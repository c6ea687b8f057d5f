"""Specs that the API server takes, and that only the planner or the Deployment's own rules can refuse."""

from __future__ import annotations

from tests.cluster.specs.table import Spec, StalledSpec, at


def _rejected(name: str, says: str, spec: Spec) -> StalledSpec:
    return StalledSpec(name, {"size": "8B", **spec}, "Rejected", says)


def _extra(name: str, says: str, *arguments: str, version: str = "0.18.0") -> StalledSpec:
    return _rejected(name, says, {"engine": {"version": version, "extraArgs": list(arguments)}})


def _invalid_pod(name: str, says: str, spec: Spec) -> StalledSpec:
    return StalledSpec(name, spec, "InvalidPodTemplate", says)


PLANNER: tuple[StalledSpec, ...] = (
    _extra("a flag that does not exist", "LMDeploy 0.18.0 has no flag --sesion-length", "--sesion-length"),
    _extra("a misspelt flag", "did you mean --log-level?", "--log-levl", "INFO"),
    _extra(
        "a flag of a later release",
        "has no flag --hf-overrides, which 0.9.2 has: set spec.engine.version",
        "--hf-overrides={}",
        version="0.6.5",
    ),
    _extra("a flag of the other backend", "--eager-mode is for the PyTorch backend", "--eager-mode"),
    _extra("a flag without its value", "--log-level needs a value", "--log-level"),
    _extra("a value that is no choice", "--log-level must be one of", "--log-level", "LOUD"),
    _extra("a value without its flag", "'INFO' is no flag", "INFO"),
    _extra("a flag twice", "--log-level is given twice", "--log-level=INFO", "--log-level=DEBUG"),
    _rejected(
        "tp above the GPUs of a replica",
        "tp 16 is more than the 8 GPUs that gpu.maxCount allows",
        {"size": "76B", "engine": {"tp": 16}},
    ),
    _rejected(
        "1B on the TurboMind of a release without Qwen2 in InternVL2",
        "LMDeploy 0.5.3 does not run Qwen2ForCausalLM on the turbomind backend",
        {"size": "1B", "engine": {"version": "0.5.3", "backend": "TurboMind"}},
    ),
    StalledSpec(
        "76B in full precision on one GPU",
        {"size": "76B", "quantization": "None", "gpu": {"maxCount": 1}},
        "DoesNotFit",
        "use quantization AWQ",
    ),
    StalledSpec(
        "8B on a MIG slice of 5 GB",
        {"size": "8B", "gpu": {"resource": "nvidia.com/mig-1g.5gb"}},
        "DoesNotFit",
        "out of memory",
    ),
    StalledSpec(
        "a session longer than the KV cache of one GPU",
        {"size": "26B", "gpu": {"maxCount": 1}, "engine": {"sessionLen": 1048576}},
        "SessionExceedsKV",
        "less than one session of 1048576; use sessionLen <= ",
    ),
    StalledSpec(
        "a KV cache too small for the warm-up",
        {"size": "8B", "engine": {"tp": 1, "cacheMaxEntryCount": 0.005}},
        "NoKVForSession",
        "leave cacheMaxEntryCount out",
    ),
    StalledSpec(
        "a load whose first token no replica is fast enough for",
        {"size": "76B", "load": {"requestsPerSecond": 1, "timeToFirstTokenSeconds": 0.01}},
        "LoadNotCarried",
        "no number of replicas is fast enough",
    ),
    StalledSpec(
        "a load whose requests are longer than a session",
        {"size": "8B", "load": {"requestsPerSecond": 1, "images": 8}},
        "LoadNotCarried",
        "use sessionLen 15360",
    ),
    StalledSpec(
        "a GPU that neither a node nor the catalogue has",
        {"size": "8B", "gpu": {"product": "ACME-9000"}},
        "NoGPUKnown",
        "'ACME-9000' is not known; or set spec.gpu.memory",
    ),
)
"""Refused when the plan is made."""

DEPLOYMENT: tuple[StalledSpec, ...] = (
    _invalid_pod(
        "a toleration with an unknown operator",
        "tolerations[1].operator",
        at("podTemplate.tolerations", [{"key": "spot", "operator": "Maybe"}]),
    ),
    _invalid_pod(
        "an affinity with an unknown operator",
        "nodeSelectorTerms[0].matchExpressions[0].operator",
        at(
            "podTemplate.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
            {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "Is", "values": ["a"]}]}
                ]
            },
        ),
    ),
    _invalid_pod(
        "a variable with a value and a source",
        "may not be specified when `value` is not empty",
        at(
            "engine.env",
            [
                {
                    "name": "A",
                    "value": "b",
                    "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
                }
            ],
        ),
    ),
    _invalid_pod(
        "a request above its limit",
        "must be less than or equal to cpu limit",
        at("podTemplate.resources", {"requests": {"cpu": "8"}, "limits": {"cpu": "4"}}),
    ),
    _invalid_pod(
        "a label's value with a space",
        "a valid label must be an empty string or consist of",
        at("podTemplate.labels", {"team": "a b"}),
    ),
    _invalid_pod(
        "a security context that names no user",
        "runAsUser",
        at("podTemplate.securityContext", {"runAsUser": -1}),
    ),
)
"""Refused with 422 by the API server when the Deployment is applied."""
