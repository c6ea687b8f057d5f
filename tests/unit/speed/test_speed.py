"""What a replica does under a load, and what bounds it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from images.stub.lmdeploy_stub.prompt.tiles import tile_count as tile_count_of_the_stub
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.catalog.gpus import GPUS, find_gpu
from internvl_operator.catalog.hardware.gpu_speeds import speed_of
from internvl_operator.catalog.models import INTERNVL2, MODELS, Backend
from internvl_operator.catalog.tiling import tile_count
from internvl_operator.library import plan
from internvl_operator.planner.load.speed_of_plan import speed_of_plan
from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.speed.queueing import in_flight, response_at
from internvl_operator.planner.speed.service_times import ServiceTimes
from internvl_operator.planner.speed.speed_constants import CONSTANTS
from internvl_operator.planner.speed.speed_estimate import Limit, Speed
from internvl_operator.planner.speed.work import prefill_flops, step_bytes, vision_flops

if TYPE_CHECKING:
    from internvl_operator.planner.plan import Plan


def speed(size: str, gpu: str = "H100", load: Load | None = None, **given: Any) -> Speed:
    found = speed_of_plan(plan(size, gpu=gpu, **given), load or Load())
    assert found is not None
    return found


@pytest.mark.parametrize("width", [100, 448, 896, 1000, 1344, 4000])
@pytest.mark.parametrize("height", [100, 448, 600, 896, 1344, 4000])
def test_an_image_has_as_many_tiles_as_the_stub_of_lmdeploy_makes(width: int, height: int) -> None:
    assert tile_count(width, height) == tile_count_of_the_stub(width, height)


def test_a_benchmark_asks_by_default_what_a_plan_is_made_for() -> None:
    planned, offered = Load(), OfferedLoad()
    assert [getattr(offered, name) for name in ("images", "tiles", "prompt_tokens", "output_tokens")] == [
        planned.images,
        planned.tiles,
        planned.prompt_tokens,
        planned.output_tokens,
    ]


@pytest.mark.parametrize(("pixels", "tiles"), [((448, 448), 1), ((1344, 896), 7), ((1792, 1344), 13)])
def test_the_measured_images_have_the_measured_tiles(pixels: tuple[int, int], tiles: int) -> None:
    assert tile_count(*pixels) == tiles


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.product)
def test_every_gpu_of_the_catalogue_has_its_peak_rates(gpu: Any) -> None:
    rates = speed_of(gpu.product)
    assert rates is not None
    assert 10 < rates.teraflops < 10_000
    assert 100 < rates.memory_gb < 10_000
    assert 10 < rates.link_gb < 1_000


@pytest.mark.parametrize("slice_", ["mig-3g.40gb", "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb"])
def test_a_slice_of_a_gpu_has_a_part_of_its_rates(slice_: str) -> None:
    whole, part = speed_of(find_gpu("A100-80GB").product), speed_of(slice_)
    assert whole is not None
    assert part is not None
    assert part.teraflops == pytest.approx(3 / 7 * whole.teraflops)
    assert part.memory_gb == pytest.approx(whole.memory_gb / 2)


@pytest.mark.parametrize(
    ("whole", "slice_", "compute", "memory"),
    [
        ("NVIDIA-H100-80GB-HBM3", "NVIDIA-H100-80GB-HBM3-MIG-3g.40gb", 3 / 7, 1 / 2),
        ("NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-SXM4-40GB-MIG-7g.40gb", 1, 1),
        ("NVIDIA-A30", "NVIDIA-A30-MIG-2g.12gb", 2 / 4, 1 / 2),
        ("NVIDIA-A100-SXM4-80GB", "Something-New-MIG-3g.40gb", 3 / 7, 1 / 2),
    ],
)
def test_a_slice_has_a_part_of_the_gpu_that_its_name_begins_with(
    whole: str, slice_: str, compute: float, memory: float
) -> None:
    of_whole, part = speed_of(whole), speed_of(slice_)
    assert of_whole is not None
    assert part is not None
    assert part.teraflops == pytest.approx(compute * of_whole.teraflops)
    assert part.memory_gb == pytest.approx(memory * of_whole.memory_gb)


def test_the_operations_are_two_for_each_weight_and_token() -> None:
    model = MODELS[INTERNVL2, "8B"]
    # InternLM2-7B has 7.0e9 weights but for embeddings and logits, InternViT-300M 0.3e9.
    assert prefill_flops(model.language, 1) == pytest.approx(2 * 7.0e9, rel=0.08)
    assert vision_flops(model.vision, model.language) == pytest.approx(2 * 0.3e9 * 1025, rel=0.25)
    assert step_bytes(model.language, awq=False, tp=1) == pytest.approx(14.7e9, rel=0.01)
    assert step_bytes(model.language, awq=True, tp=1) < 0.32 * step_bytes(model.language, awq=False, tp=1)


def test_a_small_model_on_a_large_gpu_waits_for_the_preprocessing_thread() -> None:
    assert speed("1B").limit is Limit.PREPROCESSING


def test_a_large_model_waits_for_the_gpu() -> None:
    assert speed("8B").limit is Limit.PREFILL
    assert speed("26B").limit in (Limit.VISION, Limit.PREFILL)


def test_long_answers_wait_for_the_decoding() -> None:
    assert speed("8B", load=Load(output_tokens=1024)).limit is Limit.DECODE


def test_a_small_kv_cache_bounds_what_is_written_together() -> None:
    small = speed("8B", cache_max_entry_count=0.02, sessions=1, load=Load(output_tokens=1024))
    assert small.limit is Limit.KV_CACHE
    assert small.max_requests_per_second < speed("8B", load=Load(output_tokens=1024)).max_requests_per_second


def test_a_small_model_with_text_alone_waits_for_the_thread_that_streams() -> None:
    assert speed("1B", load=Load(images=0, prompt_tokens=16, output_tokens=512)).limit is Limit.EVENT_LOOP


def test_the_rate_and_the_time_of_a_request_make_the_requests_in_flight() -> None:
    found = speed("8B", load=Load(concurrency=64))
    assert found.requests_per_second * found.request_seconds == pytest.approx(64, rel=0.02)
    assert found.ttft_seconds + 127 * found.seconds_per_token == pytest.approx(
        found.request_seconds, rel=0.02
    )


def test_at_a_rate_the_replicas_share_it() -> None:
    found = speed("8B", load=Load(requests_per_second=40))
    assert found.replicas == 4
    assert found.requests_per_second == pytest.approx(10)


def test_a_replica_of_what_was_measured_is_planned_nearer_to_its_most() -> None:
    load = Load(requests_per_second=1000)
    measured, other = speed("8B", load=load), speed("8B", load=load, version="0.16.0")
    assert (measured.calibrated, other.calibrated) == (True, False)
    assert measured.requests_per_second / measured.max_requests_per_second == pytest.approx(0.8, abs=0.01)
    assert other.requests_per_second / other.max_requests_per_second == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize(
    ("size", "gpu", "given"),
    [
        ("8B", "A100-80GB", {}),
        ("8B", "H100", {"tp": 2}),
        ("8B", "H100", {"version": "0.17.0"}),
        ("30B-A3B", "H100", {"series": "InternVL3.5"}),
    ],
)
def test_what_was_not_measured_is_said_to_be_a_roofline(size: str, gpu: str, given: dict[str, Any]) -> None:
    assert not speed(size, gpu, **given).calibrated


@pytest.mark.parametrize(
    ("size", "given"), [("26B", {"quantization": "AWQ"}), ("8B", {"quantization": "AWQ"})]
)
def test_awq_and_the_large_vision_encoder_were_measured(size: str, given: dict[str, Any]) -> None:
    assert speed(size, "H100", **given).calibrated


def test_a_first_token_that_takes_longer_than_asked_for_has_no_number_of_replicas() -> None:
    found = speed("8B", load=Load(requests_per_second=1, ttft_seconds=0.05))
    assert found.replicas == 0


def test_a_short_time_to_the_first_token_takes_more_replicas() -> None:
    relaxed = speed("8B", load=Load(requests_per_second=100, ttft_seconds=2))
    strict = speed("8B", load=Load(requests_per_second=100, ttft_seconds=0.15))
    assert strict.replicas > relaxed.replicas
    assert strict.ttft_seconds <= 0.15


def test_a_request_that_is_alone_waits_for_nothing() -> None:
    times = _times("8B")
    alone = response_at(times, 0.0)
    assert alone.ttft == pytest.approx(
        times.request + times.preprocessing + times.vision + times.prefill + times.step
    )
    assert alone.per_token == times.step
    rate, response = in_flight(times, 1)
    assert response.ttft == pytest.approx(alone.ttft)
    assert rate * response.whole == pytest.approx(1)


def test_a_prompt_waits_for_iterations_and_for_no_answer_to_end() -> None:
    times = replace(_times("8B"), preprocessing=0.0, turns=0.0, vision=0.0, prefill=1e-6, context=0.0)
    found = response_at(times, 0.9 * times.ceiling)
    # What is left of the running iteration, the next one and its own.
    assert found.ttft - times.request == pytest.approx(2.5 * times.step, rel=0.01)


def test_in_a_closed_loop_nobody_waits_for_more_than_are_in_flight() -> None:
    times = _times("26B")
    for concurrency in (2, 8, 32):
        rate, closed = in_flight(times, concurrency)
        assert closed.ttft < response_at(times, rate).ttft
        assert rate * closed.whole == pytest.approx(concurrency)


def test_those_that_the_busiest_part_does_not_take_wait_in_front_of_it() -> None:
    times = _times("1B")
    _, some = in_flight(times, 100)
    _, more = in_flight(times, 101)
    assert more.ttft - some.ttft == pytest.approx(1 / times.ceiling, rel=0.02)
    assert more.per_token == pytest.approx(some.per_token, rel=0.01)


def test_few_tokens_read_few_experts_and_many_read_all() -> None:
    times = ServiceTimes.of(
        _replica(plan("30B-A3B", series="InternVL3.5", gpu="H200")), Load(), CONSTANTS[Backend.TURBOMIND]
    )
    assert times.chosen == 8 / 128
    assert times.step_among(1) == times.launches
    assert times.step_among(16) == pytest.approx(times.step + times.experts * (1 - (15 / 16) ** 16))
    assert times.step_among(10_000) == pytest.approx(times.step + times.experts)


def test_no_number_in_flight_gets_above_the_ceiling() -> None:
    times = _times("8B")
    rate, _ = in_flight(times, 1e6)
    assert rate == pytest.approx(times.ceiling, rel=1e-3)
    assert rate < times.ceiling


def test_the_utilization_is_that_of_the_busiest_part_at_the_ceiling() -> None:
    found = speed("8B", load=Load(concurrency=100_000))
    assert found.utilization.gpu == pytest.approx(1, abs=0.02)
    assert found.utilization.kv_cache == pytest.approx(1, abs=0.02)


def test_an_answer_of_one_token_has_no_time_between_tokens() -> None:
    found = speed("8B", load=Load(output_tokens=1))
    assert found.request_seconds == found.ttft_seconds


def test_nothing_is_known_of_a_gpu_that_has_no_name() -> None:
    assert plan("8B", gpu_memory="80Gi").speed is None


def test_a_plan_that_does_not_run_has_no_speed() -> None:
    assert plan("76B", gpu="L4", max_gpus=1, quantization="None").speed is None


def test_a_request_longer_than_a_session_has_no_speed() -> None:
    assert speed_of_plan(plan("8B", gpu="H100"), Load(images=5)) is None


def _times(size: str) -> ServiceTimes:
    return ServiceTimes.of(_replica(plan(size, gpu="H100")), Load(), CONSTANTS[Backend.TURBOMIND])


def _replica(planned: Plan) -> Any:
    from internvl_operator.planner.speed.replica import Replica

    return Replica.on(
        planned.product,
        planned.model,
        backend=planned.backend,
        engine=planned.engine,
        awq=planned.awq,
        tp=planned.tp,
        options=planned.options,
        kv_tokens=planned.memory.kv_tokens,
    )


def test_a_plan_is_compared_without_its_speed_by_who_keeps_it() -> None:
    planned = plan("8B", gpu="H100")
    assert planned.speed is not None
    assert replace(planned, speed=None) == replace(plan("8B", gpu="H100", load=Load(images=2)), speed=None)
