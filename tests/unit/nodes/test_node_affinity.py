"""The node affinity that pods require, read as the scheduler reads it."""

from __future__ import annotations

from typing import Any

import pytest

from internvl_operator.planner.nodes.node_affinity import required_terms
from internvl_operator.planner.nodes.placement import why_not_placeable
from internvl_operator.planner.request import GpuRequest


def affinity(*terms: Any) -> dict[str, Any]:
    required = {"nodeSelectorTerms": list(terms)}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator} | ({"values": list(values)} if values else {})


def may_be_placed(given: Any, **labels: str) -> bool:
    node = {"metadata": {"name": "gpu-7", "labels": labels}}
    why = why_not_placeable(node, GpuRequest(node_affinity=required_terms(given)))
    assert why in (None, "not selected by podTemplate.affinity")
    return why is None


@pytest.mark.parametrize(
    ("required", "labels", "selected"),
    [
        (expression("pool", "In", "l4", "l40s"), {"pool": "l4"}, True),
        (expression("pool", "In", "l4", "l40s"), {"pool": "a100"}, False),
        (expression("pool", "In", "l4", "l40s"), {}, False),
        (expression("pool", "NotIn", "l4"), {"pool": "a100"}, True),
        (expression("pool", "NotIn", "l4"), {"pool": "l4"}, False),
        (expression("pool", "NotIn", "l4"), {}, True),
        (expression("pool", "Exists"), {"pool": ""}, True),
        (expression("pool", "Exists"), {}, False),
        (expression("pool", "DoesNotExist"), {}, True),
        (expression("pool", "DoesNotExist"), {"pool": ""}, False),
        (expression("generation", "Gt", "8"), {"generation": "9"}, True),
        (expression("generation", "Gt", "8"), {"generation": "8"}, False),
        (expression("generation", "Gt", "8"), {"generation": "010"}, True),
        (expression("generation", "Gt", "8"), {"generation": "new"}, False),
        (expression("generation", "Gt", "8"), {"generation": "9" * 5000}, False),
        (expression("generation", "Gt", "8"), {}, False),
        (expression("generation", "Lt", "8"), {"generation": "7"}, True),
        (expression("generation", "Lt", "8"), {"generation": "8"}, False),
        (expression("generation", "Lt", "8"), {}, False),
    ],
)
def test_a_requirement_is_read_as_the_scheduler_reads_it(
    required: dict[str, Any], labels: dict[str, str], selected: bool
) -> None:
    assert may_be_placed(affinity({"matchExpressions": [required]}), **labels) is selected


def test_a_node_must_meet_all_requirements_of_one_of_the_terms() -> None:
    given = affinity(
        {"matchExpressions": [expression("pool", "In", "l4"), expression("zone", "In", "a")]},
        {"matchExpressions": [expression("pool", "In", "a100")]},
    )
    assert may_be_placed(given, pool="l4", zone="a")
    assert may_be_placed(given, pool="a100")
    assert not may_be_placed(given, pool="l4", zone="b")


@pytest.mark.parametrize(("operator", "name", "selected"), [("In", "gpu-7", True), ("NotIn", "gpu-7", False)])
def test_a_node_can_be_named(operator: str, name: str, selected: bool) -> None:
    given = affinity({"matchFields": [expression("metadata.name", operator, name)]})
    assert may_be_placed(given) is selected


def test_a_term_that_requires_nothing_selects_no_node() -> None:
    assert not may_be_placed(affinity({}))
    assert may_be_placed(affinity({}, {"matchExpressions": [expression("pool", "Exists")]}), pool="l4")


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        {"nodeAffinity": None},
        {"podAntiAffinity": {}},
        {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}},
    ],
)
def test_what_requires_nothing_of_nodes_takes_every_node(given: Any) -> None:
    assert may_be_placed(given)


@pytest.mark.parametrize(
    "given",
    [
        {"nodeAffinity": "pool"},
        {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": "pool"}},
        {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}},
        affinity("pool"),
        affinity(None),
        affinity({"matchExpressions": ["pool"]}),
        affinity({"matchExpressions": [{"operator": "Exists"}]}),
        affinity({"matchExpressions": [expression("pool", "Is", "l4")]}),
        affinity({"matchExpressions": [expression("pool", "In")]}),
        affinity({"matchExpressions": [expression("pool", "Exists", "l4")]}),
        affinity({"matchExpressions": [expression("pool", "Gt", "many")]}),
        affinity({"matchExpressions": [{"key": "pool", "operator": "Gt", "values": [8]}]}),
        affinity({"matchExpressions": [{"key": ["pool"], "operator": "Exists"}]}),
        affinity({"matchExpressions": [{"key": "pool", "operator": "In", "values": 4}]}),
    ],
)
def test_what_makes_no_sense_is_left_to_the_api_server_to_refuse(given: Any) -> None:
    assert required_terms(given) is None
