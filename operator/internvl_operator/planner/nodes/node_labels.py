"""What a node's labels tell of its GPUs. Labels are anyone's text: what makes no sense is not known."""

from collections.abc import Mapping
from typing import Any

from internvl_operator.catalog.nvidia import (
    COMPUTE_CAPABILITY_LABELS,
    GPU_RESOURCE,
    MEMORY_LABEL,
    PRODUCT_LABEL,
    REPLICAS_LABEL,
    SHARED_SUFFIX,
)
from internvl_operator.planner.nodes.plausibility import plausible_number
from internvl_operator.planner.request import GpuRequest

_SHARING_LABELS = (REPLICAS_LABEL, "cloud.google.com/gke-max-shared-clients-per-gpu")
_PARTITION_LABEL = "cloud.google.com/gke-gpu-partition-size"
_MEMORY_LABELS = (MEMORY_LABEL, "karpenter.k8s.aws/instance-gpu-memory")


def obstacle(node: Mapping[str, Any], labels: Mapping[str, str], request: GpuRequest) -> str | None:
    """Return why no pod can use a node's GPUs, whatever they are and wherever it may be placed."""
    if node.get("spec", {}).get("unschedulable"):
        return "cordoned"
    conditions = node.get("status", {}).get("conditions") or ()
    if any(item["type"] == "Ready" and item["status"] != "True" for item in conditions):
        return "not ready"
    sharing = (*_SHARING_LABELS, f"{request.resource}.replicas")
    products = (labels.get(PRODUCT_LABEL, ""), labels.get(f"{request.resource}.product", ""))
    if any(labels.get(key, "1") not in ("", "0", "1") for key in sharing) or any(
        product.endswith(SHARED_SUFFIX) for product in products
    ):
        return "GPUs shared in time"
    if request.resource == GPU_RESOURCE and labels.get(_PARTITION_LABEL):
        return "GPUs partitioned"
    return None


def labelled_memory(labels: Mapping[str, str]) -> int | None:
    """Return the memory of one GPU in MiB, if a label tells it."""
    known = (plausible_number(labels, key) for key in _MEMORY_LABELS)
    return next((memory for memory in known if memory is not None), None)


def labelled_capability(labels: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the compute capability of a node's GPUs, if labels tell it."""
    major, minor = (plausible_number(labels, label) for label in COMPUTE_CAPABILITY_LABELS)
    return None if major is None or minor is None else (major, minor)
