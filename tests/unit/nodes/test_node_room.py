"""What a replica requests beside its GPUs fits the nodes that are known, or the plan says which field to change."""

from __future__ import annotations

from typing import Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.record import inputs_of
from internvl_operator.planner.nodes.inventory import inventory_for
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import request_of
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.table import resource

L4 = ("NVIDIA-L4", 23034, 1)


def node(name: str = "small", gpu: tuple[str, int, int] = L4, **allocatable: str) -> dict[str, Any]:
    """A node with what it leaves to pods; a name with an underscore stands for one with a hyphen."""
    made = gpu_node(name, *gpu, compute_capability="8.9")
    offered = {key.replace("_", "-"): value for key, value in allocatable.items()}
    made["status"]["allocatable"] = {**made["status"]["allocatable"], **offered}
    return made


def planned(spec: dict[str, Any], *nodes: dict[str, Any]) -> Plan:
    request = request_of(parse(resource(spec)).spec)
    return make_plan(request, inventory_for(request.gpu, nodes))


def requests(spec: dict[str, Any], *nodes: dict[str, Any]) -> dict[str, str]:
    """What the server's container requests."""
    parsed = parse(resource(spec))
    manifests = render_children(parsed, planned(spec, *nodes), inputs_of(parsed.spec)).manifests
    pod = next(each for each in manifests if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    found: dict[str, str] = pod["containers"][0]["resources"]["requests"]
    return found


@pytest.mark.parametrize(
    ("allocatable", "requested"),
    [("96", "3"), ("3920m", "3"), ("3500m", "3"), ("1930m", "1430m"), ("2", "1500m")],
)
def test_no_more_cpu_than_a_node_leaves_beside_the_systems_pods(allocatable: str, requested: str) -> None:
    assert requests({"size": "2B"}, node(cpu=allocatable))["cpu"] == requested


def test_the_largest_node_decides() -> None:
    assert requests({"size": "2B"}, node("a", cpu="2"), node("b", cpu="8"))["cpu"] == "3"


def test_fewer_cores_are_warned_of_by_the_field() -> None:
    (warning,) = [each for each in planned({"size": "2B"}, node(cpu="2")).warnings if "cpu" in each]
    assert "1500m of cpu" in warning
    assert "podTemplate.resources.requests.cpu" in warning


def test_what_the_spec_says_is_not_changed_and_not_refused() -> None:
    own = {"requests": {"cpu": "16", "memory": "100Gi", "ephemeral-storage": "1Ti"}}
    small = node(cpu="2", memory="4Gi", ephemeral_storage="10Gi")
    found = requests({"size": "2B", "podTemplate": {"resources": own}}, small)
    assert {name: found[name] for name in own["requests"]} == own["requests"]


def test_a_limit_bounds_what_is_needed() -> None:
    spec = {"size": "2B", "podTemplate": {"resources": {"limits": {"memory": "6Gi", "cpu": "1"}}}}
    found = requests(spec, node(cpu="2", memory="7Gi"))
    assert (found["memory"], found["cpu"]) == ("6Gi", "1")


@pytest.mark.parametrize(
    ("allocatable", "named"),
    [
        ({"cpu": "900m"}, "podTemplate.resources.requests.cpu"),
        ({"memory": "4Gi"}, "podTemplate.resources.requests.memory"),
        ({"ephemeral_storage": "1Gi"}, "model.cache"),
    ],
)
def test_nodes_without_room_are_refused_by_the_field(allocatable: dict[str, str], named: str) -> None:
    refused = planned({"size": "2B"}, node("small", L4, **allocatable))
    assert refused.outcome is Outcome.REJECTED
    assert named in refused.reason


def test_weights_that_are_quantized_for_want_of_disk_are_said_to_be() -> None:
    plan = planned({"size": "2B"}, node(ephemeral_storage="3Gi"))
    assert plan.awq
    assert "full precision does not: the files need" in plan.reason
    assert "model.cache" in plan.reason


def test_files_in_a_claim_need_no_room_on_the_node() -> None:
    spec = {"size": "2B", "model": {"cache": {"size": "20Gi"}}}
    assert planned(spec, node(ephemeral_storage="3Gi")).is_ok


def test_gpus_of_nodes_with_room_are_taken_before_those_of_nodes_without() -> None:
    tight = node("tight", ("Tesla-T4", 15360, 1), memory="4Gi")
    assert planned({"size": "2B"}, tight, node("wide")).product == "NVIDIA-L4"


def test_what_is_not_known_of_a_node_refuses_nothing() -> None:
    unknown = node()
    unknown["status"]["allocatable"] = {"nvidia.com/gpu": "1", "cpu": "many"}
    assert requests({"size": "2B"}, unknown)["cpu"] == "3"


def test_more_gpus_are_no_way_out_where_the_nodes_lack_memory() -> None:
    refused = planned({"size": "8B"}, node(gpu=("NVIDIA-L4", 23034, 4), memory="8Gi"))
    assert "of its node's memory, and the nodes leave at most" in refused.reason
    assert refused.alternatives == ()


def test_a_way_out_with_more_gpus_than_the_nodes_have_says_so() -> None:
    refused = planned({"size": "26B"}, node("a"), node("b"))
    assert refused.outcome is Outcome.OOM
    assert "use 2 x NVIDIA-L4 with AWQ on nodes with 2 of them (the largest has 1)" in refused.reason
    both = planned({"size": "26B", "gpu": {"maxCount": 1}}, node())
    assert "(the largest has 1) and raise gpu.maxCount, which is 1, to 2" in both.reason
