"""The architecture of a model, in the terms of its ``config.json``: the language model and the vision encoder."""

from dataclasses import dataclass

_QUANTIZED_KV_HEAD_DIM = 128
"""The only ``head_dim`` for which TurboMind can quantize the KV cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """The mixture of experts that replaces the feed-forward network in each layer.

    A router, with ``hidden_size`` weights per expert, sends each token to ``num_experts_per_tok`` of the experts.

    Attributes:
        num_experts: experts of one layer.
        num_experts_per_tok: experts that process one token.
        moe_intermediate_size: width of one expert.
        bias: whether router and experts have biases.
    """

    num_experts: int
    num_experts_per_tok: int
    moe_intermediate_size: int
    bias: bool = False


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """The language model inside an InternVL model, in the terms of its ``llm_config``.

    Fields that are not described here mean what they mean in ``config.json``.

    Attributes:
        head_dim: width of one attention head, which need not be ``hidden_size / num_attention_heads``.
        intermediate_size: width of the feed-forward network; unused where there are experts.
        qkv_bias: whether queries, keys and values have biases.
        qk_norm: whether each head's queries and keys are normalised, by ``head_dim`` weights each.
        output_bias: whether the attention's output projection has a bias.
        attention_sinks: whether each head has a learned weight that takes attention from all tokens.
        experts: the experts of each layer; None where each layer has a feed-forward network.
    """

    architecture: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    qkv_bias: bool = False
    qk_norm: bool = False
    output_bias: bool = False
    attention_sinks: bool = False
    experts: Experts | None = None

    @property
    def query_size(self) -> int:
        """Width of the queries, and of the attention's output: all heads side by side."""
        return self.num_attention_heads * self.head_dim

    @property
    def has_quantized_kv_on_turbomind(self) -> bool:
        """Whether TurboMind can quantize the KV cache (lmdeploy: docs/en/supported_models/supported_models.md)."""
        return self.head_dim == _QUANTIZED_KV_HEAD_DIM


@dataclass(frozen=True, slots=True)
class VisionModel:
    """The vision encoder (InternViT), in the terms of its ``vision_config``.

    Attributes:
        qk_normalization: whether queries and keys are normalised.
        image_size: width and height of one tile, in pixels.
        patch_size: width and height of one patch of a tile, in pixels.
    """

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    qkv_bias: bool
    qk_normalization: bool
    image_size: int = 448
    patch_size: int = 14


INTERNVIT_300M = VisionModel(
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    intermediate_size=4096,
    qkv_bias=True,
    qk_normalization=False,
)

INTERNVIT_6B = VisionModel(
    hidden_size=3200,
    num_hidden_layers=45,
    num_attention_heads=25,
    intermediate_size=12800,
    qkv_bias=False,
    qk_normalization=True,
)
