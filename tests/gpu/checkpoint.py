"""Checkpoints of the true shapes with zero weights, for a machine without the models.

Memory and life cycle of an engine follow from the shapes alone; its answers mean nothing. The weights are holes in a
sparse file, and the tokenizer knows single bytes. Names and shapes are those of the published repositories, the
figures those of the operator's catalogue.
"""

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from internvl_operator.catalog.architecture import LanguageModel, VisionModel
from internvl_operator.catalog.models import Model
from tests.gpu.checkpoint_config import AWQ_GROUP, CONFIGURATION, TOKENS, config

_BYTES = {"BF16": 2, "F16": 2, "I32": 4}
_NIBBLES = 8
"""4-bit weights in one 32-bit word."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a safetensors file: its type, as the file's header has it, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return _BYTES[self.dtype] * math.prod(self.shape)


Named = Iterator[tuple[str, Tensor]]


def write_checkpoint(model: Model, awq: bool, directory: Path) -> None:
    """Write a checkpoint into a directory, which is made when it is not there. Needs the package tokenizers.

    A router of zeros sends every token to the same experts: with experts memory is real, speed is not.

    Raises:
        NotImplementedError: the model's tensors are laid out in a way that is not known here.
    """
    if model.language.attention_sinks:
        raise NotImplementedError(f"the packed experts of {model.name} are not written")
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(directory / "config.json", config(model, awq))
    (directory / "configuration_internvl_chat.py").write_text(CONFIGURATION)
    _write_json(directory / "generation_config.json", TOKENS)
    _write_tokenizer(directory)
    write_weights(directory / "model.safetensors", tensors(model, awq))


def tensors(model: Model, awq: bool) -> dict[str, Tensor]:
    """Return the tensors of a model by name. AWQ quantizes the language model's layers only."""
    dtype = "F16" if awq else "BF16"
    named = dict(_vision(model.vision, dtype))
    named |= _projector(model, dtype)
    named |= _language(model.language, dtype, awq)
    return named


def _vision(vision: VisionModel, dtype: str) -> Named:
    width, inner = vision.hidden_size, vision.intermediate_size
    patches = (vision.image_size // vision.patch_size) ** 2
    yield "vision_model.embeddings.class_embedding", Tensor(dtype, (1, 1, width))
    yield "vision_model.embeddings.position_embedding", Tensor(dtype, (1, patches + 1, width))
    patch = (width, 3, vision.patch_size, vision.patch_size)
    yield "vision_model.embeddings.patch_embedding.weight", Tensor(dtype, patch)
    yield "vision_model.embeddings.patch_embedding.bias", Tensor(dtype, (width,))
    for number in range(vision.num_hidden_layers):
        layer = f"vision_model.encoder.layers.{number}"
        for name in ("ls1", "ls2", "norm1.weight", "norm2.weight"):
            yield f"{layer}.{name}", Tensor(dtype, (width,))
        if vision.qk_normalization:
            for name in ("q_norm", "k_norm"):
                yield f"{layer}.attn.{name}.weight", Tensor(dtype, (width,))
        else:
            for name in ("norm1", "norm2"):
                yield f"{layer}.{name}.bias", Tensor(dtype, (width,))
        yield from _linear(f"{layer}.attn.qkv", 3 * width, width, dtype, bias=vision.qkv_bias)
        yield from _linear(f"{layer}.attn.proj", width, width, dtype, bias=True)
        yield from _linear(f"{layer}.mlp.fc1", inner, width, dtype, bias=True)
        yield from _linear(f"{layer}.mlp.fc2", width, inner, dtype, bias=True)


def _projector(model: Model, dtype: str) -> Named:
    width, shuffled = model.language.hidden_size, 4 * model.vision.hidden_size
    yield "mlp1.0.weight", Tensor(dtype, (shuffled,))
    yield "mlp1.0.bias", Tensor(dtype, (shuffled,))
    yield from _linear("mlp1.1", width, shuffled, dtype, bias=True)
    yield from _linear("mlp1.3", width, width, dtype, bias=True)


@dataclass(frozen=True, slots=True)
class _Names:
    """What an architecture calls its parts.

    Attributes:
        layer_norms: vectors of a layer as wide as the hidden states.
        linear: a layer's matrices, with their rows and columns.
        biased: those with a bias.
        head_norms: vectors of a layer as wide as a head.
        router: the matrix that AWQ leaves as it is, with its rows and columns; None without experts.
    """

    embedding: str
    head: str
    layer_norms: tuple[str, str]
    linear: dict[str, tuple[int, int]]
    biased: tuple[str, ...] = ()
    head_norms: tuple[str, ...] = ()
    router: tuple[str, int, int] | None = None


def _names(language: LanguageModel) -> _Names:
    width, inner = language.hidden_size, language.intermediate_size
    queries = language.num_attention_heads * language.head_dim
    keys = language.num_key_value_heads * language.head_dim
    if language.architecture == "InternLM2ForCausalLM":
        internlm2 = {
            "attention.wqkv": (queries + 2 * keys, width),
            "attention.wo": (width, queries),
            "feed_forward.w1": (inner, width),
            "feed_forward.w3": (inner, width),
            "feed_forward.w2": (width, inner),
        }
        return _Names("model.tok_embeddings", "output", ("attention_norm", "ffn_norm"), internlm2)
    output = {"self_attn.o_proj": (width, queries)}
    ends = output | {"mlp.down_proj": (width, inner)}
    norms = ("input_layernorm", "post_attention_layernorm")
    if language.architecture == "Phi3ForCausalLM":
        fused = {"self_attn.qkv_proj": (queries + 2 * keys, width), "mlp.gate_up_proj": (2 * inner, width)}
        return _Names("model.embed_tokens", "lm_head", norms, fused | ends)
    projections = {
        "self_attn.q_proj": (queries, width),
        "self_attn.k_proj": (keys, width),
        "self_attn.v_proj": (keys, width),
    }
    biased = tuple(projections) if language.qkv_bias else ()
    head_norms = ("self_attn.q_norm", "self_attn.k_norm") if language.qk_norm else ()
    linear = projections | output
    router = None
    if (experts := language.experts) is None:
        linear |= _feed_forward("mlp", inner, width)
    else:
        router = ("mlp.gate", experts.num_experts, width)
        for number in range(experts.num_experts):
            linear |= _feed_forward(f"mlp.experts.{number}", experts.moe_intermediate_size, width)
    return _Names("model.embed_tokens", "lm_head", norms, linear, biased, head_norms, router)


def _feed_forward(name: str, inner: int, width: int) -> dict[str, tuple[int, int]]:
    gates = {f"{name}.gate_proj": (inner, width), f"{name}.up_proj": (inner, width)}
    return gates | {f"{name}.down_proj": (width, inner)}


def _language(language: LanguageModel, dtype: str, awq: bool) -> Named:
    names, width = _names(language), language.hidden_size
    for name in (names.embedding, names.head):
        yield f"language_model.{name}.weight", Tensor(dtype, (language.vocab_size, width))
    yield "language_model.model.norm.weight", Tensor(dtype, (width,))
    for number in range(language.num_hidden_layers):
        layer = f"language_model.model.layers.{number}"
        for name in names.layer_norms:
            yield f"{layer}.{name}.weight", Tensor(dtype, (width,))
        for name in names.head_norms:
            yield f"{layer}.{name}.weight", Tensor(dtype, (language.head_dim,))
        if names.router is not None:
            name, rows, columns = names.router
            yield f"{layer}.{name}.weight", Tensor(dtype, (rows, columns))
        for name, (rows, columns) in names.linear.items():
            yield from _linear(f"{layer}.{name}", rows, columns, dtype, name in names.biased, awq)


def _linear(
    name: str, rows: int, columns: int, dtype: str, bias: bool = False, quantized: bool = False
) -> Named:
    if quantized:
        yield f"{name}.qweight", Tensor("I32", (columns, rows // _NIBBLES))
        yield f"{name}.qzeros", Tensor("I32", (columns // AWQ_GROUP, rows // _NIBBLES))
        yield f"{name}.scales", Tensor("F16", (columns // AWQ_GROUP, rows))
    else:
        yield f"{name}.weight", Tensor(dtype, (rows, columns))
    if bias:
        yield f"{name}.bias", Tensor(dtype, (rows,))


def write_weights(path: Path, named: dict[str, Tensor]) -> None:
    """Write a safetensors file whose tensors are holes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in named.items():
        offsets = [end, end + tensor.size]
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": offsets}
        end += tensor.size
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + end)


def _write_tokenizer(directory: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    tokens = [*_SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=_SPECIAL_TOKENS[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(_SPECIAL_TOKENS)
    tokenizer.save(str(directory / "tokenizer.json"))
    description = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "</s>",
        "clean_up_tokenization_spaces": False,
    }
    _write_json(directory / "tokenizer_config.json", description)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1))


_SPECIAL_TOKENS = [
    *("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"),
    *("<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>"),
    *("<|end|>", "<|user|>", "<|assistant|>", "<|system|>"),
]
