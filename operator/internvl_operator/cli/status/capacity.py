"""How many GPUs the cluster has, and how many of them are requested."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from internvl_operator.catalog.nvidia import GPU_RESOURCE, PRODUCT_LABEL, is_gpu
from internvl_operator.planner.nodes.node_labels import obstacle
from internvl_operator.planner.request import GpuRequest
from internvl_operator.text.quantity import parse_quantity

_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Capacity:
    """The GPUs of one product.

    Args:
        product: the product, or the resource's name where that says more, as for MIG.
        nodes: the number of nodes whose GPUs a model can use: ready, not cordoned, not shared in time.
        gpus: the GPUs of these nodes.
        requested: how many of these GPUs pods request.
        most_free: the free GPUs of the node with the most free ones: no larger replica fits.
    """

    product: str
    nodes: int
    gpus: int
    requested: int
    most_free: int

    @property
    def free(self) -> int:
        """GPUs that no pod requests."""
        return self.gpus - self.requested


def gpu_requests(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node and the GPUs of a pod: all that ``capacities`` needs of it, and small for large clusters."""
    has_ended = pod.get("status", {}).get("phase") in _ENDED
    gpus: Counter[str] = Counter()
    # The limits of extended resources are their requests.
    for container in pod["spec"]["containers"]:
        gpus.update(_gpus(container.get("resources", {}).get("limits", {})))
    return {"node": pod["spec"].get("nodeName", ""), "gpus": {} if has_ended else dict(gpus)}


def capacities(
    nodes: Iterable[Mapping[str, Any]], requests: Sequence[Mapping[str, Any]]
) -> tuple[Capacity, ...]:
    """Return the GPUs by product.

    Args:
        nodes: Nodes as the API has them.
        requests: what ``gpu_requests`` returns, for every pod.
    """
    requested: dict[tuple[str, str], int] = defaultdict(int)
    for each in requests:
        for resource, count in each["gpus"].items():
            requested[each["node"], resource] += count
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for node in nodes:
        labels = node["metadata"].get("labels") or {}
        if obstacle(node, labels, GpuRequest()) is not None:
            continue
        for resource, gpus in _gpus(node.get("status", {}).get("allocatable", {})).items():
            named = labels.get(PRODUCT_LABEL, resource) if resource == GPU_RESOURCE else resource
            found[named].append((gpus, requested[node["metadata"]["name"], resource]))
    return tuple(
        Capacity(
            product=product,
            nodes=len(each),
            gpus=sum(gpus for gpus, _ in each),
            requested=sum(taken for _, taken in each),
            most_free=max(gpus - taken for gpus, taken in each),
        )
        for product, each in sorted(found.items())
    )


def _gpus(amounts: Mapping[str, Any]) -> dict[str, int]:
    """Return how many GPUs of each kind are among some resources, without kinds of which there are 0."""
    found = {name: int(parse_quantity(str(amount))) for name, amount in amounts.items() if is_gpu(name)}
    return {name: count for name, count in found.items() if count}
