"""Bytes of weights on one GPU, tensor by tensor, from the architecture.

What tensor parallelism splits follows LMDeploy: ``turbomind/builders/{attention,ffn,text_model}.py`` and
``turbomind/models/internvl.py`` (0.16 and later), of experts ``turbomind/builders/moe.py`` (each rank has a part of
every expert, and the whole router); ``src/turbomind/models/llama/LlamaWeight.cc`` before.
"""

from math import ceil

from internvl_operator.catalog.architecture import LanguageModel, VisionModel
from internvl_operator.planner.parallelism import AWQ_GROUP_SIZE

FLOAT16_BYTES = 2
"""Bytes of a float16 or bfloat16 number: whatever AWQ does not quantize."""

AWQ_BYTES = 0.5 + 2 * FLOAT16_BYTES / AWQ_GROUP_SIZE
"""Bytes of a quantized weight: 4 bits, and a share of its group's scale and zero point, 16 bits each."""

_LOGITS_ALIGNMENT = 8
"""Rows of the output matrix are padded to a multiple of this on each rank (``add_lm_head``: 16 bytes)."""

_PIXEL_SHUFFLE = 4
"""Patches that the projector takes together."""

_COLOURS = 3

_VECTORS = 4
"""Vectors of a vision layer beside its norms: two layer scales, the biases of its two output matrices."""


def kv_heads_per_rank(language: LanguageModel, tp: int) -> int:
    """Return the KV heads on each rank: repeated where the ranks outnumber them."""
    return ceil(language.num_key_value_heads / tp)


def qkv_width(language: LanguageModel, tp: int) -> int:
    """Return the width of queries, keys and values together on each rank."""
    return (language.num_attention_heads // tp + 2 * kv_heads_per_rank(language, tp)) * language.head_dim


def inner_width(language: LanguageModel, tp: int, *, awq: bool) -> int:
    """Return the width of the feed-forward network on each rank, of one expert where there are experts.

    The groups of AWQ are never cut: the width is padded to whole ones on each rank (``_pad_ffn_for_tp``). To what
    a 16-bit expert may be padded stands inside the compiled library and is not known.
    """
    experts = language.experts
    width = experts.moe_intermediate_size if experts else language.intermediate_size
    unit = AWQ_GROUP_SIZE if awq else 1
    return ceil(width / (unit * tp)) * unit


def linear_parameters(language: LanguageModel, tp: int, *, awq: bool) -> int:
    """Return the weights of all the decoder layers' matrices on each rank: those that AWQ quantizes."""
    attention = qkv_width(language, tp) + language.query_size // tp
    experts = language.experts.num_experts if language.experts else 1
    feed_forward = 3 * experts * inner_width(language, tp, awq=awq)
    return language.num_hidden_layers * language.hidden_size * (attention + feed_forward)


def _small_parameters(language: LanguageModel, tp: int, *, awq: bool) -> int:
    """Return the weights of one decoder layer beside its matrices on each rank: norms, biases, sinks, router."""
    count = 2 * language.hidden_size
    if language.qk_norm:
        count += 2 * language.head_dim
    if language.qkv_bias:
        count += qkv_width(language, tp)
    if language.output_bias:
        count += language.hidden_size
    if language.attention_sinks:
        count += language.num_attention_heads // tp
    if experts := language.experts:
        count += experts.num_experts * language.hidden_size
        if experts.bias:
            biases = 1 + 2 * inner_width(language, tp, awq=awq) + language.hidden_size
            count += experts.num_experts * biases
    return count


def language_bytes(
    language: LanguageModel, *, awq: bool, tp: int, embedding_ranks: int, head_ranks: int
) -> float:
    """Return the bytes of the language model on each rank.

    Args:
        language: the architecture.
        awq: the decoder layers' matrices are quantized.
        tp: ranks that share the decoder layers.
        embedding_ranks: ranks that share the token embeddings; 1 where each holds them all.
        head_ranks: ranks that share the output matrix.
    """
    matrices = linear_parameters(language, tp, awq=awq) * (AWQ_BYTES if awq else FLOAT16_BYTES)
    embeddings = language.vocab_size * language.hidden_size / embedding_ranks
    alignment = _LOGITS_ALIGNMENT if head_ranks > 1 else 1
    head = ceil(language.vocab_size / (alignment * head_ranks)) * alignment * language.hidden_size
    small = language.num_hidden_layers * _small_parameters(language, tp, awq=awq) + language.hidden_size
    return matrices + FLOAT16_BYTES * (embeddings + head + small)


def vision_bytes(vision: VisionModel, language: LanguageModel, *, tp: int) -> float:
    """Return the bytes of the vision encoder and the projector on each rank.

    The MLPs and the projector are split among the ranks; the attention only when ``tp`` divides its heads,
    else each rank holds all of it (``vit_attn``). The norms are RMS norms (no bias) in the encoder that
    normalises queries and keys, layer norms in the other.
    """
    width = vision.hidden_size
    attention_ranks = tp if vision.num_attention_heads % tp == 0 else 1
    attention = 4 * width * width + (3 * width if vision.qkv_bias else 0)
    normalised = 2 * width if vision.qk_normalization else 0
    mlp = 2 * width * vision.intermediate_size + vision.intermediate_size
    norms = (2 if vision.qk_normalization else 4) * width
    layer = (attention + normalised) / attention_ranks + mlp / tp + norms + _VECTORS * width
    patches = (vision.image_size // vision.patch_size) ** 2
    embeddings = width * (2 + patches + 1 + _COLOURS * vision.patch_size**2)
    projector_input = _PIXEL_SHUFFLE * width
    projector = (projector_input + language.hidden_size + 1) * language.hidden_size / tp
    projector += 2 * projector_input + language.hidden_size
    return FLOAT16_BYTES * (vision.num_hidden_layers * layer + embeddings + projector)
