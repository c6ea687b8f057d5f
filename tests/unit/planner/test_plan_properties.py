"""What holds for every plan."""

from dataclasses import replace
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from internvl_operator.catalog.engines import SUPPORTED_VERSIONS, engine
from internvl_operator.catalog.gpus import GPUS
from internvl_operator.catalog.models import MODELS, Backend
from internvl_operator.planner.document import plan_document
from internvl_operator.planner.nodes.inventory import given_gpu
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import GpuRequest, PlanRequest
from tests.unit.plan_requests import plan_request

RANKING = (
    Outcome.REJECTED,
    Outcome.OOM,
    Outcome.NO_KV_FOR_SESSION,
    Outcome.SESSION_EXCEEDS_KV,
    Outcome.OK,
)
AWQ_GROUP_SIZE = 128

TP = st.sampled_from([1, 2, 4, 8, 16])
MEMORY_MIB = st.integers(8_000, 300_000)
KEEPING_SESSIONS = SUPPORTED_VERSIONS[SUPPORTED_VERSIONS.index("0.15.0") :]

# Made once: a strategy that is made for each example is checked and described for each.
MODEL_NAMES = st.sampled_from(list(MODELS))
PRODUCTS = st.none() | st.sampled_from([gpu.product for gpu in GPUS])
GIVEN_MEMORY_MIB = st.none() | MEMORY_MIB
MAX_COUNTS = st.sampled_from([8, 8, 1, 2, 3, 16])
GIVEN = {
    "quantized": st.sampled_from([None, None, False, True]),
    "backend": st.sampled_from([None, None, None, *Backend]),
    "engine": st.sampled_from(SUPPORTED_VERSIONS),
    "tp": st.sampled_from([None, None, None, None, 1, 2, 4, 8, 16]),
    "session_len": st.integers(1, 65_536),
    "sessions": st.none() | st.integers(1, 64),
    "cache_max_entry_count": st.none() | st.floats(0.01, 0.99),
    "max_batch_size": st.integers(1, 1024),
    "quant_policy": st.sampled_from([0, 0, 0, 4, 8]),
}


@st.composite
def gpus(draw: st.DrawFn) -> GpuRequest:
    product = draw(PRODUCTS)
    memory = draw(GIVEN_MEMORY_MIB if product else MEMORY_MIB)
    return GpuRequest(product=product, memory_mib=memory, max_count=draw(MAX_COUNTS))


ANY_GPUS = gpus()


@st.composite
def requests(draw: st.DrawFn, /, **changed: st.SearchStrategy[Any]) -> PlanRequest:
    series, size = draw(MODEL_NAMES)
    given = {name: draw(strategy) for name, strategy in (GIVEN | changed).items()}
    return plan_request(size=size, series=series, **given, gpu=draw(ANY_GPUS))


def plan_for(request: PlanRequest) -> Plan:
    plan = make_plan(request, given_gpu(request.gpu))
    event(plan.outcome)
    return plan


def ok_plan_for(request: PlanRequest) -> Plan:
    plan = plan_for(request)
    assume(plan.is_ok)
    return plan


@given(requests())
def test_a_replica_has_one_gpu_for_each_rank(request: PlanRequest) -> None:
    document = plan_document(plan_for(request))
    assert document["gpus"] == document["tp"] >= 1


@given(requests())
def test_what_is_given_is_kept(request: PlanRequest) -> None:
    plan = plan_for(request)
    assert request.tp in (None, plan.tp)
    assert request.quantized in (None, plan.awq)
    assert request.backend in (None, plan.backend)
    assert request.options.cache_max_entry_count in (None, plan.memory.cache_max_entry_count)
    share = plan.memory.cache_max_entry_count
    assert plan.options == replace(request.options, cache_max_entry_count=share)


@given(requests())
def test_a_plan_needs_no_more_gpus_than_a_replica_may_have(request: PlanRequest) -> None:
    assert ok_plan_for(request).gpus <= request.gpu.max_count


@given(requests())
def test_the_engine_accepts_the_tensor_parallelism_of_a_plan(request: PlanRequest) -> None:
    plan = ok_plan_for(request)
    language, release = request.model.language, engine(plan.engine)
    assert language.num_attention_heads % plan.tp == 0
    assert language.hidden_size % plan.tp == 0
    repeated = plan.tp % language.num_key_value_heads == 0
    may_repeat = release.repeats_kv_heads(language.architecture, plan.backend)
    assert language.num_key_value_heads % plan.tp == 0 or (repeated and may_repeat)
    if plan.awq:
        assert plan.backend is Backend.TURBOMIND
        assert language.query_size % (plan.tp * AWQ_GROUP_SIZE) == 0
    assert release.serves(plan.series)
    if plan.backend is Backend.TURBOMIND:
        assert language.architecture in release.turbomind_architectures


@settings(max_examples=400)
@given(requests(), st.booleans(), TP, st.integers(1, 100_000))
def test_more_memory_makes_no_plan_worse(request: PlanRequest, awq: bool, tp: int, more_mib: int) -> None:
    request = replace(request, quantized=awq, tp=tp)
    plan = plan_for(request)
    gpu = replace(request.gpu, memory_mib=plan.gpu_memory_mib + more_mib)
    larger = plan_for(replace(request, gpu=gpu))
    assert RANKING.index(larger.outcome) >= RANKING.index(plan.outcome)
    assert larger.concurrent_sessions >= plan.concurrent_sessions
    assert larger.memory.kv_tokens >= plan.memory.kv_tokens


@given(requests())
def test_used_and_free_memory_are_the_gpu(request: PlanRequest) -> None:
    plan = plan_for(request)
    memory = plan.memory
    assert memory.used_mib + memory.free_mib == plan.gpu_memory_mib
    parts = (memory.weights_mib, memory.overhead_mib, memory.kv_cache_mib, memory.working_mib)
    assert sum(parts) == memory.used_mib
    assert min(*parts, memory.free_mib) >= 0


@given(requests(engine=st.sampled_from(KEEPING_SESSIONS)))
def test_from_0_15_on_a_plan_holds_at_least_one_session(request: PlanRequest) -> None:
    plan = ok_plan_for(request)
    assert plan.memory.kv_tokens >= plan.options.session_len
    assert plan.memory.kv_tokens * plan.memory.kv_bytes_per_token <= plan.memory.kv_cache_mib << 20
    assert plan.concurrent_sessions >= 1


@given(requests())
def test_a_plan_leaves_what_the_first_requests_need(request: PlanRequest) -> None:
    memory = ok_plan_for(request).memory
    assert memory.free_after_weights_mib - memory.kv_cache_mib >= memory.reserve_mib


@given(requests())
def test_a_derived_number_of_gpus_is_the_least_that_holds_the_sessions(request: PlanRequest) -> None:
    request = replace(request, tp=None, quantized=request.quantized or False)
    plan = ok_plan_for(request)
    assume(plan.concurrent_sessions >= request.wanted_sessions)
    for tp in (1, 2, 4, 8):
        if tp < plan.tp:
            fewer = plan_for(replace(request, tp=tp))
            assert not fewer.is_ok or fewer.concurrent_sessions < request.wanted_sessions
