"""What holds for every configuration."""

from dataclasses import asdict, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from internvl_operator.catalog.engines import SUPPORTED_VERSIONS
from internvl_operator.catalog.models import MODELS, Backend
from internvl_operator.planner.memory.estimate import MemoryRequest, estimate
from internvl_operator.planner.outcome import Outcome
from tests.unit.memory_requests import memory_request

RANKING = (Outcome.OOM, Outcome.NO_KV_FOR_SESSION, Outcome.SESSION_EXCEEDS_KV, Outcome.OK)


def _request(model: tuple[str, str], memory_mib: int, ratio: float | None, **given: Any) -> MemoryRequest:
    series, size = model
    return memory_request(size, memory_mib, ratio, series=series, **given)


REQUESTS = st.builds(
    _request,
    st.sampled_from(list(MODELS)),
    st.integers(0, 300_000),
    st.none() | st.floats(0.001, 0.999),
    version=st.sampled_from(SUPPORTED_VERSIONS),
    awq=st.booleans(),
    backend=st.sampled_from(Backend),
    tp=st.sampled_from([1, 2, 4, 8]),
    session_len=st.integers(1, 262_144),
    max_batch_size=st.integers(1, 2048),
    max_prefill_token_num=st.integers(64, 65_536),
    quant_policy=st.sampled_from([0, 4, 8]),
)


@given(REQUESTS)
def test_the_parts_make_up_the_used_memory_and_with_the_free_memory_the_gpu(request: MemoryRequest) -> None:
    memory = estimate(request)
    parts = (memory.weights_mib, memory.overhead_mib, memory.kv_cache_mib, memory.working_mib)
    assert sum(parts) == memory.used_mib
    assert memory.used_mib + memory.free_mib == request.gpu_memory_mib


@given(REQUESTS)
def test_nothing_is_negative(request: MemoryRequest) -> None:
    numbers = asdict(estimate(request))
    numbers.pop("outcome")
    assert min(numbers.values()) >= 0


@given(REQUESTS, st.integers(1, 100_000))
def test_more_gpu_memory_never_makes_it_worse(request: MemoryRequest, more_mib: int) -> None:
    memory = estimate(request)
    larger = estimate(replace(request, gpu_memory_mib=request.gpu_memory_mib + more_mib))
    assert RANKING.index(larger.outcome) >= RANKING.index(memory.outcome)
    assert larger.kv_tokens >= memory.kv_tokens
    assert larger.effective_session_len >= memory.effective_session_len
    assert larger.shortfall_mib <= memory.shortfall_mib


@given(REQUESTS)
def test_ok_holds_the_effective_session_and_from_0_15_on_the_one_asked_for(request: MemoryRequest) -> None:
    memory = estimate(request)
    if memory.outcome is Outcome.OK:
        assert memory.kv_tokens >= memory.effective_session_len
        if not request.truncates_session:
            assert memory.effective_session_len == request.options.session_len


@given(REQUESTS)
def test_ok_leaves_what_the_first_requests_need(request: MemoryRequest) -> None:
    memory = estimate(request)
    if memory.outcome is Outcome.OK:
        assert memory.free_after_weights_mib - memory.kv_cache_mib >= memory.reserve_mib


@given(REQUESTS)
def test_a_given_ratio_is_kept_and_a_derived_one_is_within_the_engine_s_limits(
    request: MemoryRequest,
) -> None:
    ratio = estimate(request).cache_max_entry_count
    if request.options.cache_max_entry_count is None:
        assert 0.01 <= ratio <= 0.8
    else:
        assert ratio == request.options.cache_max_entry_count


@given(REQUESTS)
def test_something_is_short_exactly_when_it_is_not_ok(request: MemoryRequest) -> None:
    memory = estimate(request)
    assert (memory.shortfall_mib == 0) is (memory.outcome is Outcome.OK)
