"""On which nodes the pods may be placed: tolerations as Kubernetes reads them, and labels that are all equal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from internvl_operator.planner.nodes.placement import tolerates, why_not_placeable
from internvl_operator.planner.request import GpuRequest

KEYS = st.sampled_from(["dedicated", "spot", "nvidia.com/gpu", "node.kubernetes.io/not-ready"])
VALUES = st.sampled_from(["", "research", "vision", "0", "7", "007", "9"])
EFFECTS = st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"])
TAINTS = st.fixed_dictionaries({"key": KEYS, "effect": EFFECTS}, optional={"value": VALUES})
TOLERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "key": KEYS | st.just(""),
        "operator": st.sampled_from(["", "Equal", "Exists", "Gt", "Lt", "Maybe"]),
        "value": VALUES,
        "effect": EFFECTS | st.just(""),
        "tolerationSeconds": st.integers(0, 300),
    },
)


def node(*taints: dict[str, Any], **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": "a", "labels": labels}, "spec": {"taints": list(taints)}}


def taint(value: str = "", effect: str = "NoSchedule") -> dict[str, str]:
    return {"key": "dedicated", "value": value, "effect": effect}


@pytest.mark.parametrize(
    ("toleration", "tainted", "tolerated"),
    [
        ({"key": "dedicated", "operator": "Exists"}, taint("research"), True),
        ({"key": "dedicated", "operator": "Equal", "value": "research"}, taint("research"), True),
        ({"key": "dedicated", "value": "research"}, taint("research"), True),
        ({"key": "dedicated"}, taint(), True),
        ({"key": "dedicated"}, {"key": "dedicated", "effect": "NoSchedule"}, True),
        ({"key": "dedicated"}, taint("research"), False),
        ({"key": "dedicated", "value": "vision"}, taint("research"), False),
        ({"key": "spot", "operator": "Exists"}, taint("research"), False),
        ({"operator": "Exists"}, taint("research", "NoExecute"), True),
        ({"operator": "Exists", "effect": "NoSchedule"}, taint("research", "NoExecute"), False),
        ({"key": "dedicated", "operator": "Exists", "effect": ""}, taint("research", "NoExecute"), True),
        ({"key": "dedicated", "operator": "Maybe"}, taint(), False),
        ({"key": "dedicated", "operator": ["Exists"]}, taint(), False),
        ({"key": ["dedicated"], "operator": "Exists"}, taint(), False),
        ({"key": "dedicated", "operator": "Gt", "value": "5"}, taint("7"), True),
        ({"key": "dedicated", "operator": "Gt", "value": "7"}, taint("7"), False),
        ({"key": "dedicated", "operator": "Gt", "value": "-1"}, taint("0"), True),
        ({"key": "dedicated", "operator": "Lt", "value": "9"}, taint("7"), True),
        ({"key": "dedicated", "operator": "Lt", "value": "5"}, taint("7"), False),
        ({"key": "dedicated", "operator": "Lt", "value": "9"}, taint("007"), False),
        ({"key": "dedicated", "operator": "Lt", "value": "9" * 19}, taint("7"), False),
        ({"key": "dedicated", "operator": "Lt", "value": "9" * 5000}, taint("7"), False),
        ({"key": "dedicated", "operator": "Lt", "value": 9}, taint("7"), False),
        ({"key": "dedicated", "operator": "Gt", "value": "5"}, taint("research"), False),
    ],
)
def test_a_toleration_is_read_as_kubernetes_reads_it(
    toleration: dict[str, Any], tainted: dict[str, str], tolerated: bool
) -> None:
    assert tolerates(toleration, tainted) is tolerated


@given(TAINTS)
def test_what_names_nothing_tolerates_everything_and_what_repeats_a_taint_tolerates_it(
    tainted: dict[str, str],
) -> None:
    assert tolerates({"operator": "Exists"}, tainted)
    assert tolerates(tainted, tainted)
    assert tolerates({"key": tainted["key"], "operator": "Exists", "effect": tainted["effect"]}, tainted)


@given(st.lists(TAINTS, max_size=4), st.lists(TOLERATIONS, max_size=4))
def test_a_node_is_for_the_pods_when_each_taint_that_keeps_pods_out_is_tolerated_by_one(
    taints: list[dict[str, str]], tolerations: list[dict[str, Any]]
) -> None:
    own = {"key": "nvidia.com/gpu", "operator": "Exists"}
    hard = [each for each in taints if each["effect"] != "PreferNoSchedule"]
    untolerated = [each for each in hard if not any(tolerates(one, each) for one in (own, *tolerations))]
    found = why_not_placeable(node(*taints), GpuRequest(tolerations=tuple(tolerations)))
    assert (found is None) is (not untolerated)
    assert found is None or f"taint {untolerated[0]['key']}" in found


@given(st.lists(TAINTS, max_size=4), st.lists(TOLERATIONS, max_size=4), TOLERATIONS)
def test_one_more_toleration_keeps_the_pods_out_of_no_node(
    taints: list[dict[str, str]], tolerations: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    before = why_not_placeable(node(*taints), GpuRequest(tolerations=tuple(tolerations)))
    after = why_not_placeable(node(*taints), GpuRequest(tolerations=(more, *tolerations)))
    assert before is not None or after is None


def test_all_labels_of_the_node_selector_must_be_equal() -> None:
    request = GpuRequest(node_selector={"pool": "l4", "zone": "a"})
    assert why_not_placeable(node(pool="l4", zone="a", other="x"), request) is None
    for labels in ({}, {"pool": "l4"}, {"pool": "l4", "zone": "b"}):
        assert why_not_placeable(node(**labels), request) == "not selected by podTemplate.nodeSelector"


def test_a_node_of_which_little_is_said_keeps_no_pod_out() -> None:
    assert why_not_placeable({"metadata": {"name": "a", "labels": None}}, GpuRequest()) is None
    assert why_not_placeable({"metadata": {"name": "a"}, "spec": {"taints": None}}, GpuRequest()) is None
