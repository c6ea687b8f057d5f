"""On each platform a pod lands on its nodes: one that was made while the pool was at zero, and one beside them."""

from __future__ import annotations

from typing import Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.planner.nodes.inventory import inventory_for
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import request_of
from tests.cluster.nodes.platforms import PLATFORMS, Platform, platform_node
from tests.cluster.specs.table import resource
from tests.unit.nodes.test_pins import landing

CPU = platform_node("cpu", Platform({}, {}, ()), offers=False)


def spec(platform: Platform, **gpu: Any) -> dict[str, Any]:
    return {"size": "2B", "gpu": gpu, "podTemplate": platform.pods}


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_pool_at_zero_takes_the_pod_when_it_comes(name: str) -> None:
    platform = PLATFORMS[name]
    assert landing(spec(platform, **platform.gpu), then=(platform_node(name, platform),)) == [name]


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_pool_that_is_up_takes_the_pod_whatever_it_is_called(name: str) -> None:
    platform = PLATFORMS[name]
    nameless = {key: value for key, value in platform.gpu.items() if key != "product"}
    assert landing(spec(platform, **nameless), CPU, platform_node(name, platform)) == [name]


@pytest.mark.parametrize("name", [name for name, each in PLATFORMS.items() if "product" in each.gpu])
def test_the_nodes_of_other_products_do_not_take_it(name: str) -> None:
    platform = PLATFORMS[name]
    others = [
        platform_node(other, each)
        for other, each in PLATFORMS.items()
        if other != name and each.labels.get("nvidia.com/gpu.product") != platform.gpu["product"]
    ]
    lands = landing(spec(platform, **platform.gpu), then=(platform_node(name, platform), *others))
    products = {other: _product(PLATFORMS[other], other) for other in lands}
    assert set(products.values()) == {_product(platform, name)}


@pytest.mark.parametrize("name", ["gke", "karpenter", "eks"])
def test_the_requests_fit_the_smallest_node_with_a_gpu(name: str) -> None:
    platform = PLATFORMS[name]
    request = request_of(parse(resource(spec(platform, **platform.gpu))).spec)
    plan = make_plan(request, inventory_for(request.gpu, [platform_node(name, platform)]))
    assert plan.is_ok
    assert plan.cpu_millis is None


def _product(platform: Platform, name: str) -> str:
    request = request_of(parse(resource({"size": "2B", "podTemplate": platform.pods})).spec)
    return inventory_for(request.gpu, [platform_node(name, platform)]).pools[0].product
