"""What a node's labels say about its GPUs. Anyone may write labels: a value that makes no sense is ignored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from internvl_operator.catalog.gpus import Gpu, UnknownGpuError, find_gpu
from internvl_operator.catalog.hardware.node_names import (
    INSTANCE_TYPE_LABEL,
    MEMORY_OF_LABEL,
    PRODUCTS_BY_LABEL,
    products_of,
)
from internvl_operator.catalog.nvidia import (
    COMPUTE_CAPABILITY_LABELS,
    DRIVER_LABELS,
    GPU_RESOURCE,
    MEMORY_LABEL,
    PRODUCT_LABEL,
    REPLICAS_LABEL,
    SHARED_SUFFIX,
    VGPU_LABEL,
    is_gpu,
)
from internvl_operator.planner.nodes.pins import GKE_PARTITION_LABEL, GKE_SHARED_LABEL
from internvl_operator.planner.nodes.plausibility import plausible_number
from internvl_operator.planner.request import GpuRequest

_SHARING_LABELS = (REPLICAS_LABEL, GKE_SHARED_LABEL)
_MEMORY_LABELS = (MEMORY_LABEL, *MEMORY_OF_LABEL.values())


@dataclass(frozen=True, slots=True)
class NamedGpu:
    """How a node names its GPUs.

    Args:
        label: the label that does; None when no label that is known does.
        name: its value.
        gpu: what the catalogue knows of it, if anything.
    """

    label: str | None = None
    name: str = ""
    gpu: Gpu | None = None

    @property
    def product(self) -> str:
        """The product as GPU Feature Discovery names it, or else as the node does."""
        return self.name if self.label == PRODUCT_LABEL or self.gpu is None else self.gpu.product

    def is_called(self, name: str) -> bool:
        """Return whether it is the product that is asked for, by whichever name."""
        try:
            return name in (self.name, self.product) or find_gpu(name).product == self.product
        except UnknownGpuError:
            return False


def named_gpu(labels: Mapping[str, str]) -> NamedGpu:
    """Return how a node names its GPUs: by GPU Feature Discovery, or by its cloud."""
    if product := labels.get(PRODUCT_LABEL):
        return NamedGpu(PRODUCT_LABEL, product, _known(product))
    for label in PRODUCTS_BY_LABEL:
        if (name := labels.get(label)) and (known := products_of(label, name) or _as_a_product(label, name)):
            gpus = [find_gpu(product) for product in known]
            memory = labelled_memory(labels) or 0
            gpu = min(gpus, key=lambda gpu: abs(gpu.memory_mib - memory))
            return NamedGpu(label, name, gpu)
    unknown = [each for each in PRODUCTS_BY_LABEL if each in labels and each != INSTANCE_TYPE_LABEL]
    return NamedGpu(unknown[0], labels[unknown[0]]) if unknown else NamedGpu()


def obstacle(node: Mapping[str, Any], labels: Mapping[str, str], request: GpuRequest) -> str | None:
    """Return why no pod can use a node's GPUs, whichever GPUs they are, or None when pods can."""
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
    if request.resource == GPU_RESOURCE and labels.get(GKE_PARTITION_LABEL):
        return "GPUs partitioned"
    return None


def labelled_memory(labels: Mapping[str, str]) -> int | None:
    """Return the memory of one GPU in MiB, if a label says it."""
    known = (plausible_number(labels, key) for key in _MEMORY_LABELS)
    return next((memory for memory in known if memory is not None), None)


def labelled_capability(labels: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the compute capability of a node's GPUs, if labels say it."""
    major, minor = (plausible_number(labels, label) for label in COMPUTE_CAPABILITY_LABELS)
    return None if major is None or minor is None else (major, minor)


def labelled_driver(labels: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the version of a node's driver, major and minor number, if labels say it."""
    for pair in DRIVER_LABELS:
        major, minor = (plausible_number(labels, label) for label in pair)
        if major is not None:
            return (major, minor or 0)
    return None


def is_virtual(labels: Mapping[str, str]) -> bool:
    """Return whether a node's GPUs are virtual ones (NVIDIA vGPU)."""
    return labels.get(VGPU_LABEL) == "true" or labels.get(PRODUCT_LABEL, "").startswith("GRID-")


def other_offers(node: Mapping[str, Any], resource: str) -> list[str]:
    """Return under which other resource names a node offers GPUs."""
    offered = node.get("status", {}).get("allocatable", {})
    return sorted(
        name for name, count in offered.items() if name != resource and is_gpu(name) and count != "0"
    )


def has_gpus(labels: Mapping[str, str]) -> bool:
    """Return whether labels say that a node has GPUs, which it may not offer."""
    return labels.get("nvidia.com/gpu.present") == "true" or named_gpu(labels).label is not None


def _known(product: str) -> Gpu | None:
    try:
        return find_gpu(product)
    except UnknownGpuError:
        return None


def _as_a_product(label: str, name: str) -> tuple[str, ...]:
    """Return the product by whose own name a cloud's label may call it."""
    gpu = _known(name) if label != INSTANCE_TYPE_LABEL else None
    return (gpu.product,) if gpu else ()
