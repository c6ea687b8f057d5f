"""A plan of which a part is emptied leaves a status that the API server takes, on a real one."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import apply, eventually, get

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.waiting import Object

pytestmark = pytest.mark.usefixtures("operator")


def _observed(cluster: LocalCluster, name: str, namespace: str) -> Object | None:
    """The resource, once its status tells of the present spec."""
    body = get(cluster, "internvldeployment", name, namespace) or {"metadata": {}}
    status = body.get("status", {})
    return body if status.get("observedGeneration") == body["metadata"].get("generation") else None


def test_a_model_that_moves_from_a_product_to_slices(cluster: LocalCluster, namespace: str) -> None:
    product = {"product": "NVIDIA-A100-SXM4-80GB"}
    apply(cluster, resource("to-mig", namespace, size="2B", gpu=product, replicas=0))
    eventually(partial(_observed, cluster, "to-mig", namespace), "the product is observed")
    change = [{"op": "replace", "path": "/spec/gpu", "value": {"resource": "nvidia.com/mig-3g.40gb"}}]
    cluster.kubectl("patch", "ivl", "to-mig", "-n", namespace, "--type", "json", "-p", json.dumps(change))
    found = eventually(partial(_observed, cluster, "to-mig", namespace), "the slices are observed")
    assert found["status"]["plan"]["nodeSelector"] == {}
    assert found["status"]["plan"]["resource"] == "nvidia.com/mig-3g.40gb"
