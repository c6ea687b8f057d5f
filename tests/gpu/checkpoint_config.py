"""The configuration files of a zero-weight checkpoint, as far as an engine reads them."""

import math
from typing import Any

from internvl_operator.catalog.models import IMAGE_TOKENS_PER_TILE, INTERNVL2, Model

AWQ_GROUP = 128
"""Weights that share a scale and a zero point."""

_CHAT_TEMPLATES = {
    "InternLM2ForCausalLM": "internlm2-chat",
    "LlamaForCausalLM": "Hermes-2",
    "Phi3ForCausalLM": "phi3-chat",
    "Qwen2ForCausalLM": "Hermes-2",
}
"""The template that config.json of an InternVL2 model names; that of every later series is internvl2_5."""

TOKENS = {"bos_token_id": 1, "eos_token_id": 2}


def config(model: Model, awq: bool) -> dict[str, Any]:
    """Return config.json."""
    language, vision = model.language, model.vision
    dtype = "float16" if awq else "bfloat16"
    llm: dict[str, Any] = {
        "architectures": [language.architecture],
        "hidden_size": language.hidden_size,
        "num_hidden_layers": language.num_hidden_layers,
        "num_attention_heads": language.num_attention_heads,
        "num_key_value_heads": language.num_key_value_heads,
        "intermediate_size": language.intermediate_size,
        "vocab_size": language.vocab_size,
        "max_position_embeddings": _positions(model),
        "rms_norm_eps": 1e-6 if language.qk_norm else 1e-5,
        "rope_theta": 1e6,
        "tie_word_embeddings": False,
        "hidden_act": "silu",
        "dtype": dtype,
        "torch_dtype": dtype,
        "pad_token_id": TOKENS["eos_token_id"],
        **TOKENS,
    }
    if language.qk_norm:
        llm |= {"head_dim": language.head_dim, "attention_bias": False, "rope_scaling": None}
    else:
        llm["bias"] = False
    if experts := language.experts:
        llm |= {
            "num_experts": experts.num_experts,
            "num_experts_per_tok": experts.num_experts_per_tok,
            "moe_intermediate_size": experts.moe_intermediate_size,
            "norm_topk_prob": True,
            "decoder_sparse_step": 1,
            "mlp_only_layers": [],
        }
    if language.architecture == "InternLM2ForCausalLM" or model.series == "InternVL3":
        llm["rope_scaling"] = {"type": "dynamic", "rope_type": "dynamic", "factor": 2.0}
    whole: dict[str, Any] = {
        "architectures": ["InternVLChatModel"],
        "model_type": "internvl_chat",
        "auto_map": {"AutoConfig": "configuration_internvl_chat.InternVLChatConfig"},
        "llm_config": llm,
        "vision_config": {
            "architectures": ["InternVisionModel"],
            "hidden_size": vision.hidden_size,
            "num_hidden_layers": vision.num_hidden_layers,
            "num_attention_heads": vision.num_attention_heads,
            "intermediate_size": vision.intermediate_size,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
            "num_channels": 3,
            "qkv_bias": vision.qkv_bias,
            "qk_normalization": vision.qk_normalization,
            "norm_type": "rms_norm" if vision.qk_normalization else "layer_norm",
            "layer_norm_eps": 1e-6,
            "hidden_act": "gelu",
            "drop_path_rate": 0.0,
            "dropout": 0.0,
            "attention_dropout": 0.0,
            "initializer_factor": 1.0,
            "initializer_range": 0.02,
            "use_flash_attn": True,
            "dtype": dtype,
            "torch_dtype": dtype,
        },
        "downsample_ratio": math.sqrt(IMAGE_TOKENS_PER_TILE) * vision.patch_size / vision.image_size,
        "force_image_size": vision.image_size,
        "dynamic_image_size": True,
        "min_dynamic_patch": 1,
        "max_dynamic_patch": 12,
        "use_thumbnail": True,
        "pad2square": False,
        "ps_version": "v2",
        "select_layer": -1,
        "template": _CHAT_TEMPLATES[language.architecture] if model.series == INTERNVL2 else "internvl2_5",
        "dtype": dtype,
        "torch_dtype": dtype,
    }
    if awq:
        whole["quantization_config"] = {
            "quant_method": "awq",
            "bits": 4,
            "group_size": AWQ_GROUP,
            "version": "gemm",
            "zero_point": True,
            "modules_to_not_convert": ["vision_model", "mlp1"],
        }
    return whole


def _positions(model: Model) -> int:
    """Return the longest session by the file; those of InternVL2 are held to what the engine's default serves."""
    known = model.language.max_position_embeddings
    return min(32768, known) if model.series == INTERNVL2 else known


CONFIGURATION = '''"""The configuration of an InternVL model, as far as an engine reads it."""

from transformers import LlamaConfig, Phi3Config, PretrainedConfig, Qwen2Config, Qwen3Config, Qwen3MoeConfig


class InternVisionConfig(PretrainedConfig):
    model_type = "intern_vit_6b"


class InternLM2Config(PretrainedConfig):
    model_type = "internlm2"


_LANGUAGE = {
    "InternLM2ForCausalLM": InternLM2Config,
    "LlamaForCausalLM": LlamaConfig,
    "Phi3ForCausalLM": Phi3Config,
    "Qwen2ForCausalLM": Qwen2Config,
    "Qwen3ForCausalLM": Qwen3Config,
    "Qwen3MoeForCausalLM": Qwen3MoeConfig,
}


class InternVLChatConfig(PretrainedConfig):
    model_type = "internvl_chat"

    def __init__(self, vision_config=None, llm_config=None, **others):
        super().__init__(**others)
        llm_config = llm_config or {"architectures": ["InternLM2ForCausalLM"], "hidden_size": 8}
        self.vision_config = InternVisionConfig(**(vision_config or {}))
        self.llm_config = _LANGUAGE[llm_config["architectures"][0]](**llm_config)
        self.hidden_size = self.llm_config.hidden_size
        self.tie_word_embeddings = False
'''
