"""Whatever of a spec is emptied: status and children end as those of a resource that never had it, on a real server."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.v1alpha1 import API_VERSION, PLURAL
from tests.cluster.api import APPLY, Answer, Api
from tests.cluster.specs.emptying import CONTAINERS, emptied, filled
from tests.cluster.specs.right import RICH
from tests.cluster.specs.table import Spec, resource
from tests.cluster.waiting import eventually, get, get_all, patch

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.waiting import Object

CHILD_KINDS = ("deployment", "service", "networkpolicy", "persistentvolumeclaim", "poddisruptionbudget")
FIELDS = [name for name in RICH if name not in ("size", "replicas")]

pytestmark = pytest.mark.usefixtures("operator")


def _applied(api: Api, namespace: str, name: str, spec: Spec) -> Answer:
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}/{name}"
    body = resource({**spec, "replicas": 0}, name, namespace)
    return api.request("PATCH", path, body, APPLY, fieldManager="user", fieldValidation="Strict")


def _observed(cluster: LocalCluster, namespace: str) -> bool:
    """Whether each status tells of the present spec."""
    return all(
        body["status"]["observedGeneration"] == body["metadata"]["generation"]
        for body in get_all(cluster, "internvldeployments", namespace)
    )


def _ends(cluster: LocalCluster, namespace: str, name: str) -> Any:
    """The status and the children of a resource, without its name and what follows from it or from time."""
    body = get(cluster, "internvldeployment", name, namespace)
    assert body is not None
    children = {kind: get(cluster, kind, name, namespace) for kind in CHILD_KINDS}
    plan = dict(body["status"].get("plan") or {})
    shown = [plan, *(_wanted(child) for child in children.values())]
    return json.loads(json.dumps(shown).replace(name, "NAME"))


def _wanted(child: Object | None) -> Any:
    """What the operator wants of a child."""
    if child is None:
        return None
    spec = {key: value for key, value in child["spec"].items() if not key.startswith("clusterIP")}
    if template := spec.get("template"):
        kept = {"labels", "annotations"}
        metadata = {
            field: {
                key: value
                for key, value in template["metadata"].get(field, {}).items()
                if "revision" not in key
            }
            for field in kept
        }
        spec = {**spec, "template": {"metadata": metadata, "spec": template["spec"]}}
    ports = [{**port, "nodePort": 0} for port in spec.get("ports", ())]
    annotations = {
        key: value
        for key, value in child["metadata"].get("annotations", {}).items()
        if not key.startswith(("internvl.dev/", "deployment.kubernetes.io/"))
    }
    return [{**spec, "ports": ports} if ports else spec, annotations]


def _change(
    cluster: LocalCluster, api: Api, namespace: str, before: dict[str, Spec], after: dict[str, Spec]
) -> list[str]:
    """Make resources, change them, make others that were never different, and return which ends are not the same."""
    for name, spec in before.items():
        _applied(api, namespace, name, spec).granted()
    eventually(partial(_observed, cluster, namespace), "the first specs are observed", 120)
    taken = [name for name, spec in after.items() if _applied(api, namespace, name, spec).accepted]
    for name in taken:
        _applied(api, namespace, f"fresh-{name}", after[name]).granted()
    eventually(partial(_observed, cluster, namespace), "the changed specs are observed", 120)
    return [
        name
        for name in taken
        if _ends(cluster, namespace, name) != _ends(cluster, namespace, f"fresh-{name}")
    ]


@pytest.mark.timeout(600)
def test_each_map_list_and_section_that_is_emptied_and_filled_again(
    cluster: LocalCluster, api: Api, namespace: str
) -> None:
    before = {f"at-{number}": filled(path) for number, path in enumerate(CONTAINERS)}
    after = {f"at-{number}": emptied(filled(path), path) for number, path in enumerate(CONTAINERS)}
    assert len(before) > 80
    assert _change(cluster, api, namespace, before, after) == []
    for name, spec in before.items():
        _applied(api, namespace, name, spec).granted()
    eventually(partial(_observed, cluster, namespace), "the first specs are observed again", 120)


@pytest.mark.timeout(600)
def test_each_field_that_is_removed_again(cluster: LocalCluster, api: Api, namespace: str) -> None:
    rich = {**RICH, "service": {**RICH["service"], "type": "ClusterIP"}}
    before = {f"without-{name.lower()}": rich for name in FIELDS}
    after = {
        f"without-{name.lower()}": {key: value for key, value in rich.items() if key != name}
        for name in FIELDS
    }
    assert _change(cluster, api, namespace, before, after) == []


def test_a_model_that_moves_from_a_product_to_slices(cluster: LocalCluster, api: Api, namespace: str) -> None:
    spec = {"size": "2B", "gpu": {"product": "NVIDIA-A100-SXM4-80GB"}}
    _applied(api, namespace, "to-mig", spec).granted()
    eventually(partial(_observed, cluster, namespace), "the product is observed")
    change = [{"op": "replace", "path": "/spec/gpu", "value": {"resource": "nvidia.com/mig-3g.40gb"}}]
    cluster.kubectl("patch", "ivl", "to-mig", "-n", namespace, "--type", "json", "-p", json.dumps(change))
    eventually(partial(_observed, cluster, namespace), "the slices are observed")
    found = get(cluster, "internvldeployment", "to-mig", namespace)
    assert found is not None
    assert found["status"]["plan"]["nodeSelector"] == {}
    assert found["status"]["plan"]["resource"] == "nvidia.com/mig-3g.40gb"


def test_a_plan_that_is_gone_leaves_no_trace(cluster: LocalCluster, api: Api, namespace: str) -> None:
    _applied(api, namespace, "no-plan", {"size": "2B"}).granted()
    eventually(partial(_observed, cluster, namespace), "the plan is observed")
    patch(
        cluster,
        "internvldeployment",
        "no-plan",
        namespace,
        {"spec": {"gpu": {"resource": "nvidia.com/mig-1g.99gb"}}},
    )
    eventually(partial(_observed, cluster, namespace), "the other spec is observed")
    found = get(cluster, "internvldeployment", "no-plan", namespace)
    assert found is not None
    assert "plan" not in found["status"]
