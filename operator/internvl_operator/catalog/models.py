"""The size table: the architecture and the repositories of each InternVL2 model.

Architecture figures are those of the models' published ``config.json`` files. Everything else that the
operator knows about a size (weights, KV cache, valid tensor parallelism) is derived from them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Backend(StrEnum):
    """LMDeploy's two inference backends, as ``--backend`` spells them."""

    TURBOMIND = "turbomind"
    PYTORCH = "pytorch"


_QUANTIZED_KV_HEAD_DIM = 128
"""The width of heads whose keys and values TurboMind can quantize."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """The language model inside an InternVL2 model, in the terms of its ``llm_config``."""

    architecture: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    qkv_bias: bool = False

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def has_quantized_kv_on_turbomind(self) -> bool:
        """Whether TurboMind can quantize the KV cache (lmdeploy: docs/en/supported_models/supported_models.md)."""
        return self.head_dim == _QUANTIZED_KV_HEAD_DIM


@dataclass(frozen=True, slots=True)
class VisionModel:
    """The vision encoder (InternViT), in the terms of its ``vision_config``."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    qkv_bias: bool
    qk_normalization: bool
    image_size: int = 448
    patch_size: int = 14


@dataclass(frozen=True, slots=True)
class Model:
    """One InternVL2 model: where its weights are and what they are made of."""

    size: str
    repository: str
    awq_repository: str | None
    language: LanguageModel
    vision: VisionModel


IMAGE_TOKENS_PER_TILE = 256
"""Tokens of one 448-pixel tile: (448 / 14)^2 patches, a quarter after the pixel shuffle."""

MAX_TILES_PER_IMAGE = 13
"""Tiles of one image by default: ``max_dynamic_patch`` 12 and a thumbnail."""

IMAGE_TOKENS = IMAGE_TOKENS_PER_TILE * MAX_TILES_PER_IMAGE
"""Tokens of one image at the default number of tiles."""

_INTERNVIT_300M = VisionModel(
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    intermediate_size=4096,
    qkv_bias=True,
    qk_normalization=False,
)

_INTERNVIT_6B = VisionModel(
    hidden_size=3200,
    num_hidden_layers=45,
    num_attention_heads=25,
    intermediate_size=12800,
    qkv_bias=False,
    qk_normalization=True,
)

_MODELS = (
    Model(
        size="1B",
        repository="OpenGVLab/InternVL2-1B",
        awq_repository=None,
        language=LanguageModel("Qwen2ForCausalLM", 896, 24, 14, 2, 4864, 151655, 32768, qkv_bias=True),
        vision=_INTERNVIT_300M,
    ),
    Model(
        size="2B",
        repository="OpenGVLab/InternVL2-2B",
        awq_repository="OpenGVLab/InternVL2-2B-AWQ",
        language=LanguageModel("InternLM2ForCausalLM", 2048, 24, 16, 8, 8192, 92553, 32768),
        vision=_INTERNVIT_300M,
    ),
    Model(
        size="4B",
        repository="OpenGVLab/InternVL2-4B",
        awq_repository=None,
        language=LanguageModel("Phi3ForCausalLM", 3072, 32, 32, 32, 8192, 32020, 131072),
        vision=_INTERNVIT_300M,
    ),
    Model(
        size="8B",
        repository="OpenGVLab/InternVL2-8B",
        awq_repository="OpenGVLab/InternVL2-8B-AWQ",
        language=LanguageModel("InternLM2ForCausalLM", 4096, 32, 32, 8, 14336, 92553, 32768),
        vision=_INTERNVIT_300M,
    ),
    Model(
        size="26B",
        repository="OpenGVLab/InternVL2-26B",
        awq_repository="OpenGVLab/InternVL2-26B-AWQ",
        language=LanguageModel("InternLM2ForCausalLM", 6144, 48, 48, 8, 16384, 92553, 32768),
        vision=_INTERNVIT_6B,
    ),
    Model(
        size="40B",
        repository="OpenGVLab/InternVL2-40B",
        awq_repository="OpenGVLab/InternVL2-40B-AWQ",
        language=LanguageModel("LlamaForCausalLM", 7168, 60, 56, 8, 20480, 64007, 32768),
        vision=_INTERNVIT_6B,
    ),
    Model(
        size="76B",
        repository="OpenGVLab/InternVL2-Llama3-76B",
        awq_repository="OpenGVLab/InternVL2-Llama3-76B-AWQ",
        language=LanguageModel("LlamaForCausalLM", 8192, 80, 64, 8, 28672, 128265, 8192),
        vision=_INTERNVIT_6B,
    ),
)

MODELS: dict[str, Model] = {model.size: model for model in _MODELS}
"""The seven models by size, the smallest first."""
