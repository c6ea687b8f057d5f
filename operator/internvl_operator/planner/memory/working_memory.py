"""Bytes on one GPU for activations and buffers (neither weights nor KV cache), from the architecture.

TurboMind's buffers are those of its source: ``turbomind/models/language_model.cc`` (hidden states),
``llama/unified_attention_layer.cc`` (queries, keys, values; partial results of long rows) and
``llama/LlamaFfnLayer.cc``; its warm-up runs a prefill of the greatest length, after which the memory pool
keeps them. So computed they explain the cells of LMDeploy 0.18 but for a constant, the kernels (constants.py).
"""

from collections.abc import Iterator

from internvl_operator.catalog.architecture import LanguageModel, VisionModel
from internvl_operator.catalog.models import IMAGE_TOKENS, MAX_TILES_PER_IMAGE
from internvl_operator.planner.memory.memory_request import MemoryRequest
from internvl_operator.planner.memory.weights import FLOAT16_BYTES, inner_width, kv_heads_per_rank, qkv_width

MIB = 1 << 20

_FLOAT32_BYTES = 4

_PARTIAL_ROWS = 4096
"""Rows of attention kept in float32 when a long row is split (``kMaxWorkspaceTokens``)."""

_ROUTING_WORDS = 4
"""Words for each expert of a token: whence its row comes, whither it goes, which expert, how much it counts."""

_CUBLAS_WORKSPACE = 32 * MIB
"""Workspace of cuBLAS on Hopper; AWQ's matrices run on TurboMind's own kernels."""

PYTORCH_BLOCKS = 16
"""Blocks of KV cache below which the PyTorch backend halves its prefill (``_get_runtime_size``)."""


def attention_width(language: LanguageModel, tp: int) -> int:
    """Return the width of queries, keys, values and the attention's output on each rank."""
    return qkv_width(language, tp) + language.query_size // tp


def feed_forward_bytes(language: LanguageModel, tp: int, copies: int, *, awq: bool = False) -> int:
    """Return what one token takes of each rank in the feed-forward layer.

    Where there are experts, a token has a row for each expert that computes it: its inner states and its output,
    and in 32 bits the router's logits and mask of all experts and four words of a table. Derived from TurboMind's
    source (``llama/moe_ffn_layer.cc``) and, without the router's part, from the PyTorch backend's
    (``kernels/cuda/fused_moe.py``); not measured.

    Args:
        language: the architecture.
        tp: the number of ranks.
        copies: how often the inner width is held: for gate and up, and for what the activation makes of them.
        awq: whether the weights are AWQ.
    """
    inner = copies * inner_width(language, tp, awq=awq) * FLOAT16_BYTES
    if (experts := language.experts) is None:
        return inner
    row = inner + language.hidden_size * FLOAT16_BYTES + _ROUTING_WORDS * _FLOAT32_BYTES
    return experts.num_experts_per_tok * row + 2 * experts.num_experts * _FLOAT32_BYTES


def native_prefill_bytes(request: MemoryRequest) -> float:
    """Return what TurboMind from 0.16 on holds for a prefill of the greatest length.

    Two hidden states, and on each rank its part of the attention and of the feed-forward layer, whose gate
    and up halves AWQ's kernel fuses into one.
    """
    language, tp = request.language, request.tp
    tokens = request.max_prefill_token_num + request.options.max_batch_size
    halves = 1 if request.awq else 2
    width = 2 * language.hidden_size + attention_width(language, tp)
    token = width * FLOAT16_BYTES + feed_forward_bytes(language, tp, halves, awq=request.awq)
    return tokens * token + _partial_bytes(language, tp) + (0 if request.awq else _CUBLAS_WORKSPACE)


def early_prefill_bytes(request: MemoryRequest) -> float:
    """Return what TurboMind up to 0.15 holds after a prompt with one image.

    Hidden states and logits have their greatest size from the start (``LlamaBatch::AllocateBuffer``), the
    layers' buffers that of the longest prompt so far.
    """
    language, tp = request.language, request.tp
    tokens = request.max_prefill_token_num + request.options.max_batch_size
    hidden = 2 * tokens * language.hidden_size * FLOAT16_BYTES
    logits = 2 * request.options.max_batch_size * language.vocab_size * _FLOAT32_BYTES
    linear_kv = 2 * kv_heads_per_rank(language, tp) * language.head_dim
    attention = (attention_width(language, tp) + linear_kv) * FLOAT16_BYTES
    layer = attention + feed_forward_bytes(language, tp, copies=2, awq=request.awq)
    return hidden + _partial_bytes(language, tp) + logits + IMAGE_TOKENS * layer


def _partial_bytes(language: LanguageModel, tp: int) -> int:
    """Return the partial results of the attention of long rows."""
    return _PARTIAL_ROWS * language.query_size // tp * _FLOAT32_BYTES


def pytorch_prefill_bytes(request: MemoryRequest) -> float:
    """Return what the language model takes for a prompt with one image on the PyTorch backend."""
    language, tp = request.language, request.tp
    width = 2 * language.hidden_size + attention_width(language, tp)
    return IMAGE_TOKENS * (width * FLOAT16_BYTES + feed_forward_bytes(language, tp, copies=3))


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
