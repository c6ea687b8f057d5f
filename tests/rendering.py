"""Renders resources as the controller would, on nodes with eight A100 80 GB unless the spec names other GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from internvl_operator.api.parsing import parse
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.record import inputs_of
from internvl_operator.planner.nodes.inventory import Inventory, inventory_for
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import GpuRequest, request_of
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.table import resource

if TYPE_CHECKING:
    from internvl_operator.manifests.template import KubernetesObject


def nodes_for(request: GpuRequest) -> list[dict[str, Any]]:
    """Nodes that a request may use: those with the labels that it selects, in zone a."""
    labels = {"topology.kubernetes.io/zone": "a", **request.node_selector}
    return [gpu_node(f"a100-{number}", labels=labels) for number in (1, 2, 3)]


async def inventory(request: GpuRequest, *, fresh: bool = False) -> Inventory:  # noqa: ARG001
    """The GPUs that a request may use, for `desired_state`."""
    return inventory_for(request, nodes_for(request))


def plan_of(spec: dict[str, Any]) -> Plan:
    """The plan of a spec."""
    request = request_of(parse(resource(spec)).spec)
    return make_plan(request, inventory_for(request.gpu, nodes_for(request.gpu)))


def children_of(spec: dict[str, Any], name: str = "captions") -> tuple[KubernetesObject, ...]:
    """The manifests of a spec, without owner references."""
    parsed = parse(resource(spec, name))
    return render_children(parsed, plan_of(spec), inputs_of(parsed.spec)).manifests
