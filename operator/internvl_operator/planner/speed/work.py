"""What one request makes the GPUs do, from the architecture: operations and bytes, all ranks together unless said."""

from dataclasses import replace

from internvl_operator.catalog.architecture import LanguageModel, VisionModel
from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.models import IMAGE_TOKENS_PER_TILE
from internvl_operator.planner.memory.kv_cache import kv_bytes_per_token
from internvl_operator.planner.memory.weights import AWQ_BYTES, FLOAT16_BYTES, linear_parameters

_PIXEL_SHUFFLE = 4
_MULTIPLY_AND_ADD = 2
_REDUCTIONS_PER_LAYER = 2
"""Of the hidden states among the ranks: after the attention and after the feed-forward layer."""


def vision_flops(vision: VisionModel, language: LanguageModel) -> float:
    """Return the operations of the vision encoder and the projector for one tile."""
    patches = (vision.image_size // vision.patch_size) ** 2 + 1
    width = vision.hidden_size
    matrices = 4 * width * width + 2 * width * vision.intermediate_size
    attention = 2 * patches * width
    encoder = vision.num_hidden_layers * patches * (matrices + attention)
    shuffled = _PIXEL_SHUFFLE * width
    projector = IMAGE_TOKENS_PER_TILE * (shuffled + language.hidden_size) * language.hidden_size
    return float(_MULTIPLY_AND_ADD * (encoder + projector))


def prefill_flops(language: LanguageModel, tokens: int) -> float:
    """Return the operations of the language model for a prompt of so many tokens, causal attention included."""
    matrices = tokens * _parameters_per_token(language)
    heads = language.num_attention_heads * language.head_dim
    attention = language.num_hidden_layers * tokens * tokens * heads
    head = language.vocab_size * language.hidden_size
    return float(_MULTIPLY_AND_ADD * (matrices + attention + head))


def step_bytes(language: LanguageModel, *, awq: bool, tp: int) -> float:
    """Return the bytes of weights that each rank has for one token of every request: all but the embeddings."""
    matrices = linear_parameters(language, tp, awq=awq) * (AWQ_BYTES if awq else FLOAT16_BYTES)
    return matrices + FLOAT16_BYTES * language.vocab_size * language.hidden_size / tp


def expert_bytes(language: LanguageModel, *, awq: bool, tp: int) -> float:
    """Return the bytes of experts among those of ``step_bytes``, of which a step reads those that were chosen."""
    experts = language.experts
    if experts is None:
        return 0.0
    one_less = replace(language, experts=replace(experts, num_experts=experts.num_experts - 1))
    one = linear_parameters(language, tp, awq=awq) - linear_parameters(one_less, tp, awq=awq)
    return float(experts.num_experts * one * (AWQ_BYTES if awq else FLOAT16_BYTES))


def chosen_experts(language: LanguageModel) -> float:
    """Return the part of the experts that one token is sent to; 0 without experts."""
    experts = language.experts
    return experts.num_experts_per_tok / experts.num_experts if experts else 0.0


def context_bytes(language: LanguageModel, tp: int, options: EngineOptions, tokens: float) -> float:
    """Return the bytes of the KV cache that each rank reads for one token of a request of so many tokens."""
    return kv_bytes_per_token(language, tp, options) * tokens


def reduced_bytes(language: LanguageModel, tp: int, tokens: float) -> float:
    """Return what each rank sends to the others for so many tokens (ring all-reduce of 16-bit hidden states)."""
    each = 2 * (tp - 1) / tp * language.hidden_size * FLOAT16_BYTES
    return _REDUCTIONS_PER_LAYER * language.num_hidden_layers * each * tokens


def reductions(language: LanguageModel, tp: int) -> int:
    """Return how often the ranks wait for each other in one step; 0 for one rank."""
    return _REDUCTIONS_PER_LAYER * language.num_hidden_layers if tp > 1 else 0


def _parameters_per_token(language: LanguageModel) -> int:
    """Return the weights of the decoder layers' matrices that compute one token: of experts, those it is sent to."""
    if experts := language.experts:
        language = replace(language, experts=replace(experts, num_experts=experts.num_experts_per_tok))
    return linear_parameters(language, 1, awq=False)
