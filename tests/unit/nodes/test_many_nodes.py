"""Many nodes, whatever their labels, cost time in proportion and words within bounds; a plan of them stays short."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.planner.nodes.inventory import Inventory, inventory_for
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import request_of
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.table import resource
from tests.unit.planner.test_growth import MOST_SECONDS, SLACK_SECONDS, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

Node = dict[str, Any]
SIZES = (1_000, 4_000)
MOST_SECONDS_PER_NODE = 250e-6
LONGEST_NOTES = 10_000
"""Characters of all notes: they go into the status and into an annotation."""


def labelled(number: int, **labels: str) -> Node:
    node = gpu_node(f"node-{number}")
    node["metadata"]["labels"] |= {f"nvidia.com/gpu.{key}": value for key, value in labels.items()}
    node["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    return node


def roomy(number: int) -> Node:
    node = labelled(number)
    node["status"]["allocatable"] |= {"memory": f"{10**9 + number}", "cpu": f"{64_000 + number}m"}
    return node


def tainted(number: int) -> Node:
    taint = {"key": f"team-{number}", "value": "a", "effect": "NoSchedule"}
    return {**labelled(number), "spec": {"taints": [taint] if number else []}}


CLUSTERS: dict[str, Callable[[int], Node]] = {
    "one product": labelled,
    "one unknown product": lambda number: labelled(number, product="ACME-9000-SXM4-80GB"),
    "unknown products": lambda number: labelled(number, product=f"NVIDIA-A{number}00-SXM4-80GB"),
    "memories": lambda number: labelled(number, product="ACME-9000", memory=str(40_000 + number)),
    "rooms": roomy,
    "taints": tainted,
    "implausible memories": lambda number: labelled(number, memory=f"{number}{'9' * 50}"),
}
REQUESTS: dict[str, Any] = {
    "any GPU": {},
    "a GPU that no node has": {"gpu": {"product": "NVIDIA-L4"}},
    "a load": {"load": {"requestsPerSecond": 2}},
}


def inventory(spec: dict[str, Any], nodes: list[Node]) -> Inventory:
    return inventory_for(request_of(parse(resource({"size": "8B", **spec})).spec).gpu, nodes)


@pytest.mark.parametrize("name", CLUSTERS)
def test_nodes_are_read_in_time_in_proportion(name: str) -> None:
    nodes = [CLUSTERS[name](number) for number in range(SIZES[-1])]
    few, many = (partial(inventory, {"gpu": {"product": "NVIDIA-L4"}}, nodes[:size]) for size in SIZES)
    # Linear work takes four times as long, quadratic work sixteen times.
    most = min(8 * seconds(few) + SLACK_SECONDS, MOST_SECONDS_PER_NODE * len(nodes))
    assert seconds(many, most) < most


@pytest.mark.parametrize("spec", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("name", CLUSTERS)
def test_a_plan_of_many_nodes_is_made_in_time_and_stays_short(name: str, spec: dict[str, Any]) -> None:
    found = inventory(spec, [CLUSTERS[name](number) for number in range(SIZES[0])])
    assert len("".join(found.notes)) < LONGEST_NOTES
    request = request_of(parse(resource({"size": "8B", **spec})).spec)
    plan = make_plan(request, found)
    assert len("".join((plan.reason, *plan.notes, *plan.warnings))) < LONGEST_NOTES
    assert seconds(partial(make_plan, request, found), MOST_SECONDS) < MOST_SECONDS


def test_more_kinds_of_gpus_than_are_planned_for_leave_out_unknown_ones_and_are_told() -> None:
    strange = [labelled(number, product=f"AAAA-{number}") for number in range(500)]
    found = inventory({}, [*strange, labelled(500)])
    assert gpu_node("any")["metadata"]["labels"]["nvidia.com/gpu.product"] in {
        pool.product for pool in found.pools
    }
    assert any("kinds of GPUs" in note for note in found.notes)
