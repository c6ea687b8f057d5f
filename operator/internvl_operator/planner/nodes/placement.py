"""On which nodes the scheduler may place the model's pods; whether other pods leave room there is not considered.

The rules are the scheduler's own (Kubernetes 1.37: ``Toleration.ToleratesTaint`` in k8s.io/api/core/v1/toleration.go,
``FindMatchingUntoleratedTaint`` in k8s.io/component-helpers/scheduling/corev1/helpers.go). What an admission plugin
adds to the pods, such as a RuntimeClass's tolerations, cannot be known here.
"""

import re
from collections.abc import Mapping
from typing import Any

from internvl_operator.catalog.nvidia import GPU_RESOURCE
from internvl_operator.planner.request import GpuRequest

_KEEPS_PODS_OUT = ("NoSchedule", "NoExecute")
"""Effects of a taint; the remaining one, PreferNoSchedule, is a wish."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
_INT64 = 1 << 63


def gpu_tolerations(resource: str) -> tuple[dict[str, str], ...]:
    """Return the tolerations of all pods: for the taints by which nodes are reserved for pods that request GPUs.

    Nodes with MIG slices have the taint of whole GPUs as a rule, and may have one of their own.
    """
    return tuple({"key": key, "operator": "Exists"} for key in dict.fromkeys((GPU_RESOURCE, resource)))


def recorded_toleration(resource: str) -> dict[str, str]:
    """Return the toleration of pods whose plan names none: the operator that wrote such a plan had this rule."""
    return {"key": resource, "operator": "Exists", "effect": "NoSchedule"}


def why_not_placeable(node: Mapping[str, Any], request: GpuRequest) -> str | None:
    """Return why the scheduler places no pod of the model on a node, with the field to change, or None if it may."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in request.node_selector.items()):
        return "not selected by podTemplate.nodeSelector"
    if request.node_affinity is not None and not any(term.selects(node) for term in request.node_affinity):
        return "not selected by podTemplate.affinity"
    tolerations = (*gpu_tolerations(request.resource), *request.tolerations)
    for taint in node.get("spec", {}).get("taints") or ():
        if taint["effect"] in _KEEPS_PODS_OUT and not any(tolerates(each, taint) for each in tolerations):
            return f"taint {_shown(taint)} is not tolerated by podTemplate.tolerations"
    return None


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Return whether a toleration, which is as its author wrote it, tolerates a taint.

    No effect and no key stand for every one. An operator that Kubernetes does not know tolerates nothing: the API
    server says so, with the field's name, when it gets the pod template.
    """
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    value, tainted = toleration.get("value") or "", taint.get("value") or ""
    match toleration.get("operator") or "Equal":
        case "Exists":
            return True
        case "Equal":
            return bool(value == tainted)
        case (
            "Gt" | "Lt" as operator
        ):  # behind the feature gate TaintTolerationComparisonOperators, from 1.35 on
            return _exceeds(tainted, value) if operator == "Gt" else _exceeds(value, tainted)
        case _:
            return False


def _exceeds(more: Any, less: Any) -> bool:
    """Return whether both texts are numbers of 64 bits, and the first is the larger."""
    numbers = [int(text) for text in (more, less) if isinstance(text, str) and _INTEGER.fullmatch(text)]
    return (
        len(numbers) == 2
        and all(-_INT64 <= number < _INT64 for number in numbers)
        and numbers[0] > numbers[1]
    )


def _shown(taint: Mapping[str, Any]) -> str:
    """Return a taint as kubectl writes it."""
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"
