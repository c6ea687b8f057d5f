"""What some models cannot do on any supported release: the facts that the resource's rules refuse."""

from collections.abc import Mapping

from internvl_operator.catalog.engine_options import TENSOR_PARALLELISM
from internvl_operator.catalog.engines import SUPPORTED_VERSIONS, engine
from internvl_operator.catalog.models import HELD_BACK, MODELS, SERIES

_TURBOMIND_ARCHITECTURES = {
    name for version in SUPPORTED_VERSIONS for name in engine(version).turbomind_architectures
}


def _number(size: str) -> int:
    return int(size.partition("B")[0])


SIZES: tuple[str, ...] = tuple(sorted({size for _, size in (*MODELS, *HELD_BACK)}, key=_number))
"""Every size of any series, the smallest first; also those that are held back, which are refused by name."""

WITHOUT_AWQ: Mapping[str, list[str]] = {
    series: [model.size for model in MODELS.values() if model.series == series and not model.awq_repository]
    for series in SERIES
}
"""The sizes of each series of which no AWQ weights are published."""

PYTORCH_ONLY = [
    model.name for model in MODELS.values() if model.language.architecture not in _TURBOMIND_ARCHITECTURES
]
"""The models that TurboMind does not run."""

WITHOUT_QUANTIZED_KV = [
    model.name
    for model in MODELS.values()
    if model.name not in PYTORCH_ONLY and not model.language.has_quantized_kv_on_turbomind
]
"""The models that TurboMind runs without quantizing their KV cache."""

NARROW_HEADS = sorted(
    {model.language.head_dim for model in MODELS.values() if model.name in WITHOUT_QUANTIZED_KV}
)
"""The width of their attention heads, which is the reason."""


def _most_ranks(heads: int) -> int:
    return max(tp for tp in TENSOR_PARALLELISM if heads % tp == 0)


MAX_TP: Mapping[int, int] = {
    heads: _most_ranks(heads)
    for heads in sorted({model.language.num_attention_heads for model in MODELS.values()})
    if _most_ranks(heads) < max(TENSOR_PARALLELISM)
}
"""The largest tensor parallelism by the number of attention heads, which it divides."""

WITH_HEADS: Mapping[int, list[str]] = {
    heads: [model.name for model in MODELS.values() if model.language.num_attention_heads == heads]
    for heads in MAX_TP
}
"""The models with that number of attention heads."""

TOO_OLD: Mapping[str, list[str]] = {
    series: [version for version in SUPPORTED_VERSIONS if not engine(version).serves(series)]
    for series in SERIES
}
"""The releases that do not serve a series."""
