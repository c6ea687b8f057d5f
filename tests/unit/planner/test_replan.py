"""A model that runs is planned anew for the GPUs that it has; that differs only where this version would run it so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.planner.nodes.inventory import given_gpu
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import GpuRequest, PlanRequest, request_of
from internvl_operator.planner.sticky_plan import replanned
from tests.cluster.specs.right import RIGHT
from tests.cluster.specs.table import resource
from tests.rendering import plan_of

if TYPE_CHECKING:
    from tests.cluster.specs.table import RightSpec

GPUS = ("T4", "L4", "A100-40GB", "A100-80GB", "H100", "RTX-5090")


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_the_same_version_plans_the_same_word_for_word(right: RightSpec) -> None:
    plan = plan_of(right.spec)
    assert replanned(plan, request_of(parse(resource(right.spec)).spec)) is plan


@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("size", ["1B", "2B", "4B", "8B", "26B", "40B", "76B"])
def test_on_every_gpu(size: str, gpu: str) -> None:
    request = PlanRequest(size, gpu=GpuRequest(product=gpu))
    plan = make_plan(request, given_gpu(request.gpu))
    if plan.is_ok:
        assert replanned(plan, request) is plan


def test_another_default_release_is_another_plan_on_the_same_gpus() -> None:
    request = PlanRequest("40B", engine="0.17.0", gpu=GpuRequest(product="A100-80GB"))
    plan = make_plan(request, given_gpu(request.gpu))
    fresh = replanned(plan, replace(request, engine="0.18.0"))
    assert (fresh.engine, fresh.tp, fresh.awq, fresh.product) == ("0.18.0", plan.tp, plan.awq, plan.product)


def test_a_gpu_that_only_a_node_knows_keeps_its_number_format() -> None:
    request = PlanRequest("2B", gpu=GpuRequest(product="A100-80GB"))
    plan = make_plan(request, given_gpu(request.gpu))
    for float16 in (False, True):
        unknown = replace(plan, product="NVIDIA-Next", float16=float16)
        assert replanned(unknown, request).float16 is float16


def test_where_this_version_finds_no_plan_the_running_one_stays() -> None:
    request = PlanRequest("8B", gpu=GpuRequest(product="A100-80GB"))
    plan = make_plan(request, given_gpu(request.gpu))
    assert replanned(plan, request.with_options(session_len=4_000_000)) is plan
