"""A pod lands only on nodes that its plan is for: what was left out is kept out by the pod's own affinity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.record import inputs_of
from internvl_operator.planner.nodes.inventory import inventory_for
from internvl_operator.planner.nodes.node_affinity import required_terms
from internvl_operator.planner.nodes.pins import affinity_with
from internvl_operator.planner.nodes.placement import tolerates
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import request_of
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.table import resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from internvl_operator.planner.nodes.pins import Term

L4 = gpu_node("l4", "NVIDIA-L4", 23034, 1, compute_capability="8.9")
RTX = gpu_node("rtx-3090", "NVIDIA-GeForce-RTX-3090", 24576, 1, compute_capability="8.6")
SHARED = gpu_node("shared", "NVIDIA-GeForce-RTX-3090-SHARED", 24576, 1, replicas=4, compute_capability="8.6")
QUIETLY_SHARED = gpu_node("quietly-shared", "NVIDIA-L4", 23034, 1, replicas=4, compute_capability="8.9")
P40 = gpu_node("p40", "Tesla-P40", 24576, 1, compute_capability="6.1")
BLACKWELL = gpu_node("rtx-5090", "NVIDIA-GeForce-RTX-5090", 32607, 1, compute_capability="12.0")
T4 = gpu_node("t4", "Tesla-T4", 15360, 1, compute_capability="7.5")
GRACE = gpu_node(
    "grace", "NVIDIA-L4", 23034, 1, labels={"kubernetes.io/arch": "arm64"}, compute_capability="8.9"
)


def cloud_node(name: str, labels: dict[str, str], **more: Any) -> dict[str, Any]:
    """A node of a cloud, without GPU Feature Discovery."""
    node = gpu_node(name, **more)
    kept = {
        key: value for key, value in node["metadata"]["labels"].items() if not key.startswith("nvidia.com/")
    }
    return {**node, "metadata": {**node["metadata"], "labels": {**kept, **labels}}}


GKE = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
GKE_L4 = cloud_node("gke-l4", GKE)
GKE_SHARED = cloud_node("gke-shared", {**GKE, "cloud.google.com/gke-max-shared-clients-per-gpu": "4"})
GKE_PARTITIONED = cloud_node("gke-partitioned", {**GKE, "cloud.google.com/gke-gpu-partition-size": "1g.5gb"})
GKE_T4 = cloud_node("gke-t4", {"cloud.google.com/gke-accelerator": "nvidia-tesla-t4"})
KARPENTER_A100_40 = cloud_node(
    "p4d",
    {"karpenter.k8s.aws/instance-gpu-name": "a100", "karpenter.k8s.aws/instance-gpu-memory": "40960"},
)
KARPENTER_A100_80 = cloud_node(
    "p4de",
    {"karpenter.k8s.aws/instance-gpu-name": "a100", "karpenter.k8s.aws/instance-gpu-memory": "81920"},
)
AKS_A100 = cloud_node("aks-a100", {"node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4"})
AKS_T4 = cloud_node("aks-t4", {"node.kubernetes.io/instance-type": "Standard_NC4as_T4_v3"})
BARE = cloud_node("bare", {})


def landing(spec: dict[str, Any], *nodes: dict[str, Any], then: tuple[dict[str, Any], ...] = ()) -> list[str]:
    """The nodes that a pod may land on, of those that the plan was made by and of those that came later."""
    parsed = parse(resource(spec))
    request = request_of(parsed.spec)
    plan = make_plan(request, inventory_for(request.gpu, nodes))
    assert plan.is_ok, plan.reason
    manifests = render_children(parsed, plan, inputs_of(parsed.spec)).manifests
    pod = next(each for each in manifests if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    return [each["metadata"]["name"] for each in (*nodes, *then) if may_land(pod, each)]


def may_land(pod: dict[str, Any], node: dict[str, Any]) -> bool:
    labels, terms = node["metadata"]["labels"], required_terms(pod.get("affinity"))
    wanted = pod["containers"][0]["resources"]["limits"]
    return (
        all(int(node["status"]["allocatable"].get(name, "0")) >= int(count) for name, count in wanted.items())
        and pod.get("nodeSelector", {}).items() <= labels.items()
        and (terms is None or any(term.selects(node) for term in terms))
        and all(
            any(tolerates(each, taint) for each in pod["tolerations"])
            for taint in node["spec"].get("taints", ())
        )
    )


@pytest.mark.parametrize(
    ("gpu", "nodes", "then", "lands"),
    [
        pytest.param({"memory": "24Gi"}, [SHARED], [RTX], ["rtx-3090"], id="shared in time"),
        pytest.param(
            {"memory": "22Gi"}, [QUIETLY_SHARED], [L4], ["l4"], id="shared without a word in the product"
        ),
        pytest.param({"memory": "24Gi"}, [T4], [RTX], ["rtx-3090"], id="too small"),
        pytest.param({"memory": "24Gi"}, [SHARED], [P40, RTX], ["rtx-3090"], id="without code for it"),
        pytest.param(
            {"memory": "24Gi"}, [SHARED], [BLACKWELL, RTX], ["rtx-3090"], id="too new for the image"
        ),
        pytest.param({"memory": "22Gi"}, [GKE_SHARED, GKE_T4], [GKE_L4], ["gke-l4"], id="GKE, by memory"),
        pytest.param({"memory": "40Gi"}, [AKS_T4], [AKS_A100], ["aks-a100"], id="AKS, by memory"),
        pytest.param({"memory": "24Gi"}, [BARE, T4, AKS_T4], [], ["bare"], id="no label names the GPUs"),
        pytest.param(
            {}, [L4, QUIETLY_SHARED, GRACE], [], ["l4"], id="the same product, shared or beside arm64"
        ),
        pytest.param({}, [GKE_L4, GKE_SHARED, GKE_PARTITIONED], [], ["gke-l4"], id="GKE"),
        pytest.param({}, [KARPENTER_A100_80], [KARPENTER_A100_40], ["p4de"], id="two sizes under one name"),
        pytest.param({}, [AKS_A100], [AKS_T4], ["aks-a100"], id="AKS"),
        pytest.param(
            {"product": "nvidia-l4"}, [], [GKE_L4, GKE_SHARED, GKE_T4], ["gke-l4"], id="GKE at zero"
        ),
        pytest.param({"product": "l4"}, [], [KARPENTER_A100_80], [], id="Karpenter at zero, another product"),
        pytest.param(
            {"product": "A100-80GB"},
            [],
            [KARPENTER_A100_40, KARPENTER_A100_80, AKS_T4],
            ["p4de"],
            id="a short name at zero",
        ),
        pytest.param({"product": "A100-PCIE-80GB"}, [], [AKS_A100, AKS_T4], ["aks-a100"], id="AKS at zero"),
        pytest.param(
            {"product": "NVIDIA-L4"},
            [],
            [L4, QUIETLY_SHARED, RTX],
            ["l4"],
            id="NVIDIA at zero",
        ),
    ],
)
def test_where_a_pod_lands(
    gpu: dict[str, Any], nodes: list[dict[str, Any]], then: list[dict[str, Any]], lands: list[str]
) -> None:
    assert landing({"size": "2B", "gpu": gpu}, *nodes, then=tuple(then)) == lands


def test_alternatives_of_the_user_are_joined_with_those_of_the_plan() -> None:
    zones = [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]} for zone in ("a", "b")
    ]
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": zones}},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []},
    }
    spec = {"size": "2B", "gpu": {"memory": "22Gi"}, "podTemplate": {"affinity": affinity}}
    here, shared = (
        {**each, "metadata": {**each["metadata"], "labels": {**each["metadata"]["labels"], "zone": "b"}}}
        for each in (L4, QUIETLY_SHARED)
    )
    assert landing(spec, here, shared, then=(RTX,)) == ["l4"]


@pytest.mark.parametrize("terms", [(), (({"key": "zone", "operator": "Exists"},),)], ids=["free", "pinned"])
def test_a_section_of_an_affinity_in_which_nothing_is_said_is_left_out(terms: Sequence[Term]) -> None:
    empty: dict[str, Any] = {
        "podAffinity": {},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []},
    }
    assert affinity_with(empty, terms) == affinity_with(None, terms)


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
@pytest.mark.parametrize("key", ["nvidia.com/gpu", "nvidia.com/mig-3g.40gb"])
def test_slices_are_used_behind_the_taint_of_whole_gpus_and_behind_their_own(key: str, effect: str) -> None:
    slices = "nvidia.com/mig-3g.40gb"
    node = gpu_node(
        "mig", count=2, resource=slices, taints=[{"key": key, "value": "present", "effect": effect}]
    )
    assert landing({"size": "2B", "gpu": {"resource": slices}}, node) == ["mig"]
