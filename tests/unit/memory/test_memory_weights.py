"""The bytes of weights on each GPU."""

from dataclasses import replace

import pytest

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.models import HELD_BACK, INTERNVL2, MODELS, Model, sizes_of
from internvl_operator.planner.memory.kv_cache import kv_bytes_per_token
from internvl_operator.planner.memory.weights import (
    inner_width,
    language_bytes,
    linear_parameters,
    vision_bytes,
)

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


FURTHER_BYTES = {
    "InternVL2.5-1B": 1_876_386_048,
    "InternVL2.5-2B": 4_411_508_736,
    "InternVL2.5-4B": 7_425_275_904,
    "InternVL2.5-8B": 16_150_730_752,
    "InternVL2.5-26B": 51_028_372_224,
    "InternVL2.5-38B": 76_776_329_984,
    "InternVL2.5-78B": 156_816_636_672,
    "InternVL3-1B": 1_876_386_048,
    "InternVL3-2B": 4_177_914_880,
    "InternVL3-8B": 15_888_747_520,
    "InternVL3-14B": 30_234_513_408,
    "InternVL3-38B": 76_776_329_984,
    "InternVL3-78B": 156_816_636_672,
    "InternVL3.5-1B": 2_121_795_584,
    "InternVL3.5-2B": 4_696_694_784,
    "InternVL3.5-4B": 9_464_978_432,
    "InternVL3.5-8B": 17_056_636_928,
    "InternVL3.5-14B": 30_239_047_680,
    "InternVL3.5-20B-A4B": 42_477_748_608,
    "InternVL3.5-30B-A3B": 61_697_460_224,
    "InternVL3.5-38B": 76_780_811_008,
    "InternVL3.5-241B-A28B": 481_398_740_736,
}
"""Bytes of the checkpoints of the further series. Published: InternVL2.5-8B and InternVL3.5-8B (``total_size`` of their
indices). The others were computed apart from this package, from the shapes, and agree with the parameters or the
gigabytes that the model cards name."""

EVERY_MODEL = {model.name: model for model in (*MODELS.values(), *HELD_BACK.values())}


def language(model: Model, tp: int = 1, *, awq: bool = False, vocabulary_ranks: int | None = None) -> float:
    ranks = vocabulary_ranks or tp
    return language_bytes(model.language, awq=awq, tp=tp, embedding_ranks=ranks, head_ranks=ranks)


def vision(model: Model, tp: int = 1) -> float:
    return vision_bytes(model.vision, model.language, tp=tp)


@pytest.mark.parametrize(("size", "published"), CHECKPOINT_BYTES.items())
def test_one_gpu_holds_exactly_the_checkpoint(size: str, published: int) -> None:
    model = MODELS[INTERNVL2, size]
    assert language(model) + vision(model) == published


@pytest.mark.parametrize(("name", "published"), FURTHER_BYTES.items())
def test_one_gpu_holds_exactly_the_checkpoint_of_a_further_series(name: str, published: int) -> None:
    model = EVERY_MODEL[name]
    assert language(model) + vision(model) == published


def test_every_model_has_its_bytes_but_the_one_whose_added_tokens_are_not_known() -> None:
    known = {f"InternVL2-{size}" for size in CHECKPOINT_BYTES} | FURTHER_BYTES.keys()
    assert EVERY_MODEL.keys() - known == {"InternVL3-9B"}
    model = EVERY_MODEL["InternVL3-9B"]
    assert language(model) + vision(model) == pytest.approx(18.3e9, abs=0.05e9)


@pytest.mark.parametrize("model", EVERY_MODEL.values(), ids=lambda model: model.name)
@pytest.mark.parametrize("tp", [2, 4, 8])
def test_ranks_of_any_model_hold_together_at_least_its_matrices(model: Model, tp: int) -> None:
    whole = linear_parameters(model.language, 1, awq=False)
    assert tp * linear_parameters(model.language, tp, awq=False) >= whole
    assert tp * linear_parameters(model.language, tp, awq=True) >= whole


@pytest.mark.parametrize(
    ("series", "size", "tp", "groups"),
    [("InternVL3", "78B", 2, 116), ("InternVL3", "2B", 4, 18), ("InternVL3", "14B", 8, 14)],
)
def test_groups_of_awq_are_padded_to_whole_ones_on_each_rank(
    series: str, size: str, tp: int, groups: int
) -> None:
    model = MODELS[series, size].language
    assert model.intermediate_size % (128 * tp)
    assert inner_width(model, tp, awq=True) == 128 * groups
    assert inner_width(model, tp, awq=False) == model.intermediate_size / tp


def test_experts_are_cut_along_their_width_and_the_router_is_on_every_rank() -> None:
    model = MODELS["InternVL3.5", "30B-A3B"].language
    assert inner_width(model, 8, awq=False) == 96
    without = replace(model, experts=None, intermediate_size=768)
    experts = 48 * 127 * 3 * 2048 * 768
    assert linear_parameters(model, 1, awq=False) - linear_parameters(without, 1, awq=False) == experts
    router = 48 * 128 * 2048 * 2
    together = language_bytes(model, awq=False, tp=8, embedding_ranks=8, head_ranks=8)
    assert 8 * together > language_bytes(model, awq=False, tp=1, embedding_ranks=1, head_ranks=1) + 7 * router


@pytest.mark.parametrize("size", CHECKPOINT_BYTES)
@pytest.mark.parametrize("tp", [2, 4, 8])
def test_ranks_together_hold_at_least_the_checkpoint_and_at_most_their_copies_more(
    size: str, tp: int
) -> None:
    model = MODELS[INTERNVL2, size]
    together = tp * (language(model, tp) + vision(model, tp))
    assert CHECKPOINT_BYTES[size] <= together < 1.7 * CHECKPOINT_BYTES[size]


def test_a_vision_encoder_whose_heads_tp_does_not_divide_keeps_its_attention_on_every_rank() -> None:
    model = MODELS[INTERNVL2, "26B"]
    replicated = vision(model, 2) - vision(model) / 2
    attention = model.vision.num_hidden_layers * 4 * model.vision.hidden_size**2 * 2
    assert replicated == pytest.approx(attention / 2, rel=0.01)


def test_a_vision_encoder_whose_heads_tp_divides_is_split() -> None:
    model = MODELS[INTERNVL2, "8B"]
    assert vision(model, 2) == pytest.approx(vision(model) / 2, rel=0.01)


def test_awq_takes_four_bits_a_weight_and_a_scale_and_zero_point_of_16_bits_for_128_of_them() -> None:
    model = MODELS[INTERNVL2, "76B"]
    without_layers = language(replace(model, language=replace(model.language, num_hidden_layers=0)))
    layers = language(model) - without_layers
    quantized = language(model, awq=True) - without_layers
    assert quantized / layers == pytest.approx((4 + 32 / 128) / 16, rel=1e-3)


def test_kv_heads_are_repeated_when_ranks_outnumber_them() -> None:
    few = replace(MODELS[INTERNVL2, "1B"].language, num_attention_heads=16, hidden_size=1024)
    assert kv_bytes_per_token(few, 2, EngineOptions()) == kv_bytes_per_token(few, 8, EngineOptions())
    model = replace(MODELS[INTERNVL2, "1B"], language=few)
    assert 8 * language(model, 8) > 2 * language(model, 2)


def test_the_logits_weights_are_padded_so_that_each_rank_has_whole_vectors() -> None:
    model = MODELS[INTERNVL2, "8B"]
    rows = model.language.vocab_size
    padded = -(-rows // 64) * 64
    split, replicated = language(model, 8), language(model, 8, vocabulary_ranks=1)
    shared = (rows + padded) / 8
    assert replicated - split == pytest.approx((2 * rows - shared) * model.language.hidden_size * 2)


@pytest.mark.parametrize(
    ("series", "kib_by_size"),
    [
        ("InternVL2.5", {"1B": 12, "2B": 96, "4B": 36, "8B": 128, "26B": 192, "38B": 256, "78B": 320}),
        ("InternVL3", {"1B": 12, "2B": 28, "8B": 56, "9B": 48, "14B": 192, "38B": 256, "78B": 320}),
        (
            "InternVL3.5",
            {"1B": 112, "2B": 112, "4B": 144, "8B": 144, "14B": 160, "38B": 256, "30B-A3B": 96},
        ),
    ],
)
def test_a_token_of_kv_cache_follows_from_the_width_of_a_head(
    series: str, kib_by_size: dict[str, int]
) -> None:
    found = {
        size: kv_bytes_per_token(MODELS[series, size].language, 1, EngineOptions()) / 1024
        for size in sizes_of(series)
    }
    assert found == kib_by_size


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
        kv_bytes_per_token(MODELS[INTERNVL2, size].language, 1, EngineOptions(quant_policy=quant_policy))
        == kib * 1024
    )
