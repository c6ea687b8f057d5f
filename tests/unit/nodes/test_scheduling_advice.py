"""A pod that no node takes is told with the cause and the field: from the scheduler's words and the plan's notes."""

from __future__ import annotations

from typing import Any

import pytest

from internvl_operator.diagnosis.diagnose import diagnose
from internvl_operator.planner.nodes.inventory import inventory_for
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import GpuRequest, PlanRequest
from tests.cluster.simulated_nodes import gpu_node
from tests.unit.pods import REVISION, condition, deployment, unscheduled

SLICES = "nvidia.com/mig-3g.40gb"
A100S = [gpu_node("a100")]


def plan(**gpu: Any) -> Plan:
    request = PlanRequest("2B", gpu=GpuRequest(**gpu))
    return make_plan(request, inventory_for(request.gpu, A100S))


def told(message: str, made: Plan) -> tuple[str, str]:
    """The reason and the message of a pod of which the scheduler says this."""
    found = diagnose(made, deployment(), [unscheduled(message)], REVISION)
    assert found is not None
    return found.reason, found.message


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("0/1 nodes are available: 1 Insufficient cpu.", "podTemplate.resources.requests.cpu"),
        ("0/1 nodes are available: 1 Insufficient memory.", "podTemplate.resources.requests.memory"),
        ("0/1 nodes are available: 1 Insufficient ephemeral-storage.", "model.cache"),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {sku: gpu}.", "podTemplate.tolerations"),
        (
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector.",
            "podTemplate.resources.requests.cpu",
        ),
        (
            "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.",
            "podTemplate.topologySpreadConstraints",
        ),
    ],
)
def test_the_field_that_is_in_the_way_is_named(message: str, field: str) -> None:
    reason, said = told(message, plan())
    assert reason == "Unschedulable"
    assert field in said


def test_a_product_that_no_node_has_is_told_with_those_that_there_are() -> None:
    reason, said = told(
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
        plan(product="NVIDIA-H100-80GB-HBM3"),
    )
    assert reason == "Unschedulable"
    assert "no usable node has NVIDIA-H100-80GB-HBM3" in said
    assert "spec.gpu.product is NVIDIA-H100-80GB-HBM3; the nodes have NVIDIA-A100-SXM4-80GB" in said
    assert "nvidia.com/gpu.product=NVIDIA-H100-80GB-HBM3" in said


def test_slices_that_no_node_has_are_not_told_as_busy_ones_alone() -> None:
    reason, said = told(f"0/1 nodes are available: 1 Insufficient {SLICES}.", plan(resource=SLICES))
    assert reason == "WaitingForGPU"
    assert "no usable node has mig-3g.40gb" in said


def test_a_taint_of_gpus_is_told_before_nodes_that_have_none() -> None:
    taint = "1 node(s) had untolerated taint {nvidia.com/gpu: present}"
    reason, said = told(f"0/2 nodes are available: 1 Insufficient {SLICES}, {taint}.", plan(resource=SLICES))
    assert reason == "Unschedulable"
    assert "podTemplate.tolerations" in said


@pytest.mark.parametrize(
    ("refusal", "field"),
    [
        ('pods "x" is forbidden: exceeded quota: gpus', "raise the quota"),
        ("pods is forbidden: maximum cpu usage per Container is 2, but limit is 3", "LimitRange"),
        ("unable to validate against any security context constraint", "podTemplate.identity"),
        ('violates PodSecurity "restricted:latest"', "podTemplate.securityContext"),
        ("pods is forbidden: no PriorityClass with name x was found", "podTemplate.priorityClassName"),
        ('admission webhook "policy.example.com" denied the request', "satisfy the policy"),
        ("something new", "spec.podTemplate"),
    ],
)
def test_pods_that_are_refused_are_told_with_what_refuses_them(refusal: str, field: str) -> None:
    refused = condition("ReplicaFailure", True, 3, "FailedCreate", refusal)
    found = diagnose(plan(), deployment(refused), [], REVISION)
    assert found is not None
    assert (found.reason, field in found.message) == ("PodsRefused", True)
