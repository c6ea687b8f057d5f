"""What some sizes cannot do on any supported release: the facts that the resource's rules refuse."""

from internvl_operator.catalog.engine_options import TENSOR_PARALLELISM
from internvl_operator.catalog.engines import SUPPORTED_VERSIONS, engine
from internvl_operator.catalog.models import MODELS

_TURBOMIND_ARCHITECTURES = {
    name for version in SUPPORTED_VERSIONS for name in engine(version).turbomind_architectures
}

WITHOUT_AWQ = [size for size, model in MODELS.items() if model.awq_repository is None]
"""The sizes of which no AWQ weights are published."""

PYTORCH_ONLY = [
    size for size, model in MODELS.items() if model.language.architecture not in _TURBOMIND_ARCHITECTURES
]
"""The sizes that TurboMind does not run."""

WITHOUT_QUANTIZED_KV = [
    size
    for size, model in MODELS.items()
    if size not in PYTORCH_ONLY and not model.language.has_quantized_kv_on_turbomind
]
"""The sizes that TurboMind runs without quantizing their KV cache."""

NARROW_HEADS = sorted({MODELS[size].language.head_dim for size in WITHOUT_QUANTIZED_KV})
"""The width of their attention heads, which is the reason."""

MAX_TP = {
    size: max(tp for tp in TENSOR_PARALLELISM if model.language.num_attention_heads % tp == 0)
    for size, model in MODELS.items()
}
"""The largest tensor parallelism that divides the attention heads, by size."""
