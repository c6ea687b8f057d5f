"""What holds for every load on every GPU."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.gpus import GPUS, Gpu
from internvl_operator.catalog.models import MODELS, Backend, Model
from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.speed.queueing import in_flight, rate_with_ttft, response_at
from internvl_operator.planner.speed.replica import Replica
from internvl_operator.planner.speed.service_times import ServiceTimes
from internvl_operator.planner.speed.speed_constants import CONSTANTS, REDUCTION_MS
from internvl_operator.planner.speed.speed_estimate import estimate_speed
from internvl_operator.planner.speed.work import reductions

SLACK = 1 + 1e-6


def _replica(gpu: Gpu, model: Model, backend: Backend, awq: bool, batch: int, kv_tokens: int) -> Replica:
    replica = Replica.on(
        gpu.product,
        model,
        backend=backend,
        engine="0.18.0",
        awq=awq,
        tp=1,
        options=EngineOptions(max_batch_size=batch),
        kv_tokens=kv_tokens,
    )
    assert replica is not None
    return replica


REPLICAS = st.builds(
    _replica,
    st.sampled_from(GPUS),
    st.sampled_from(list(MODELS.values())),
    st.sampled_from(Backend),
    st.booleans(),
    st.integers(1, 512),
    st.integers(20_000, 2_000_000),
)
LOADS = st.builds(
    Load,
    images=st.integers(0, 4),
    tiles=st.integers(1, 13),
    prompt_tokens=st.integers(1, 2048),
    output_tokens=st.integers(1, 2048),
)


def times_of(replica: Replica, load: Load) -> ServiceTimes:
    return ServiceTimes.of(replica, load, CONSTANTS[replica.backend])


@given(REPLICAS, LOADS, st.floats(0, 0.99), st.floats(0, 0.99))
def test_the_more_come_the_longer_each_takes(replica: Replica, load: Load, one: float, other: float) -> None:
    times = times_of(replica, load)
    less, more = (response_at(times, share * times.ceiling) for share in sorted((one, other)))
    assert less.ttft <= more.ttft * SLACK
    assert less.per_token <= more.per_token * SLACK
    assert less.whole <= more.whole * SLACK
    assert more.written <= times.room * SLACK


@given(REPLICAS, LOADS, st.integers(1, 1000), st.integers(1, 1000))
def test_the_more_are_in_flight_the_more_are_answered(
    replica: Replica, load: Load, one: int, other: int
) -> None:
    times = times_of(replica, load)
    few, many = (in_flight(times, count)[0] for count in sorted((one, other)))
    assert 0 < few <= many * SLACK
    assert many < times.ceiling


@given(REPLICAS, LOADS)
def test_more_tiles_images_or_tokens_are_never_faster(replica: Replica, load: Load) -> None:
    ceiling = times_of(replica, load).ceiling
    for more in (
        replace(load, tiles=load.tiles + 1),
        replace(load, images=load.images + 1),
        replace(load, prompt_tokens=load.prompt_tokens + 100),
        replace(load, output_tokens=load.output_tokens + 100),
    ):
        assert times_of(replica, more).ceiling <= ceiling * SLACK


@given(REPLICAS, LOADS, st.sampled_from([2, 4, 8]))
def test_more_gpus_of_one_replica_that_talk_for_nothing_are_never_slower(
    replica: Replica, load: Load, tp: int
) -> None:
    assume(replica.language.num_attention_heads % tp == 0)
    fast = replace(replica, gpu=replace(replica.gpu, link_gb=1e9))
    one, more = times_of(fast, load), times_of(replace(fast, tp=tp), load)
    waits = reductions(fast.language, tp) * REDUCTION_MS / 1e3
    assert more.vision <= one.vision
    assert more.prefill - waits <= one.prefill * SLACK
    assert more.step - waits <= one.step * SLACK
    assert more.context <= one.context * SLACK


@given(REPLICAS, LOADS, st.floats(0.01, 500), st.floats(0.01, 500))
def test_a_higher_rate_never_takes_fewer_replicas(
    replica: Replica, load: Load, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    few, many = (
        estimate_speed(replica, replace(load, requests_per_second=rate)).replicas for rate in (low, high)
    )
    assert 1 <= few <= many


@given(REPLICAS, LOADS, st.floats(0.01, 100), st.floats(0.001, 60))
def test_the_first_token_comes_in_time_at_the_rate_that_each_replica_gets(
    replica: Replica, load: Load, rate: float, ttft: float
) -> None:
    speed = estimate_speed(replica, replace(load, requests_per_second=rate, ttft_seconds=ttft))
    if speed.replicas:
        assert speed.ttft_seconds <= ttft * 1.01
        assert speed.requests_per_second * speed.replicas >= 0.99 * rate
    else:
        assert response_at(times_of(replica, load), 0.0).ttft > ttft


@given(REPLICAS, LOADS, st.floats(0.001, 60))
def test_a_rate_for_a_time_to_the_first_token_is_the_greatest(
    replica: Replica, load: Load, ttft: float
) -> None:
    times = times_of(replica, load)
    most = 0.8 * times.ceiling
    rate = rate_with_ttft(times, ttft, most)
    assert 0 <= rate <= most
    if 0 < rate < most:
        assert response_at(times, rate).ttft <= ttft < response_at(times, rate * 1.001).ttft
