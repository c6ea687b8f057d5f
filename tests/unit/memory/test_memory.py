"""What a configuration takes of a GPU, and what becomes of it."""

from dataclasses import replace

import pytest

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.models import Backend
from internvl_operator.planner.memory.estimate import MARGIN_MIB, estimate
from internvl_operator.planner.outcome import Outcome
from tests.unit.memory_requests import memory_request


def test_8b_on_an_a100_takes_80_percent_of_what_the_weights_leave() -> None:
    memory = estimate(memory_request("8B", 81920))
    assert memory.outcome is Outcome.OK
    assert memory.cache_max_entry_count == 0.8
    assert memory.weights_mib == 15403
    assert memory.kv_cache_mib == int(0.8 * memory.free_after_weights_mib)
    assert memory.kv_tokens == pytest.approx(memory.kv_cache_mib * 8, abs=64)


@pytest.mark.parametrize(("size", "gpu_memory_mib"), [("8B", 20480), ("2B", 8192), ("40B", 81920)])
def test_a_card_that_has_no_room_for_the_first_requests_at_80_percent_gets_a_smaller_cache(
    size: str, gpu_memory_mib: int
) -> None:
    assert estimate(memory_request(size, gpu_memory_mib, 0.8)).outcome is Outcome.OOM
    derived = estimate(memory_request(size, gpu_memory_mib))
    assert derived.outcome is Outcome.OK
    assert 0.5 <= derived.cache_max_entry_count < 0.8
    assert derived.free_after_weights_mib - derived.kv_cache_mib >= derived.reserve_mib


def test_a_derived_ratio_has_two_digits_and_the_next_would_leave_too_little() -> None:
    memory = estimate(memory_request("8B", 20480))
    percent = round(memory.cache_max_entry_count * 100)
    assert memory.cache_max_entry_count == percent / 100
    left = memory.reserve_mib + MARGIN_MIB
    assert (100 - percent) * memory.free_after_weights_mib >= 100 * left
    assert (100 - percent - 1) * memory.free_after_weights_mib < 100 * left


@pytest.mark.parametrize(
    ("size", "awq", "left_mib", "runs"),
    [
        ("1B", False, 557, True),
        ("2B", False, 480, False),
        ("2B", False, 644, True),
        ("2B", False, 1201, True),
        ("2B", True, 832, True),
        ("8B", False, 698, False),
        ("8B", False, 844, False),
        ("8B", False, 1209, True),
        ("8B", True, 781, True),
        ("26B", False, 1421, True),
        ("26B", True, 831, False),
        ("26B", True, 1190, True),
        ("40B", False, 647, False),
        ("40B", True, 873, False),
        ("40B", True, 1095, True),
        ("76B", True, 1108, False),
    ],
)
def test_the_first_requests_fail_where_they_were_measured_to(
    size: str, awq: bool, left_mib: int, runs: bool
) -> None:
    """``left_mib`` was left after the KV cache on an H200 with LMDeploy 0.18.0, batch 128."""
    reserve = estimate(memory_request(size, 143771, awq=awq)).reserve_mib
    assert (left_mib >= reserve) is runs


def test_weights_that_do_not_fit_are_out_of_memory_and_nothing_is_negative() -> None:
    memory = estimate(memory_request("76B", 81920))
    assert memory.outcome is Outcome.OOM
    assert (memory.used_mib, memory.free_mib, memory.free_after_weights_mib) == (81920, 0, 0)
    assert memory.kv_tokens == 0
    assert memory.shortfall_mib > 145460 - 81920


@pytest.mark.parametrize("ratio", [None, 0.2, 0.5, 0.8])
@pytest.mark.parametrize(
    ("size", "gpu_memory_mib"), [("76B", 81920), ("40B", 81250), ("2B", 6000), ("4B", 10240)]
)
def test_the_shortfall_is_the_least_memory_that_helps(
    size: str, gpu_memory_mib: int, ratio: float | None
) -> None:
    request = memory_request(size, gpu_memory_mib, ratio)
    shortfall = estimate(request).shortfall_mib
    enough = replace(request, gpu_memory_mib=gpu_memory_mib + shortfall)
    assert estimate(enough).outcome is Outcome.OK
    if shortfall:
        almost = replace(enough, gpu_memory_mib=enough.gpu_memory_mib - 1)
        assert estimate(almost).outcome is not Outcome.OK


def test_a_cache_smaller_than_the_warm_up_never_opens_the_port() -> None:
    memory = estimate(memory_request("40B", 81250, 0.2))
    assert memory.outcome is Outcome.NO_KV_FOR_SESSION
    assert memory.kv_tokens < 8192


def test_a_cache_larger_than_the_warm_up_and_smaller_than_a_session_starts() -> None:
    memory = estimate(memory_request("26B", 57344, 0.5, session_len=32768))
    assert memory.outcome is Outcome.SESSION_EXCEEDS_KV
    assert 8192 < memory.kv_tokens < 32768


def test_a_short_session_needs_a_short_warm_up() -> None:
    assert estimate(memory_request("40B", 81250, 0.2, session_len=2048)).outcome is Outcome.OK


def test_the_pytorch_backend_starts_with_a_cache_smaller_than_a_session() -> None:
    memory = estimate(memory_request("4B", 10240, 0.8))
    assert memory.outcome is Outcome.SESSION_EXCEEDS_KV
    assert memory.kv_tokens < 8192


@pytest.mark.parametrize(("ratio", "outcome"), [(0.2, Outcome.OK), (0.1, Outcome.NO_KV_FOR_SESSION)])
def test_engines_up_to_0_14_shorten_a_session_unless_one_image_does_not_fit(
    ratio: float, outcome: Outcome
) -> None:
    memory = estimate(memory_request("40B", 81920, ratio, version="0.14.0"))
    assert memory.outcome is outcome
    assert memory.effective_session_len == memory.kv_tokens < 8192


def test_engines_from_0_15_keep_the_session() -> None:
    memory = estimate(memory_request("40B", 81920, 0.2, version="0.15.0"))
    assert memory.outcome is Outcome.NO_KV_FOR_SESSION
    assert memory.effective_session_len == 8192


def test_a_quantized_cache_holds_more_tokens_in_the_same_memory() -> None:
    plain, int8, int4 = (estimate(memory_request("8B", 23034, 0.8, quant_policy=bits)) for bits in (0, 8, 4))
    assert plain.used_mib == int8.used_mib == int4.used_mib
    assert int8.kv_tokens == pytest.approx(plain.kv_tokens * 128 / 66, rel=0.01)
    assert int4.kv_tokens == pytest.approx(plain.kv_tokens * 128 / 34, rel=0.01)


def test_communication_and_the_awq_workspace_are_overhead() -> None:
    one = estimate(memory_request("26B", 81920)).overhead_mib
    assert estimate(memory_request("26B", 81920, tp=2)).overhead_mib > one
    assert estimate(memory_request("26B", 81920, awq=True)).overhead_mib > one


def test_working_memory_grows_with_the_prefill_and_the_batch() -> None:
    request = memory_request("8B", 81920)
    usual = estimate(request).working_mib
    width = 2 * 4096 + (32 + 2 * 8) * 128 + 4096 + 2 * 14336
    half = estimate(replace(request, max_prefill_token_num=4096)).working_mib
    assert usual - half == pytest.approx(4096 * width * 2 / 2**20, abs=1)
    larger = estimate(
        replace(
            request,
            options=EngineOptions(
                max_batch_size=1024, cache_max_entry_count=request.options.cache_max_entry_count
            ),
        )
    ).working_mib
    assert larger - usual == pytest.approx(896 * width * 2 / 2**20, abs=1)


def test_the_pytorch_backend_withholds_its_logits_before_it_takes_its_ratio() -> None:
    memory = estimate(memory_request("4B", 81920, 0.8))
    withheld_mib = (8192 + 2 * 128) * 32020 * 2 / 2**20
    assert memory.kv_cache_mib == pytest.approx(0.8 * (memory.free_after_weights_mib - withheld_mib), abs=1)


def test_the_pytorch_backend_halves_its_prefill_where_16_blocks_do_not_fit() -> None:
    """Measured: 23 blocks of 24 MiB on a card of 10 GiB."""
    memory = estimate(memory_request("4B", 10240, 0.8))
    assert memory.kv_cache_mib == pytest.approx(23 * 24, rel=0.01)
    assert memory.kv_tokens < 16 * 64


def test_the_pytorch_backend_needs_room_for_an_image_beside_a_large_kv_cache() -> None:
    memory = estimate(memory_request("4B", 15360, 0.97))
    assert memory.kv_tokens > 8192
    assert memory.working_mib < memory.free_after_weights_mib - memory.kv_cache_mib < memory.reserve_mib
    assert memory.outcome is Outcome.SESSION_EXCEEDS_KV


@pytest.mark.parametrize(("blocks", "outcome"), [(2, Outcome.OOM), (3, Outcome.SESSION_EXCEEDS_KV)])
def test_the_pytorch_backend_does_not_start_with_two_blocks(blocks: int, outcome: Outcome) -> None:
    free_mib = estimate(memory_request("4B", 143771)).free_after_weights_mib
    memory = estimate(memory_request("4B", 143771, (blocks * 24 + 12) / free_mib))
    assert memory.kv_tokens == blocks * 64
    assert memory.outcome is outcome


def test_release_0_5_holds_the_vocabulary_on_every_rank() -> None:
    sharded = memory_request("8B", 81920, tp=4, version="0.6.5")
    replicated = replace(sharded, replicates_vocabulary=True)
    more = estimate(replicated).weights_mib - estimate(sharded).weights_mib
    assert more == pytest.approx(2 * 92553 * 4096 * 2 * 3 / 4 / 2**20, abs=2)


def test_every_backend_and_generation_is_calibrated() -> None:
    for version in ("0.5.3", "0.15.0", "0.16.0", "0.18.0"):
        for backend in Backend:
            memory = estimate(memory_request("8B", 81920, version=version, backend=backend))
            assert memory.outcome is Outcome.OK
            assert memory.overhead_mib > 500
