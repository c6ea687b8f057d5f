"""Bytes on one GPU for activations and buffers (neither weights nor KV cache), from the architecture.

TurboMind's buffers are those of its source: ``turbomind/models/language_model.cc`` (hidden states),
``llama/unified_attention_layer.cc`` (queries, keys, values; partial results of long rows) and
``llama/LlamaFfnLayer.cc``; its warm-up runs a prefill of the greatest length, after which the memory pool
keeps them. So computed they explain the cells of LMDeploy 0.18 but for a constant, the kernels (constants.py).
"""

from collections.abc import Iterator

from internvl_operator.catalog.models import IMAGE_TOKENS, MAX_TILES_PER_IMAGE, LanguageModel, VisionModel
from internvl_operator.planner.memory.memory_request import MemoryRequest
from internvl_operator.planner.memory.weights import FLOAT16_BYTES, kv_heads_per_rank, qkv_width

MIB = 1 << 20

_FLOAT32_BYTES = 4

_PARTIAL_ROWS = 4096
"""Rows of attention kept in float32 when a long row is split (``kMaxWorkspaceTokens``)."""

_CUBLAS_WORKSPACE = 32 * MIB
"""Workspace of cuBLAS on Hopper; AWQ's matrices run on TurboMind's own kernels."""

PYTORCH_BLOCKS = 16
"""Blocks of KV cache below which the PyTorch backend halves its prefill (``_get_runtime_size``)."""


def attention_width(language: LanguageModel, tp: int) -> int:
    """Return the width of queries, keys, values and the attention's output on each rank."""
    return qkv_width(language, tp) + language.hidden_size // tp


def native_prefill_bytes(request: MemoryRequest) -> float:
    """Return what TurboMind from 0.16 on holds for a prefill of the greatest length.

    Two hidden states, and on each rank its part of the attention and of the feed-forward layer, whose gate
    and up halves AWQ's kernel fuses into one.
    """
    language, tp = request.language, request.tp
    tokens = request.max_prefill_token_num + request.options.max_batch_size
    halves = 1 if request.awq else 2
    width = (
        2 * language.hidden_size + attention_width(language, tp) + halves * language.intermediate_size // tp
    )
    partial = _PARTIAL_ROWS * language.hidden_size // tp * _FLOAT32_BYTES
    return tokens * width * FLOAT16_BYTES + partial + (0 if request.awq else _CUBLAS_WORKSPACE)


def early_prefill_bytes(request: MemoryRequest) -> float:
    """Return what TurboMind up to 0.15 holds after a prompt with one image.

    Hidden states and logits have their greatest size from the start (``LlamaBatch::AllocateBuffer``), the
    layers' buffers that of the longest prompt so far.
    """
    language, tp = request.language, request.tp
    tokens = request.max_prefill_token_num + request.options.max_batch_size
    hidden = 2 * tokens * language.hidden_size * FLOAT16_BYTES
    partial = _PARTIAL_ROWS * language.hidden_size // tp * _FLOAT32_BYTES
    logits = 2 * request.options.max_batch_size * language.vocab_size * _FLOAT32_BYTES
    linear_kv = 2 * kv_heads_per_rank(language, tp) * language.head_dim
    layer = attention_width(language, tp) + linear_kv + 2 * language.intermediate_size // tp
    return hidden + partial + logits + IMAGE_TOKENS * layer * FLOAT16_BYTES


def pytorch_prefill_bytes(request: MemoryRequest) -> float:
    """Return what the language model takes for a prompt with one image on the PyTorch backend."""
    language, tp = request.language, request.tp
    feed_forward = 3 * language.intermediate_size // tp
    width = 2 * language.hidden_size + attention_width(language, tp) + feed_forward
    return IMAGE_TOKENS * width * FLOAT16_BYTES


def pytorch_withheld_bytes(request: MemoryRequest) -> Iterator[int]:
    """Yield what the PyTorch backend keeps out of the KV cache before it takes its ratio of the rest.

    The logits of the longest prefill, which it halves as long as the KV cache has too few blocks
    (``pytorch/engine/executor/base.py``, ``_get_runtime_size``).
    """
    prefill = request.max_prefill_token_num
    while prefill:
        rows = prefill + 2 * request.options.max_batch_size
        yield rows * request.language.vocab_size * FLOAT16_BYTES
        prefill //= 2


def logits_bytes(request: MemoryRequest) -> float:
    """Return the logits of a full batch, those of the model and their float32 copy for sampling."""
    return request.options.max_batch_size * request.language.vocab_size * (FLOAT16_BYTES + _FLOAT32_BYTES)


def image_bytes(vision: VisionModel) -> float:
    """Return what a vision encoder in PyTorch takes for all tiles of one image.

    Four hidden states, and the feed-forward layer's width before and after its activation function.
    """
    patches = (vision.image_size // vision.patch_size) ** 2 + 1
    width = 4 * vision.hidden_size + 2 * vision.intermediate_size
    return MAX_TILES_PER_IMAGE * patches * width * FLOAT16_BYTES
