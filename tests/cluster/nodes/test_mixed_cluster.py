"""A cluster of several GPU products: each model on the fewest GPUs, then on the smallest card, and it stays there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cluster.conftest import CRD_DIRECTORY
from tests.cluster.control_plane import LocalCluster
from tests.cluster.operators.operator_process import grant_rights, resource, spawn_operator
from tests.cluster.simulated_nodes import GPU_TAINT, add_nodes, gpu_node
from tests.cluster.waiting import apply, get, get_all, wait_ready, wait_stalled

if TYPE_CHECKING:
    from collections.abc import Iterator

L4, A100_40, A100_80 = "NVIDIA-L4", "NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-SXM4-80GB"
RTX_5090 = "NVIDIA-GeForce-RTX-5090"

PLANS = {
    # (size, quantization asked for): (GPUs, product, quantization, sessions of 8192 tokens that fit at once)
    ("1B", "Auto"): (1, L4, "None", 128),
    ("2B", "Auto"): (1, L4, "None", 17),
    ("2B", "None"): (1, L4, "None", 17),
    ("2B", "AWQ"): (1, L4, "AWQ", 19),
    # Four sessions of 4B take 12 GiB of KV cache: its 32 KV heads are not shared. They do not fit on an L4.
    ("4B", "Auto"): (1, A100_40, "None", 8),
    ("8B", "Auto"): (1, L4, "None", 4),
    ("8B", "None"): (1, L4, "None", 4),
    ("8B", "AWQ"): (1, L4, "AWQ", 11),
    ("26B", "Auto"): (1, A100_80, "None", 16),
    ("26B", "None"): (1, A100_80, "None", 16),
    ("26B", "AWQ"): (1, A100_40, "AWQ", 7),
    ("40B", "Auto"): (2, A100_80, "None", 33),
    ("40B", "None"): (2, A100_80, "None", 33),
    ("40B", "AWQ"): (1, A100_80, "AWQ", 19),
    ("76B", "Auto"): (4, A100_80, "None", 51),
    ("76B", "None"): (4, A100_80, "None", 51),
    ("76B", "AWQ"): (1, A100_80, "AWQ", 7),
}


@pytest.fixture(scope="module")
def mixed() -> Iterator[LocalCluster]:
    """Nodes of three products, one with MIG slices, one without labels, and an operator."""
    with LocalCluster(crds=CRD_DIRECTORY.glob("*.yaml")) as cluster:
        unlabelled = gpu_node("unlabelled")
        for label in [key for key in unlabelled["metadata"]["labels"] if key.startswith("nvidia.com/")]:
            del unlabelled["metadata"]["labels"][label]
        add_nodes(
            cluster,
            [
                gpu_node("l4", product=L4, memory_mib=23034, labels={"pool": "l4"}),
                gpu_node("a100-40", product=A100_40, memory_mib=40960, taints=[GPU_TAINT]),
                gpu_node("a100-80", product=A100_80, memory_mib=81920, taints=[GPU_TAINT]),
                gpu_node("mig", resource="nvidia.com/mig-3g.40gb", count=2),
                unlabelled,
            ],
        )
        cluster.kubectl("get", "internvldeployments", "--all-namespaces")
        grant_rights(cluster)
        spawn_operator(cluster, environment={"INTERNVL_NODES_TTL_SECONDS": "0"})
        yield cluster


def test_every_size_and_quantization_gets_the_fewest_gpus_and_then_the_smallest_card(
    mixed: LocalCluster,
) -> None:
    names = {asked: f"m{asked[0].lower()}-{asked[1].lower()}" for asked in PLANS}
    apply(
        mixed,
        *(
            resource(name, "default", size=size, quantization=quantization, replicas=0)
            for (size, quantization), name in names.items()
        ),
    )

    got = {}
    for asked, name in names.items():
        plan = wait_ready(mixed, name, "default")["status"]["plan"]
        got[asked] = (plan["gpus"], plan["product"], plan["quantization"], plan["concurrentSessions"])
        deployment = get(mixed, "deployment", name, "default")
        assert deployment is not None
        pod = deployment["spec"]["template"]["spec"]
        assert pod["nodeSelector"] == {"nvidia.com/gpu.product": plan["product"]}
        assert any("unlabelled" in note for note in plan["notes"]), "the unlabelled node is spoken of"

    assert got == PLANS


def test_a_mig_resource_is_planned_on_one_slice(mixed: LocalCluster) -> None:
    apply(mixed, resource("slice", "default", size="8B", gpu={"resource": "nvidia.com/mig-3g.40gb"}))

    plan = wait_ready(mixed, "slice", "default")["status"]["plan"]

    assert (plan["gpus"], plan["resource"], plan["tp"]) == (1, "nvidia.com/mig-3g.40gb", 1)
    assert _node_of(mixed, "slice") == "mig"


def test_a_plan_is_for_the_nodes_on_which_the_pods_may_be_placed(mixed: LocalCluster) -> None:
    taint = {"key": "dedicated", "value": "research", "effect": "NoSchedule"}
    # The smallest card that holds four sessions of 4B.
    research = gpu_node("research", RTX_5090, 32607, labels={"pool": "research"}, taints=[GPU_TAINT, taint])
    add_nodes(mixed, [research])
    selected = {"podTemplate": {"nodeSelector": {"pool": "l4"}}}
    tolerant = {"podTemplate": {"tolerations": [{"key": "dedicated", "operator": "Exists"}]}}
    shut_out = {"podTemplate": {"nodeSelector": {"pool": "research"}}}
    apply(
        mixed,
        resource("anywhere", "default", size="4B"),
        resource("selected", "default", size="4B", **selected),
        resource("tolerant", "default", size="4B", **tolerant),
        resource("shut-out", "default", size="4B", **shut_out),
    )

    plans = {
        name: wait_ready(mixed, name, "default")["status"]["plan"]
        for name in ("anywhere", "selected", "tolerant")
    }

    assert {name: (plan["gpus"], plan["product"]) for name, plan in plans.items()} == {
        "anywhere": (1, A100_40),
        "selected": (2, L4),
        "tolerant": (1, RTX_5090),
    }
    assert {name: _node_of(mixed, name) for name in plans} == {
        "anywhere": "a100-40",
        "selected": "l4",
        "tolerant": "research",
    }
    said = "taint dedicated=research:NoSchedule is not tolerated by podTemplate.tolerations: research"
    assert f"left out, {said}" in plans["anywhere"]["notes"]
    assert said in wait_stalled(mixed, "shut-out", "default", "NoGPUKnown")


def test_a_bigger_node_changes_no_plan_and_restarts_nothing(mixed: LocalCluster) -> None:
    names = ["still-8b", "still-40b"]
    apply(mixed, *(resource(name, "default", size=name.removeprefix("still-").upper()) for name in names))
    before = {name: wait_ready(mixed, name, "default")["status"]["plan"] for name in names}
    pods = _uids(mixed, "still-")

    add_nodes(mixed, [gpu_node("h200", product="NVIDIA-H200", memory_mib=143771)])
    # A change that needs no restart makes the operator look at both again, with the new node in sight.
    for name in names:
        mixed.kubectl("patch", "ivl", name, "--type=merge", f"-p={json.dumps(_HARMLESS)}")
    after = {name: wait_ready(mixed, name, "default")["status"]["plan"] for name in names}

    assert after == before
    assert _uids(mixed, "still-") == pods
    assert "fresh plan: 1 x NVIDIA-H200, full precision; what runs stays" in _internvl_status(
        mixed, "still-40b"
    )
    assert "fresh plan" not in _internvl_status(mixed, "still-8b")
    apply(mixed, resource("newcomer", "default", size="40B", replicas=0))
    assert wait_ready(mixed, "newcomer", "default")["status"]["plan"]["product"] == "NVIDIA-H200"


_HARMLESS = {"spec": {"service": {"annotations": {"example.com/note": "looked at again"}}}}


def _node_of(cluster: LocalCluster, name: str) -> str:
    """The node of a resource's only pod."""
    pods = get_all(cluster, "pods", "default")
    (pod,) = [pod for pod in pods if pod["metadata"]["labels"].get("app.kubernetes.io/instance") == name]
    return str(pod["spec"]["nodeName"])


def _uids(cluster: LocalCluster, prefix: str) -> set[str]:
    pods = get_all(cluster, "pods", "default")
    return {pod["metadata"]["uid"] for pod in pods if pod["metadata"]["name"].startswith(prefix)}


def _internvl_status(cluster: LocalCluster, name: str) -> str:
    command = [sys.executable, "-m", "internvl_operator", "status", name]
    environment = os.environ | {"KUBECONFIG": str(cluster.kubeconfig())}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
