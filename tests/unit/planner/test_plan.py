"""Which configuration is chosen, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from internvl_operator.planner.document import plan_document, plan_from_document
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import GpuRequest
from tests.rendering import children_of
from tests.unit.plan_requests import plan_request

L4 = GpuPool("NVIDIA-L4", 23034, 8, compute_capability=(8, 9), node_selector={"p": "l4"})
A100 = GpuPool("NVIDIA-A100-SXM4-80GB", 81920, 8, compute_capability=(8, 0), node_selector={"p": "a100"})
T4 = GpuPool("Tesla-T4", 15360, 4, compute_capability=(7, 5))
V100 = GpuPool("Tesla-V100-SXM2-32GB", 32768, 8, compute_capability=(7, 0))
B200 = GpuPool("NVIDIA-B200", 183359, 8, compute_capability=(10, 0))


def plan(size: str, *pools: GpuPool, **request: Any) -> Plan:
    return make_plan(plan_request(size, **request), Inventory(pools))


@pytest.mark.parametrize(
    ("size", "gpus"), [("1B", 1), ("2B", 1), ("4B", 1), ("8B", 1), ("26B", 1), ("40B", 2), ("76B", 4)]
)
def test_full_precision_takes_the_fewest_gpus_of_80_gb_that_hold_four_sessions(size: str, gpus: int) -> None:
    chosen = plan(size, A100)
    assert (chosen.outcome, chosen.gpus, chosen.tp, chosen.quantization) == (Outcome.OK, gpus, gpus, "None")
    assert chosen.concurrent_sessions >= 4


@pytest.mark.parametrize("size", ["40B", "76B"])
def test_awq_takes_one_gpu_of_80_gb(size: str) -> None:
    assert plan(size, A100, quantized=True).gpus == 1


def test_among_products_the_fewest_gpus_count_and_then_the_smallest_card() -> None:
    assert plan("8B", A100, L4).product == "NVIDIA-L4"
    assert plan("26B", A100, L4).product == "NVIDIA-A100-SXM4-80GB"


def test_of_two_equal_pools_the_one_that_can_be_pinned_is_taken() -> None:
    bare = GpuPool("", 23034, 8)
    assert plan("8B", bare, L4).product == "NVIDIA-L4"


def test_awq_is_chosen_only_where_full_precision_does_not_fit() -> None:
    one = GpuRequest(max_count=1)
    chosen = plan("40B", A100, gpu=one, sessions=4)
    assert (chosen.quantization, chosen.gpus) == ("AWQ", 1)
    assert "full precision does not" in chosen.reason


def test_a_given_tp_needs_to_hold_one_session_only() -> None:
    chosen = plan("40B", A100, tp=1)
    assert (chosen.outcome, chosen.quantization, chosen.concurrent_sessions) == (Outcome.OK, "None", 1)


def test_when_nothing_holds_the_sessions_the_most_are_held_and_said() -> None:
    chosen = plan("40B", A100, quantized=False, gpu=GpuRequest(max_count=1))
    assert (chosen.outcome, chosen.concurrent_sessions) == (Outcome.OK, 1)
    assert "nothing holds 4 sessions" in chosen.reason


def test_someones_own_weights_are_never_taken_for_awq() -> None:
    pool = GpuPool("NVIDIA-L4", 23034, 2)
    assert plan("26B", pool).quantization == "AWQ"
    assert not plan("26B", pool, repository="me/InternVL2-26B-ft").is_ok
    assert plan("26B", pool, repository="me/InternVL2-26B-ft-AWQ").quantization == "AWQ"
    assert not plan("26B", pool, has_own_files=True).is_ok


def test_no_more_than_three_alternatives_are_listed_the_cheapest_first() -> None:
    alternatives = plan("40B", A100).alternatives
    assert [item.tp for item in alternatives] == [1, 1, 2]
    assert all(item.reason for item in alternatives)


def test_awq_on_volta_is_refused_by_the_release_that_has_no_kernels_for_it() -> None:
    refused = plan("8B", V100, quantized=True, engine="0.5.3")
    assert refused.outcome is Outcome.REJECTED
    assert "AWQ needs compute capability 7.5 in LMDeploy 0.5.3, this GPU has 7.0" in refused.reason
    assert plan("8B", T4, quantized=True, engine="0.5.3").is_ok
    assert plan("8B", V100, quantized=True, engine="0.6.5").is_ok
    assert plan("8B", V100, quantized=True).is_ok


def test_a_gpu_without_bfloat16_gets_float16_and_a_warning() -> None:
    chosen = plan("2B", T4)
    assert chosen.float16
    assert any("no bfloat16" in warning for warning in chosen.warnings)
    assert not plan("2B", A100).float16


def test_a_session_beyond_what_the_model_knows_is_warned_of() -> None:
    assert any("knows 8192 tokens" in warning for warning in plan("76B", A100, session_len=16384).warnings)


def test_extra_arguments_that_the_engine_does_not_know_are_refused() -> None:
    refused = plan("8B", A100, extra_args=("--no-such-flag",))
    assert refused.outcome is Outcome.REJECTED
    assert "--no-such-flag" in refused.reason


@pytest.mark.parametrize(
    "made", [plan("40B", A100, L4), plan("76B", T4), plan("4B", A100, engine="0.9.2"), plan("1B", V100)]
)
def test_a_plan_survives_its_document(made: Plan) -> None:
    assert plan_from_document(plan_document(made)) == made


def test_an_option_that_the_writer_of_a_document_did_not_know_has_its_default() -> None:
    made = plan("8B", A100, quant_policy=8)
    document = plan_document(made)
    del document["quantPolicy"]
    assert plan_from_document(document) == replace(made, options=replace(made.options, quant_policy=0))


@pytest.mark.parametrize("key", ["tp", "quantization", "kvTokens", "memory", "nodeSelector", "alternatives"])
def test_a_document_that_lacks_a_field_is_no_plan(key: str) -> None:
    document = plan_document(plan("8B", A100))
    del document[key]
    with pytest.raises(KeyError, match=key):
        plan_from_document(document)


@pytest.mark.parametrize(
    ("limits", "download"),
    [
        ({}, {"requests": {"cpu": "1", "memory": "2Gi"}}),
        ({"ephemeral-storage": "100Gi"}, {"requests": {"cpu": "1", "memory": "2Gi"}}),
        (
            {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi"},
            {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "8", "memory": "32Gi"}},
        ),
        (
            {"cpu": "500m"},
            {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"cpu": "500m"}},
        ),
    ],
)
def test_the_download_has_the_limits_of_cpu_and_memory_that_the_server_has(
    limits: dict[str, str], download: dict[str, Any]
) -> None:
    children = children_of({"size": "8B", "podTemplate": {"resources": {"limits": limits}}})
    deployment = next(child for child in children if child["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["initContainers"]
    assert container["resources"] == download


def test_a_derived_request_stays_below_a_given_limit() -> None:
    deployment = next(
        child
        for child in children_of({"size": "8B", "podTemplate": {"resources": {"limits": {"memory": "4Gi"}}}})
        if child["kind"] == "Deployment"
    )
    resources = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert (resources["requests"]["memory"], resources["limits"]["memory"]) == ("4Gi", "4Gi")
