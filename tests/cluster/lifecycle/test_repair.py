"""What someone deletes is made again at once, as a watch tells of it; the next full list is ten minutes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import resource, spawn_operator
from tests.cluster.programs.published_crds import CHILDREN_CRDS, obtain
from tests.cluster.waiting import apply, delete, eventually, get, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster

KEDA = ("interceptorroute", "scaledobject")
KINDS = (
    "deployment",
    "service",
    "networkpolicy",
    "poddisruptionbudget",
    "horizontalpodautoscaler",
    "podmonitor",
    "inferencepool",
    "httproute",
    *KEDA,
)
GATEWAY = {"parentRefs": [{"name": "inference"}]}


@pytest.fixture(scope="module")
def operated(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """A cluster with every kind of child, and an operator that was started after it."""
    files = [obtain(crd) for crd in CHILDREN_CRDS]
    install_crds(cluster, *files)
    operator = spawn_operator(cluster, "repair")
    yield cluster
    operator.stop()
    cluster.kubectl("delete", *(f"--filename={file}" for file in files))


@pytest.mark.parametrize("kind", KINDS)
def test_what_someone_deletes_is_back_at_once(operated: LocalCluster, namespace: str, kind: str) -> None:
    scaled = {"minReplicas": 0 if kind in KEDA else 2, "maxReplicas": 3}
    # A pool leads past what wakes a model.
    gateway = GATEWAY if kind in KEDA else {**GATEWAY, "balancing": "InferencePool"}
    apply(operated, resource("back", namespace, replicas=2, autoscaling=scaled, gateway=gateway))
    wait_ready(operated, "back", namespace)
    before = _uid(operated, kind, namespace)
    assert before is not None

    delete(operated, kind, "back", namespace)

    eventually(lambda: _uid(operated, kind, namespace) not in (None, before), f"a new {kind}")


def _uid(cluster: LocalCluster, kind: str, namespace: str) -> str | None:
    found = get(cluster, kind, "back", namespace)
    return found["metadata"]["uid"] if found else None
