"""Which tensor parallelism an engine accepts for an architecture, and why it refuses the others."""

from internvl_operator.catalog.architecture import LanguageModel, VisionModel
from internvl_operator.catalog.engine import Engine
from internvl_operator.catalog.models import Backend

AWQ_GROUP_SIZE = 128
"""Weights that share one scale in the published AWQ models (``quantization_config.group_size``)."""


def check_parallelism(
    language: LanguageModel, vision: VisionModel, awq: bool, backend: Backend, tp: int, engine: Engine
) -> str | None:
    """Return why the engine refuses this configuration, or None when it accepts it.

    The rules are those of LMDeploy's source: ``turbomind/builders/attention.py`` (heads and repeated KV heads),
    ``turbomind/builders/_base.py`` (even split of a dimension), ``turbomind/models/internvl.py`` (architectures and
    the vision encoder's normalised queries), and ``turbomind/supported_models.py`` for older releases.
    """
    return (
        _check_backend(language, awq, backend, engine)
        or _check_heads(language, backend, tp, engine)
        or _check_widths(language, vision, awq, tp, engine)
    )


def _check_backend(language: LanguageModel, awq: bool, backend: Backend, engine: Engine) -> str | None:
    supported = engine.backends_for(language.architecture)
    if backend not in supported:
        return (
            f"LMDeploy {engine.version} does not run {language.architecture} on the {backend} backend: "
            f"use {' or '.join(supported)}"
        )
    if awq and backend is not Backend.TURBOMIND:
        return f"LMDeploy runs AWQ weights of InternVL on turbomind only, not on {backend}"
    return None


def _check_heads(language: LanguageModel, backend: Backend, tp: int, engine: Engine) -> str | None:
    heads, kv_heads = language.num_attention_heads, language.num_key_value_heads
    if heads % tp:
        return f"tp {tp} does not divide the {heads} attention heads"
    if kv_heads % tp == 0:
        return None
    if tp % kv_heads:
        return f"tp {tp} neither divides the {kv_heads} KV heads nor is a multiple of them"
    if not engine.repeats_kv_heads(language.architecture, backend):
        return (
            f"tp {tp} is more than the {kv_heads} KV heads, which the {backend} backend of LMDeploy "
            f"{engine.version} does not repeat for {language.architecture}"
        )
    return None


def _check_widths(
    language: LanguageModel, vision: VisionModel, awq: bool, tp: int, engine: Engine
) -> str | None:
    if language.hidden_size % tp:
        return f"tp {tp} does not divide the hidden size {language.hidden_size}"
    # The groups of the feed-forward layer need no such rule: they are padded (``builders/ffn.py``).
    if awq and (groups := language.query_size // AWQ_GROUP_SIZE) % tp:
        return f"tp {tp} does not divide the {groups} AWQ groups of the attention's output projection"
    if engine.native_vision and vision.qk_normalization and vision.hidden_size % tp:
        return f"tp {tp} does not divide the vision encoder's hidden size {vision.hidden_size}"
    return None
