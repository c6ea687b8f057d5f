"""Bytes of the KV cache on one GPU, from the architecture."""

from internvl_operator.catalog.architecture import LanguageModel
from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.planner.memory.weights import FLOAT16_BYTES, kv_heads_per_rank

KV_BLOCK_TOKENS = 64
"""Tokens of one block of the KV cache (``--cache-block-seq-len``)."""

_QUANTIZATION_BYTES = 4
"""Scale and zero point of one head's key or value in a quantized KV cache (``block.h``)."""


def kv_bytes_per_token(language: LanguageModel, tp: int, options: EngineOptions) -> int:
    """Return the bytes of one token in the KV cache of each rank: keys and values of every layer."""
    bits = options.quant_policy or 8 * FLOAT16_BYTES
    head = language.head_dim * bits // 8 + (_QUANTIZATION_BYTES if options.quant_policy else 0)
    return 2 * language.num_hidden_layers * kv_heads_per_rank(language, tp) * head


def kv_block_bytes(language: LanguageModel, tp: int, options: EngineOptions) -> int:
    """Return the bytes of one block on each rank."""
    return kv_bytes_per_token(language, tp, options) * KV_BLOCK_TOKENS
