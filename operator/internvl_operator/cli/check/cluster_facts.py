"""What ``internvl check`` and ``internvl version`` read of a cluster; what may not be read is not known."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from internvl_operator.kube.connection import Connection
from internvl_operator.kube.kinds import DEPLOYMENT, NODE, POD_MONITOR, RESOURCE, SELF_REVIEW
from internvl_operator.kube.port import ForbiddenError, Kind, KubernetesObject, NotFoundError

OPERATOR_SELECTOR = "app.kubernetes.io/part-of=internvl-operator,app.kubernetes.io/component=controller"
"""Labels that the chart puts on the operator's Deployment."""

STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False)
POD_METRICS = Kind("custom.metrics.k8s.io/v1beta1", "MetricValueList", "pods/*")

_CRD_PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{RESOURCE.plural}.{RESOURCE.group}"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """A cluster as it is; None stands for what may not be read.

    Args:
        kubernetes: version of the API server, such as ``v1.37.2``.
        has_kind: whether it serves InternVLDeployments.
        crd: their CustomResourceDefinition.
        operators: Deployments of the operator.
        may_create: whether this user may create InternVLDeployments in the namespace.
        namespace: that was asked for.
        nodes: all of them.
        storage_classes: all of them.
        has_pod_monitors: whether it serves the kind of prometheus-operator.
        has_pod_metrics: whether it serves custom metrics, by which replicas are scaled.
    """

    kubernetes: str
    has_kind: bool
    crd: Mapping[str, Any] | None
    operators: Sequence[KubernetesObject] | None
    may_create: bool
    namespace: str
    nodes: Sequence[KubernetesObject] | None
    storage_classes: Sequence[KubernetesObject] | None
    has_pod_monitors: bool
    has_pod_metrics: bool


async def read_cluster(cluster: Connection, namespace: str) -> ClusterFacts:
    """Return the facts of a cluster.

    Raises:
        ClusterError: the API server does not answer.
    """
    served = {group["name"] for group in (await _read(cluster, "/apis"))["groups"]}
    has_kind = RESOURCE.group in served and await _serves(cluster, RESOURCE)
    return ClusterFacts(
        kubernetes=await read_kubernetes_version(cluster),
        has_kind=has_kind,
        crd=await _known(_read(cluster, _CRD_PATH)) if has_kind else None,
        operators=await read_operators(cluster),
        may_create=has_kind and await _may_create(cluster, namespace),
        namespace=namespace,
        nodes=await _known(_items(cluster, NODE)),
        storage_classes=await _known(_items(cluster, STORAGE_CLASS)),
        has_pod_monitors=POD_MONITOR.group in served,
        has_pod_metrics=POD_METRICS.group in served,
    )


async def read_kubernetes_version(cluster: Connection) -> str:
    """Return the version of the API server."""
    return str((await _read(cluster, "/version"))["gitVersion"])


async def read_operators(cluster: Connection) -> Sequence[KubernetesObject] | None:
    """Return the Deployments of the operator in all namespaces, or None when they may not be read."""
    return await _known(_items(cluster, DEPLOYMENT, labelSelector=OPERATOR_SELECTOR))


async def _serves(cluster: Connection, kind: Kind) -> bool:
    listed = await _known(_read(cluster, kind.root))
    return any(item["name"] == kind.plural for item in (listed or {}).get("resources", ()))


async def _may_create(cluster: Connection, namespace: str) -> bool:
    attributes = {
        "verb": "create",
        "group": RESOURCE.group,
        "resource": RESOURCE.plural,
        "namespace": namespace,
    }
    review = {
        "apiVersion": SELF_REVIEW.api_version,
        "kind": SELF_REVIEW.kind,
        "spec": {"resourceAttributes": attributes},
    }
    answer = await cluster.request(
        "POST", SELF_REVIEW, f"{SELF_REVIEW.root}/{SELF_REVIEW.plural}", {}, review
    )
    return bool(answer["status"]["allowed"])


async def _items(cluster: Connection, kind: Kind, **parameters: str) -> list[KubernetesObject]:
    listed = await cluster.request("GET", kind, f"{kind.root}/{kind.plural}", parameters)
    items: list[KubernetesObject] = listed["items"]
    return items


async def _read(cluster: Connection, path: str) -> KubernetesObject:
    return await cluster.request("GET", RESOURCE, path, {})


async def _known(reading: Awaitable[T]) -> T | None:
    try:
        return await reading
    except (ForbiddenError, NotFoundError):
        return None
