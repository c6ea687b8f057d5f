"""The bytes of weights on each GPU."""

from dataclasses import replace

import pytest

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.models import MODELS, Model
from internvl_operator.planner.memory.kv_cache import kv_bytes_per_token
from internvl_operator.planner.memory.weights import language_bytes, vision_bytes

CHECKPOINT_BYTES = {
    "1B": 1_876_317_952,
    "2B": 4_411_508_736,
    "4B": 8_293_711_872,
    "8B": 16_150_730_752,
    "26B": 51_028_372_224,
    "40B": 80_137_368_320,
    "76B": 152_524_716_800,
}
"""Bytes of all tensors of the published checkpoints (``metadata.total_size`` of their index)."""


def language(model: Model, tp: int = 1, *, awq: bool = False, vocabulary_ranks: int | None = None) -> float:
    ranks = vocabulary_ranks or tp
    return language_bytes(model.language, awq=awq, tp=tp, embedding_ranks=ranks, head_ranks=ranks)


def vision(model: Model, tp: int = 1) -> float:
    return vision_bytes(model.vision, model.language, tp=tp)


@pytest.mark.parametrize(("size", "published"), CHECKPOINT_BYTES.items())
def test_one_gpu_holds_exactly_the_checkpoint(size: str, published: int) -> None:
    model = MODELS[size]
    assert language(model) + vision(model) == published


@pytest.mark.parametrize("size", CHECKPOINT_BYTES)
@pytest.mark.parametrize("tp", [2, 4, 8])
def test_ranks_together_hold_at_least_the_checkpoint_and_at_most_their_copies_more(
    size: str, tp: int
) -> None:
    model = MODELS[size]
    together = tp * (language(model, tp) + vision(model, tp))
    assert CHECKPOINT_BYTES[size] <= together < 1.7 * CHECKPOINT_BYTES[size]


def test_a_vision_encoder_whose_heads_tp_does_not_divide_keeps_its_attention_on_every_rank() -> None:
    model = MODELS["26B"]
    replicated = vision(model, 2) - vision(model) / 2
    attention = model.vision.num_hidden_layers * 4 * model.vision.hidden_size**2 * 2
    assert replicated == pytest.approx(attention / 2, rel=0.01)


def test_a_vision_encoder_whose_heads_tp_divides_is_split() -> None:
    model = MODELS["8B"]
    assert vision(model, 2) == pytest.approx(vision(model) / 2, rel=0.01)


def test_awq_takes_four_bits_a_weight_and_a_scale_and_zero_point_of_16_bits_for_128_of_them() -> None:
    model = MODELS["76B"]
    without_layers = language(replace(model, language=replace(model.language, num_hidden_layers=0)))
    layers = language(model) - without_layers
    quantized = language(model, awq=True) - without_layers
    assert quantized / layers == pytest.approx((4 + 32 / 128) / 16, rel=1e-3)


def test_kv_heads_are_repeated_when_ranks_outnumber_them() -> None:
    few = replace(MODELS["1B"].language, num_attention_heads=16, hidden_size=1024)
    assert kv_bytes_per_token(few, 2, EngineOptions()) == kv_bytes_per_token(few, 8, EngineOptions())
    model = replace(MODELS["1B"], language=few)
    assert 8 * language(model, 8) > 2 * language(model, 2)


def test_the_logits_weights_are_padded_so_that_each_rank_has_whole_vectors() -> None:
    model = MODELS["8B"]
    rows = model.language.vocab_size
    padded = -(-rows // 64) * 64
    split, replicated = language(model, 8), language(model, 8, vocabulary_ranks=1)
    shared = (rows + padded) / 8
    assert replicated - split == pytest.approx((2 * rows - shared) * model.language.hidden_size * 2)


@pytest.mark.parametrize(
    ("size", "quant_policy", "kib"),
    [
        ("1B", 0, 12),
        ("4B", 0, 384),
        ("8B", 0, 128),
        ("8B", 8, 66),
        ("8B", 4, 34),
        ("76B", 0, 320),
        ("76B", 4, 85),
    ],
)
def test_a_token_of_kv_cache_takes_keys_values_and_their_scales(
    size: str, quant_policy: int, kib: int
) -> None:
    assert (
        kv_bytes_per_token(MODELS[size].language, 1, EngineOptions(quant_policy=quant_policy)) == kib * 1024
    )
