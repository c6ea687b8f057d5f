"""What a plan says: why it was chosen, what goes wrong, and what would help."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from internvl_operator.catalog.models import Backend
from internvl_operator.planner.nodes.inventory import given_gpu
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import GpuRequest, PlanRequest
from tests.unit.plan_requests import plan_request

ONE_L4 = GpuRequest(product="NVIDIA-L4", max_count=1)
ONE_A100 = GpuRequest(product="NVIDIA-A100-SXM4-80GB", max_count=1)


def plan(size: str, gpu: GpuRequest, **request: Any) -> Plan:
    return make_plan(plan_request(size, gpu=gpu, **request), given_gpu(gpu))


def ways_out(plan: Plan) -> list[str]:
    return [alternative.reason for alternative in plan.alternatives]


def test_one_gpu_that_holds_what_is_wanted_is_the_reason() -> None:
    assert plan("8B", ONE_L4).reason == (
        "full precision on 1 x NVIDIA-L4: one GPU holds 4 sessions of 8192 tokens"
    )


def test_awq_says_that_full_precision_does_not_hold_what_is_wanted() -> None:
    assert plan("40B", ONE_A100).reason.endswith(
        "one GPU holds 4 sessions of 8192 tokens; full precision does not"
    )


def test_less_than_what_is_wanted_is_said_with_what_there_is() -> None:
    assert plan("40B", ONE_A100, quantized=False).reason.endswith(
        "nothing holds 4 sessions; this holds 1 session of 8192 tokens, the most"
    )


@pytest.mark.parametrize("given", [{}, {"tp": 1}, {"sessions": 1}])
def test_an_engine_that_shortens_a_session_is_said_to_hold_one_of_the_shorter_length(
    given: dict[str, int],
) -> None:
    shortened = plan("8B", ONE_L4, engine="0.14.0", session_len=131_072, **given)
    tokens = shortened.memory.effective_session_len
    assert shortened.outcome is Outcome.OK
    assert tokens < 131_072
    assert f"1 session that the engine shortens from 131072 to {tokens} tokens" in shortened.reason
    assert "0 sessions" not in shortened.reason


def test_a_session_that_is_too_long_may_be_as_long_as_the_kv_cache() -> None:
    long = plan("8B", ONE_L4, session_len=524_288)
    (way_out,) = [way for way in ways_out(long) if "sessionLen" in way]
    found = re.fullmatch(r"use sessionLen <= (\d+)", way_out)
    assert found is not None
    assert plan("8B", ONE_L4, session_len=int(found[1])).is_ok
    assert not plan("8B", ONE_L4, session_len=int(found[1]) + 1024).is_ok


@pytest.mark.parametrize("memory_mib", range(17_800, 18_400, 100))
def test_no_session_is_advised_where_the_kv_cache_holds_next_to_nothing(memory_mib: int) -> None:
    tight = plan("8B", GpuRequest(memory_mib=memory_mib, max_count=1), quantized=False)
    assert not tight.is_ok
    assert ways_out(tight) != []
    assert [way for way in ways_out(tight) if "sessionLen" in way] == []


def test_the_way_out_is_a_plan_that_works() -> None:
    small = plan("40B", GpuRequest(memory_mib=24_576, max_count=1))
    assert "use 2 GPUs of 24576 MiB with AWQ and raise gpu.maxCount, which is 1, to 2" in ways_out(small)
    assert plan("40B", GpuRequest(memory_mib=24_576, max_count=2), quantized=True).is_ok


@pytest.mark.parametrize(
    ("size", "request_", "said"),
    [
        (
            "26B",
            {"options": {"cache_max_entry_count": 0.99}},
            "engine.cacheMaxEntryCount 0.99 is given: without it 1 x NVIDIA-A100-SXM4-80GB with full precision",
        ),
        ("8B", {"tp": 2}, "engine.tp 2 is given: without it 1 x NVIDIA-A100-SXM4-80GB with full precision"),
        ("8B", {"sessions": 500}, "engine.sessions 500 is given: without it 1 x"),
        ("40B", {"options": {"session_len": 200_000}}, "engine.sessionLen 200000 is given: without it 2 x"),
        (
            "8B",
            {"quantized": True, "backend": Backend.PYTORCH},
            "quantization AWQ is given: without it 1 x",
        ),
        (
            "8B",
            {"extra_args": ("--no-such-flag",)},
            "engine.extraArgs --no-such-flag is given: without it 1 x",
        ),
    ],
)
def test_an_option_that_makes_the_plan_dearer_or_impossible_is_named(
    size: str, request_: dict[str, Any], said: str
) -> None:
    options = request_.pop("options", {})
    gpu = GpuRequest(product="A100-80GB")
    made = make_plan(replace(PlanRequest(size, gpu=gpu), **request_).with_options(**options), given_gpu(gpu))
    assert said in made.reason


def test_an_option_that_costs_nothing_is_not_named() -> None:
    gpu = GpuRequest(product="A100-80GB")
    request = PlanRequest("8B", gpu=gpu, sessions=2, backend=Backend.TURBOMIND).with_options(session_len=4096)
    assert "is given" not in make_plan(request, given_gpu(gpu)).reason


@pytest.mark.parametrize(
    ("size", "most", "request_"),
    [("76B", 2, {"tp": 4, "quantized": False}), ("26B", 1, {"tp": 2}), ("76B", 1, {"sessions": 9})],
)
def test_no_option_is_blamed_where_nothing_would_run_without_it(
    size: str, most: int, request_: dict[str, Any]
) -> None:
    gpu = GpuRequest(product="NVIDIA-L4", max_count=most)
    made = make_plan(replace(PlanRequest(size, gpu=gpu), **request_), given_gpu(gpu))
    assert not made.is_ok
    assert "would do" not in made.reason


@pytest.mark.parametrize(("most", "allowed"), [(1, "1 GPU"), (2, "2 GPUs")])
def test_a_tp_above_max_count_is_refused_for_that(most: int, allowed: str) -> None:
    gpu = GpuRequest(product="NVIDIA-L40S", max_count=most)
    refused = make_plan(PlanRequest("8B", gpu=gpu, tp=4), given_gpu(gpu))
    assert refused.reason.startswith(
        f"rejected: tp 4 is more than the {allowed} that gpu.maxCount allows; use "
    )
    assert "and engine.tp 1 in place of 4" in refused.reason


@pytest.mark.parametrize(
    ("size", "backend", "quant_policy", "is_refused"),
    [
        ("1B", Backend.TURBOMIND, 8, True),
        ("1B", Backend.TURBOMIND, 4, True),
        ("1B", Backend.TURBOMIND, 0, False),
        ("1B", Backend.PYTORCH, 8, False),
        ("8B", Backend.TURBOMIND, 8, False),
    ],
)
def test_a_quantized_kv_cache_of_narrow_heads_is_refused_on_turbomind_and_not_warned_of_too(
    size: str, backend: Backend, quant_policy: int, is_refused: bool
) -> None:
    made = plan(size, ONE_L4, backend=backend, quant_policy=quant_policy)
    assert made.reason.startswith("rejected: quantPolicy must be 0: ") is is_refused
    assert [warning for warning in made.warnings if "quantPolicy" in warning] == []


def test_a_refusal_that_is_a_sentence_of_its_own_is_continued_without_its_period() -> None:
    refused = plan("8B", ONE_L4, extra_args=("--no-such-flag",))
    assert "leave it out; engine.extraArgs --no-such-flag is given" in refused.reason
