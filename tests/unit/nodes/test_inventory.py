"""Which GPUs a plan may use: read from labels, given, or by default; what is not known is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.planner.nodes.inventory import (
    Inventory,
    NoGpuKnownError,
    inventory_for,
)
from internvl_operator.planner.nodes.node_affinity import NodeTerm, Requirement
from internvl_operator.planner.request import GpuRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

A100 = "NVIDIA-A100-SXM4-80GB"
RESEARCH = {"key": "dedicated", "value": "research", "effect": "NoSchedule"}
NOT_READY = {
    "allocatable": {"nvidia.com/gpu": "8"},
    "conditions": [{"type": "Ready", "status": "Unknown"}],
}
LISTED = [("NVIDIA-L4", 4), (A100, 8)]


def node(
    name: str,
    labels: dict[str, str] | None = None,
    count: str = "8",
    resource: str = "nvidia.com/gpu",
    unschedulable: bool = False,
    taints: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"unschedulable": unschedulable, "taints": [*taints]},
        "status": {"allocatable": {resource: count, "cpu": "96"}},
    }


def gfd(product: str, memory: str = "81920", **labels: str) -> dict[str, str]:
    """Labels as GPU Feature Discovery sets them."""
    return {"nvidia.com/gpu.product": product, "nvidia.com/gpu.memory": memory} | {
        f"nvidia.com/gpu.{name}": value for name, value in labels.items()
    }


def inventory(*nodes: dict[str, Any], default: str | None = None, **request: Any) -> Inventory:
    return inventory_for(GpuRequest(**request), nodes, default)


def test_a_product_is_read_from_the_labels_and_pinned_by_them() -> None:
    (pool,) = inventory(node("a", gfd(A100))).pools
    assert (pool.product, pool.memory_mib, pool.count) == (A100, 81920, 8)
    assert pool.compute_capability == (8, 0)
    assert pool.node_selector == {"nvidia.com/gpu.product": A100}


def test_the_largest_node_of_a_product_says_how_many_there_are() -> None:
    (pool,) = inventory(node("a", gfd(A100), "4"), node("b", gfd(A100), "8"), node("c", gfd(A100), "2")).pools
    assert pool.count == 8


def test_nodes_without_gpus_are_no_pools() -> None:
    with pytest.raises(NoGpuKnownError):
        inventory(node("cpu", count="0"))


@pytest.mark.parametrize(
    ("label", "value", "product"),
    [
        ("cloud.google.com/gke-accelerator", "nvidia-l4", "NVIDIA-L4"),
        ("karpenter.k8s.aws/instance-gpu-name", "l4", "NVIDIA-L4"),
    ],
)
def test_the_clouds_own_labels_are_known_and_pinned_as_they_are(label: str, value: str, product: str) -> None:
    (pool,) = inventory(node("a", {label: value})).pools
    assert (pool.product, pool.memory_mib, pool.node_selector) == (product, 23034, {label: value})


def test_a_cordoned_node_is_left_out_and_spoken_of() -> None:
    found = inventory(node("a", gfd(A100), unschedulable=True), node("b", gfd("NVIDIA-L4", "23034")))
    assert [pool.product for pool in found.pools] == ["NVIDIA-L4"]
    assert found.notes == ("left out, cordoned: a",)


@pytest.mark.parametrize(
    "labels",
    [
        gfd(A100 + "-SHARED"),
        gfd(A100, replicas="4"),
        gfd(A100) | {"cloud.google.com/gke-max-shared-clients-per-gpu": "8"},
    ],
)
def test_a_gpu_that_is_shared_in_time_is_left_out_and_spoken_of(labels: dict[str, str]) -> None:
    found = inventory(node("a", labels), node("b", gfd("NVIDIA-L4", "23034")))
    assert [pool.product for pool in found.pools] == ["NVIDIA-L4"]
    assert found.notes == ("left out, GPUs shared in time: a",)


def test_a_node_without_labels_is_spoken_of_and_used_when_the_memory_is_given() -> None:
    found = inventory(node("bare"), node("b", gfd(A100)))
    assert len(found.pools) == 1
    assert found.notes == ("left out, no label that names the GPUs (set spec.gpu.memory to use them): bare",)
    (pool,) = inventory(node("bare"), memory_mib=40960).pools
    assert (pool.product, pool.memory_mib, pool.count, pool.node_selector) == ("", 40960, 8, {})


def test_labels_that_make_no_sense_break_no_plan() -> None:
    odd = gfd("Something-New", "²", replicas="many", **{"compute.major": "x"})
    found = inventory(node("odd", odd), node("broken", gfd(A100), count="8x"), node("b", gfd(A100)))
    assert [pool.product for pool in found.pools] == [A100]


def test_a_given_product_is_found_by_its_short_name_too() -> None:
    nodes = (node("a", gfd(A100)), node("b", gfd("NVIDIA-L4", "23034")))
    assert [pool.product for pool in inventory(*nodes, product="A100-80GB").pools] == [A100]


def test_a_given_product_that_no_node_has_is_planned_from_the_catalogue_and_said_so() -> None:
    found = inventory(node("a", gfd(A100)), product="NVIDIA-H200", max_count=4)
    (pool,) = found.pools
    assert (pool.product, pool.memory_mib, pool.count) == ("NVIDIA-H200", 143771, 4)
    assert "no usable node has NVIDIA-H200 now: planned from what is known of it" in found.notes


def test_the_installations_default_stands_for_a_pool_at_zero_nodes() -> None:
    (pool,) = inventory(default="NVIDIA-L4").pools
    assert pool.node_selector == {"nvidia.com/gpu.product": "NVIDIA-L4"}


def test_nodes_that_cannot_be_read_are_said_and_need_a_given_gpu() -> None:
    with pytest.raises(NoGpuKnownError, match=r"the nodes cannot be read.*set spec\.gpu\.product"):
        inventory_for(GpuRequest(), None)
    assert "the nodes cannot be read" in inventory_for(GpuRequest(product=A100), None).notes


def test_an_unknown_product_needs_its_memory() -> None:
    with pytest.raises(NoGpuKnownError, match=r"set spec\.gpu\.memory"):
        inventory(product="Something-New")
    (pool,) = inventory(product="Something-New", memory_mib=50000).pools
    assert (pool.product, pool.memory_mib) == ("Something-New", 50000)


def test_a_mig_resource_is_one_slice_of_its_profiles_memory() -> None:
    resource = "nvidia.com/mig-3g.40gb"
    (pool,) = inventory(node("mig", gfd(A100), "2", resource), resource=resource).pools
    assert (pool.resource, pool.is_mig, pool.node_selector) == (resource, True, {})
    assert 36000 < pool.memory_mib < 41000
    (given,) = inventory(node("mig", gfd(A100), "2", resource), resource=resource, memory_mib=40000).pools
    assert given.memory_mib == 40000


def test_a_listed_inventory_stands_in_place_of_the_nodes() -> None:
    found = inventory_for(GpuRequest(), None, listed=LISTED)
    assert [(pool.product, pool.count) for pool in found.pools] == [(A100, 8), ("NVIDIA-L4", 4)]


def test_nodes_of_a_listed_inventory_may_have_the_labels_that_the_pods_select() -> None:
    in_a_pool = NodeTerm((Requirement("pool", "Exists", frozenset()),), ())
    request = GpuRequest(node_selector={"pool": "gpu"}, node_affinity=(in_a_pool,))
    found = inventory_for(request, None, listed=LISTED)
    assert [pool.product for pool in found.pools] == [A100, "NVIDIA-L4"]
    assert found.notes == ()


def test_a_given_memory_chooses_among_the_gpus_and_allows_for_cards_of_that_nominal_size() -> None:
    nodes = (node("l4", gfd("NVIDIA-L4", "23034")), node("h100", gfd("NVIDIA-H100-80GB-HBM3", "81559")))
    found = inventory(*nodes, memory_mib=81920)
    assert [(pool.product, pool.memory_mib) for pool in found.pools] == [("NVIDIA-H100-80GB-HBM3", 81559)]
    assert found.notes == ("left out, GPUs of 23034 MiB, less than spec.gpu.memory: l4",)


def test_a_given_memory_of_a_named_product_is_taken_as_it_is() -> None:
    (pool,) = inventory(node("a", gfd(A100)), product=A100, memory_mib=40000).pools
    assert pool.memory_mib == 40000


def test_a_partitioned_gpu_is_not_taken_for_a_whole_one() -> None:
    labels = gfd(A100) | {"cloud.google.com/gke-gpu-partition-size": "1g.5gb"}
    found = inventory(node("a", labels), node("b", gfd("NVIDIA-L4", "23034")))
    assert [pool.product for pool in found.pools] == ["NVIDIA-L4"]
    assert found.notes == ("left out, GPUs partitioned: a",)


def test_a_slice_that_is_shared_in_time_is_left_out() -> None:
    resource = "nvidia.com/mig-3g.40gb"
    shared = node("a", {f"{resource}.replicas": "4"}, "8", resource)
    found = inventory(shared, resource=resource)
    assert "left out, GPUs shared in time: a" in found.notes


def test_only_nodes_that_the_pods_may_use_are_counted() -> None:
    zone = {"topology.kubernetes.io/zone": "eu-west-1a"}
    away = node("away", gfd("NVIDIA-L4", "23034"))
    silent = node("silent", gfd("NVIDIA-L4", "23034") | zone)
    silent["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    found = inventory(away, silent, node("here", gfd(A100) | zone), node_selector=zone)
    assert [pool.product for pool in found.pools] == [A100]
    assert found.notes == (
        "left out, not ready: silent",
        "left out, not selected by podTemplate.nodeSelector: away",
    )


def test_the_notes_of_a_large_cluster_stay_short() -> None:
    nodes = [node(f"n{number:03}", gfd(A100), unschedulable=True) for number in range(600)]
    (note,) = inventory(*nodes, node("b", gfd("NVIDIA-L4", "23034"))).notes
    assert note == "left out, cordoned: n000, n001, n002 and 597 more"


def test_nodes_with_a_taint_that_the_pods_do_not_tolerate_are_left_out_and_spoken_of() -> None:
    kept_out = [node(name, gfd("NVIDIA-L4", "23034"), taints=[RESEARCH]) for name in ("gpu-8", "gpu-7")]
    found = inventory(*kept_out, node("a", gfd(A100)))
    assert [pool.product for pool in found.pools] == [A100]
    assert found.notes == (
        "left out, taint dedicated=research:NoSchedule is not tolerated by podTemplate.tolerations: gpu-7, gpu-8",
    )
    tolerated = inventory(*kept_out, tolerations=({"key": "dedicated", "operator": "Exists"},))
    assert ([pool.product for pool in tolerated.pools], tolerated.notes) == (["NVIDIA-L4"], ())


def test_nodes_that_a_required_node_affinity_does_not_select_are_left_out_and_spoken_of() -> None:
    in_a_pool = NodeTerm((Requirement("pool", "Exists", frozenset()),), ())
    nodes = (node("l4", gfd("NVIDIA-L4", "23034")), node("a", gfd(A100) | {"pool": "gpu"}))
    found = inventory(*nodes, node_affinity=(in_a_pool,))
    assert [pool.product for pool in found.pools] == [A100]
    assert found.notes == ("left out, not selected by podTemplate.affinity: l4",)


def test_of_one_product_only_the_nodes_that_the_pods_may_use_are_counted() -> None:
    (pool,) = inventory(node("small", gfd(A100), "2"), node("large", gfd(A100), "8", taints=[RESEARCH])).pools
    assert pool.count == 2


@pytest.mark.parametrize("resource", ["nvidia.com/gpu", "nvidia.com/mig-3g.40gb"])
def test_the_taint_of_the_requested_resource_keeps_no_pod_out(resource: str) -> None:
    own = {"key": resource, "value": "present", "effect": "NoSchedule"}
    assert inventory(node("a", gfd(A100), "2", resource, taints=[own]), resource=resource).notes == ()


def test_with_no_node_left_the_message_names_what_keeps_the_pods_out() -> None:
    tainted = node("gpu-7", gfd(A100), taints=[RESEARCH])
    with pytest.raises(NoGpuKnownError) as raised:
        inventory(tainted)
    assert str(raised.value) == (
        "no GPU is known to plan for (left out, taint dedicated=research:NoSchedule is not tolerated by "
        "podTemplate.tolerations: gpu-7): let the pods use one of these nodes, or set spec.gpu.product or "
        "spec.gpu.memory"
    )
    assert [pool.product for pool in inventory(tainted, default="L4").pools] == ["NVIDIA-L4"]
    assert [pool.product for pool in inventory(tainted, product=A100).pools] == [A100]


def test_the_notes_stay_few_where_each_node_has_a_taint_of_its_own() -> None:
    own = [RESEARCH | {"value": f"team-{number:03}"} for number in range(600)]
    nodes = [node(f"n{number:03}", gfd(A100), taints=[taint]) for number, taint in enumerate(own)]
    notes = inventory(*nodes, node("b", gfd("NVIDIA-L4", "23034"))).notes
    assert len(notes) == 9
    assert notes[-1] == "left out, other causes: n008, n009, n010 and 589 more"


HUGE = "9" * 60


def test_a_memory_that_cannot_be_true_is_not_used_and_said_to_be() -> None:
    known = inventory(node("gpu-7", gfd(A100) | {"nvidia.com/gpu.memory": HUGE}))
    assert [pool.memory_mib for pool in known.pools] == [81920]
    assert known.notes == (f"not used, as it cannot be true: nvidia.com/gpu.memory={'9' * 24}... of gpu-7",)


@pytest.mark.parametrize("memory", ["1", "1023", "16777216", "1000000000000000000", "-5", "80Gi", "٣٢٠٠٠"])
def test_no_number_but_a_cards_memory_is_used(memory: str) -> None:
    known = inventory(node("gpu-7", gfd(A100) | {"nvidia.com/gpu.memory": memory}))
    assert [pool.memory_mib for pool in known.pools] == [81920]
    assert len(known.notes) == 1


def test_an_unknown_product_with_a_memory_that_cannot_be_true_is_left_out() -> None:
    unknown = node("gpu-7", gfd("ACME-9000") | {"nvidia.com/gpu.memory": HUGE})
    with pytest.raises(NoGpuKnownError, match=r"cannot be true: nvidia\.com/gpu\.memory=9999"):
        inventory(unknown)


def test_a_count_that_cannot_be_true_is_left_out() -> None:
    many = node("gpu-7", gfd(A100), str(2**63 - 1))
    with pytest.raises(
        NoGpuKnownError, match=r"9223372036854775807 of nvidia\.com/gpu cannot be true: gpu-7"
    ):
        inventory(many)


def test_a_compute_capability_that_cannot_be_true_is_the_catalogues() -> None:
    labels = gfd(A100) | {"nvidia.com/gpu.compute.major": HUGE, "nvidia.com/gpu.compute.minor": "0"}
    known = inventory(node("gpu-7", labels))
    assert [pool.compute_capability for pool in known.pools] == [(8, 0)]
    assert "nvidia.com/gpu.compute.major=" in known.notes[0]


def test_the_notes_on_labels_stay_few() -> None:
    nodes = [
        node(f"n{number:03}", gfd(A100) | {"nvidia.com/gpu.memory": f"{number + 1}"}) for number in range(600)
    ]
    assert inventory(*nodes).notes[-1] == "and 592 more such labels"


def test_nodes_that_offer_gpus_under_another_name_are_told_with_the_field() -> None:
    slices = node("mig", gfd(A100), "2", "nvidia.com/mig-3g.40gb")
    with pytest.raises(
        NoGpuKnownError, match=r"offers nvidia\.com/mig-3g\.40gb \(spec\.gpu\.resource is nvidia\.com/gpu\)"
    ):
        inventory(slices)
    found = inventory(slices, node("b", gfd(A100)), resource="nvidia.com/mig-1g.10gb")
    assert "left out, offers nvidia.com/gpu (spec.gpu.resource is nvidia.com/mig-1g.10gb): b" in found.notes


def test_a_node_with_gpus_that_it_does_not_offer_is_told() -> None:
    with pytest.raises(
        NoGpuKnownError, match=r"has GPUs and offers no nvidia\.com/gpu .*device plugin.*: idle"
    ):
        inventory(node("idle", gfd(A100), count="0"))


def test_a_node_beside_another_processor_is_left_out_unless_the_image_is_the_users_own() -> None:
    grace = node("grace", gfd("NVIDIA-GH200-480GB", "97871") | {"kubernetes.io/arch": "arm64"})
    found = inventory(grace, node("b", gfd("NVIDIA-H200", "143771")))
    assert [pool.product for pool in found.pools] == ["NVIDIA-H200"]
    assert any("processor arm64" in note and "spec.engine.image" in note for note in found.notes)
    own = inventory(grace, processor=None)
    assert [pool.product for pool in own.pools] == ["NVIDIA-GH200-480GB"]


def test_the_products_that_nodes_have_are_told_beside_the_one_that_none_has() -> None:
    found = inventory(node("a", gfd(A100)), product="NVIDIA-H200")
    assert f"spec.gpu.product is NVIDIA-H200; the nodes have {A100}" in found.notes


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (
            "a100",
            {"karpenter.k8s.aws/instance-gpu-name": "a100", "karpenter.k8s.aws/instance-gpu-memory": "81920"},
        ),
        ("A100-80GB", {"node.kubernetes.io/instance-type": "p4de.24xlarge"}),
        (
            "A100-80GB",
            {"eks.amazonaws.com/instance-gpu-name": "a100", "eks.amazonaws.com/instance-gpu-memory": "81920"},
        ),
    ],
)
def test_a_product_is_found_by_the_name_that_its_node_gives_it(name: str, labels: dict[str, str]) -> None:
    (pool,) = inventory(node("a", labels), product=name).pools
    assert pool.product == A100


@pytest.mark.parametrize(
    ("nodes", "helps"),
    [
        (
            (node("mig", gfd(A100), "2", "nvidia.com/mig-3g.40gb"),),
            "(left out, offers nvidia.com/mig-3g.40gb (spec.gpu.resource is nvidia.com/gpu): mig): "
            "set spec.gpu.resource to one that a node offers",
        ),
        (
            (node("a", gfd(A100), unschedulable=True),),
            "(left out, cordoned: a): uncordon a node, or set spec.gpu.product or spec.gpu.memory",
        ),
        (
            (node("a", gfd(A100)) | {"status": NOT_READY},),
            "(left out, not ready: a): wait until a node is ready, or set spec.gpu.product or spec.gpu.memory",
        ),
        (
            (),
            "(no node offers nvidia.com/gpu): add nodes with GPUs, or set spec.gpu.product or spec.gpu.memory",
        ),
    ],
    ids=["slices", "cordoned", "not ready", "no GPU"],
)
def test_what_helps_follows_from_why_no_node_is_used(nodes: tuple[dict[str, Any], ...], helps: str) -> None:
    with pytest.raises(NoGpuKnownError) as refused:
        inventory(*nodes)
    assert str(refused.value) == f"no GPU is known to plan for {helps}"
