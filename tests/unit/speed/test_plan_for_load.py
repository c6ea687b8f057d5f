"""The choice for a load: the fewest GPUs in all, then the fewest per replica, then full precision."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.manifests.record import inputs_of
from internvl_operator.planner.document import plan_document, plan_from_document
from internvl_operator.planner.load.speed_of_plan import with_speed
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory, given_gpu
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import GpuRequest, PlanRequest, request_of
from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.sticky_plan import replanned
from tests.cluster.specs.table import Spec, resource

H100 = GpuPool("NVIDIA-H100-80GB-HBM3", 81559, 8, compute_capability=(9, 0))
L40S = GpuPool("NVIDIA-L40S", 46068, 8, compute_capability=(8, 9))
L4 = GpuPool("NVIDIA-L4", 23034, 8, compute_capability=(8, 9))
UNKNOWN = GpuPool("ACME-9000", 81559, 8, compute_capability=(9, 0))


def planned(size: str, load: Load, *pools: GpuPool, **given: Any) -> Plan:
    request = PlanRequest(size, load=load, **given)
    return with_speed(make_plan(request, Inventory(pools or (H100,))), request)


def total(plan: Plan) -> int:
    assert plan.speed is not None
    return plan.gpus * plan.speed.replicas


def test_the_plan_is_the_one_with_the_fewest_gpus_in_all() -> None:
    load = Load(requests_per_second=20, ttft_seconds=2)
    plan = planned("8B", load, L4, L40S, H100)
    assert (plan.product, total(plan)) == (H100.product, 2)
    others = [
        planned("8B", load, pool, tp=tp, quantized=awq)
        for pool in (L4, L40S, H100)
        for tp in (1, 2, 4)
        for awq in (False, True)
    ]
    assert total(plan) == min(total(other) for other in others if other.is_ok)


def test_of_equally_many_gpus_it_has_the_fewest_per_replica_in_full_precision() -> None:
    plan = planned("8B", Load(requests_per_second=1), H100)
    assert (plan.tp, plan.awq, total(plan)) == (1, False, 1)


def test_a_load_may_be_carried_by_one_gpu_that_the_default_sessions_would_not_fit_on() -> None:
    load = Load(requests_per_second=0.1)
    a100 = GpuPool("NVIDIA-A100-SXM4-80GB", 81920, 8, compute_capability=(8, 0))
    assert make_plan(PlanRequest("40B"), Inventory((a100,))).tp == 2
    assert planned("40B", load, a100).tp == 1
    assert planned("40B", load, a100, sessions=4, quantized=False).tp == 2


def test_the_reason_names_replicas_and_limit() -> None:
    plan = planned("8B", Load(requests_per_second=40, ttft_seconds=2))
    assert plan.reason == (
        "full precision on 1 x NVIDIA-H100-80GB-HBM3: 4 replicas carry 40 requests per second with the first token "
        "within 2 s, 4 GPUs in all, the fewest; one replica answers at most 13.7 requests per second, its limit is the "
        "prefill"
    )


def test_the_alternatives_carry_it_too_and_say_why_they_were_not_taken() -> None:
    long_answers = Load(requests_per_second=40, images=0, output_tokens=1024)
    awq, more, *_ = planned("8B", long_answers, H100, L40S).alternatives
    assert awq.quantization == "AWQ"
    assert "carry it too; AWQ would be slower here: at most " in awq.reason
    assert "carry it too; costs more: " in more.reason


def test_more_gpus_in_a_replica_where_the_first_token_has_to_come_sooner() -> None:
    slow = planned("26B", Load(requests_per_second=1, ttft_seconds=3), H100)
    fast = planned("26B", Load(requests_per_second=1, ttft_seconds=0.2), H100)
    assert fast.is_ok
    assert fast.tp > slow.tp


def test_a_first_token_that_no_gpu_here_is_fast_enough_for_is_refused_with_what_it_would_take() -> None:
    plan = planned("8B", Load(requests_per_second=4, ttft_seconds=0.3), replace(L4, count=1))
    assert plan.outcome is Outcome.LOAD_NOT_CARRIED
    assert not plan.is_ok
    assert plan.reason.startswith("no number of replicas is fast enough: with AWQ on 1 x NVIDIA-L4 ")
    assert "the limit is the prefill" in plan.reason
    assert "; use " in plan.reason
    assert " or ask for the first token within " in plan.reason
    assert plan.speed is not None
    assert plan.speed.replicas == 0
    assert plan.alternatives


def test_what_a_refusal_names_carries_the_load() -> None:
    load = Load(requests_per_second=4, ttft_seconds=0.3)
    plan = planned("8B", load, replace(L4, count=1))
    assert {alternative.outcome for alternative in plan.alternatives} == {Outcome.OK}
    (seconds,) = [a.reason.split()[-2] for a in plan.alternatives if a.reason.startswith("ask for")]
    relaxed = replace(load, ttft_seconds=float(seconds))
    assert planned("8B", relaxed, replace(L4, count=1)).is_ok


def test_requests_longer_than_a_session_are_refused_with_the_session_that_holds_them() -> None:
    load = Load(requests_per_second=1, images=8)
    plan = planned("8B", load)
    assert plan.outcome is Outcome.LOAD_NOT_CARRIED
    assert plan.reason == (
        "a request of this load has 14528 tokens, and a session with full precision on 1 x NVIDIA-H100-80GB-HBM3 "
        "at most 8192; use sessionLen 15360"
    )
    assert make_plan(PlanRequest("8B", load=load).with_options(session_len=15360), Inventory((H100,))).is_ok


def test_a_gpu_whose_speed_nobody_knows_carries_no_load() -> None:
    plan = planned("8B", Load(requests_per_second=1), UNKNOWN)
    assert plan.outcome is Outcome.LOAD_NOT_CARRIED
    assert "how fast full precision on 1 x ACME-9000 is, is not known" in plan.reason
    assert plan.speed is None


def test_a_known_gpu_is_preferred_to_one_whose_speed_nobody_knows() -> None:
    assert planned("8B", Load(requests_per_second=1), UNKNOWN, L40S).product == L40S.product


def test_a_model_that_does_not_fit_fails_as_it_does_without_a_load() -> None:
    without = make_plan(PlanRequest("76B"), Inventory((replace(L4, count=1),)))
    plan = planned("76B", Load(requests_per_second=1), replace(L4, count=1))
    assert (plan.outcome, plan.reason) == (without.outcome, without.reason)


def test_a_shape_without_a_demand_changes_no_choice() -> None:
    without = make_plan(PlanRequest("40B"), Inventory((H100,)))
    with_shape = planned("40B", Load(concurrency=64, images=2))
    assert replace(with_shape, speed=None) == without


def of_spec(spec: Spec) -> Plan:
    request = request_of(parse(resource(spec)).spec)
    return with_speed(make_plan(request, Inventory((H100,))), request)


@pytest.mark.parametrize(
    ("beside", "says"),
    [
        ({"replicas": 3}, "spec.replicas is 3: write 4."),
        ({"replicas": 9, "autoscaling": {"maxReplicas": 2}}, "spec.autoscaling.maxReplicas is 2: write 4."),
    ],
)
def test_too_few_replicas_are_warned_of(beside: Spec, says: str) -> None:
    plan = of_spec({"size": "8B", "load": {"requestsPerSecond": 40}, **beside})
    assert plan.is_ok
    assert plan.warnings[-1] == f"40 requests per second need 4 replicas of this plan, and {says}"


@pytest.mark.parametrize("beside", [{"replicas": 4}, {"replicas": 0}, {"autoscaling": {"maxReplicas": 5}}])
def test_enough_replicas_and_none_are_not_warned_of(beside: Spec) -> None:
    plan = of_spec({"size": "8B", "load": {"requestsPerSecond": 40}, **beside})
    assert not any("replicas" in warning for warning in plan.warnings)


def test_the_size_of_an_image_gives_its_tiles() -> None:
    load = {"requestsPerSecond": 1, "imageSize": "448x448"}
    assert (
        of_spec({"size": "8B", "load": load}).speed
        == of_spec({"size": "8B", "load": {"requestsPerSecond": 1, "tiles": 1}}).speed
    )


def test_an_absent_load_does_not_reach_the_hash_of_the_inputs() -> None:
    def hash_of(spec: Spec) -> str:
        return inputs_of(parse(resource(spec)).spec)

    assert hash_of({"size": "8B", "load": {}}) == hash_of({"size": "8B"}) == "173b81e23142d659"
    assert hash_of({"size": "8B", "load": {"requestsPerSecond": 1}}) != hash_of({"size": "8B"})


def test_a_stored_plan_has_no_speed_and_is_kept_whatever_the_speed() -> None:
    plan = of_spec({"size": "8B", "load": {"requestsPerSecond": 1}})
    assert "speed" in plan_document(plan)
    stored = plan_from_document(plan_document(replace(plan, speed=None)))
    request = request_of(parse(resource({"size": "8B", "load": {"requestsPerSecond": 30}})).spec)
    assert replanned(stored, request) is stored


def test_a_load_holds_where_nothing_holds_the_sessions() -> None:
    beyond = planned("8B", Load(requests_per_second=50, ttft_seconds=0.001), L40S, sessions=200)
    assert beyond.outcome is Outcome.LOAD_NOT_CARRIED
    within = planned("8B", Load(requests_per_second=50), L40S, sessions=200)
    assert within.is_ok
    assert within.speed is not None
    assert within.speed.replicas > 0
    assert total(within) == total(planned("8B", Load(requests_per_second=50), L40S))


def test_sessions_that_some_configuration_holds_are_held_with_a_load() -> None:
    load = Load(requests_per_second=1)
    assert planned("8B", load, L40S).concurrent_sessions < 60
    assert planned("8B", load, L40S, sessions=60).concurrent_sessions >= 60


def test_an_advice_for_a_load_names_what_else_it_takes() -> None:
    load = Load(requests_per_second=5, ttft_seconds=0.15)
    gpu = GpuRequest(product="NVIDIA-L40S", max_count=2)
    narrow = make_plan(PlanRequest("8B", load=load, gpu=gpu), given_gpu(gpu))
    raised = re.search(
        r"of (\d) x NVIDIA-L40S and raise gpu.maxCount, which is 2, to (\d) or ", narrow.reason
    )
    assert raised is not None
    assert raised[1] == raised[2]
    given = re.search(
        r"of (\d) x NVIDIA-L40S and engine.tp (\d) in place of 2 or ", planned("8B", load, L40S, tp=2).reason
    )
    assert given is not None
    assert given[1] == given[2]


@pytest.mark.parametrize("rate", [None, 1.0])
def test_a_load_that_takes_two_changes_is_told_both(rate: float | None) -> None:
    load = Load(requests_per_second=rate, prompt_tokens=9000, ttft_seconds=0.05)
    plan = planned("8B", load, L40S)
    found = re.search(r"use sessionLen (\d+) and ask for the first token within ([\d.]+) s", plan.reason)
    assert found is not None
    session_len, seconds = int(found[1]), float(found[2])
    request = PlanRequest("8B", load=replace(load, ttft_seconds=seconds)).with_options(
        session_len=session_len
    )
    assert make_plan(request, Inventory((L40S,))).is_ok


@pytest.mark.parametrize("asked", [0.01, 0.05, 0.1])
def test_a_first_token_that_is_advised_for_requests_in_flight_is_within_reach(asked: float) -> None:
    (way,) = planned("8B", Load(ttft_seconds=asked), L40S).alternatives
    seconds = float(way.reason.split()[-2])
    assert planned("8B", Load(ttft_seconds=seconds), L40S).is_ok
