"""What of a spec a model rules out: the rules that the catalogue knows, by series and size.

No rule names a series or a size of its own: a further model is a row of the catalogue.
"""

from internvl_operator.api.base import Rule
from internvl_operator.catalog.engine_options import TENSOR_PARALLELISM
from internvl_operator.catalog.engines import oldest_version
from internvl_operator.catalog.models import (
    HELD_BACK,
    INTERNVL2,
    MODELS,
    SERIES,
    held_back_advice,
    size_advice,
)
from internvl_operator.catalog.series.model_limits import (
    MAX_TP,
    NARROW_HEADS,
    PYTORCH_ONLY,
    SIZES,
    TOO_OLD,
    WITH_HEADS,
    WITHOUT_AWQ,
    WITHOUT_QUANTIZED_KV,
)
from internvl_operator.text.sentences import in_words

_SERIES = f"(has(self.series) ? self.series : '{INTERNVL2}')"
_HELD_BACK_NAMES = [model.name for model in HELD_BACK.values()]
_SIZE = "(has(self.size) ? self.size : '')"
_MODEL = f"({_SERIES} + '-' + {_SIZE})"
"""The name of the model, as ``catalog.models.Model`` has it."""


def _size_rule(series: str) -> Rule:
    lacking = [size for size in SIZES if (series, size) not in MODELS and (series, size) not in HELD_BACK]
    return Rule(
        f"!({_SERIES} == '{series}' && {_SIZE} in {lacking})",
        size_advice(series),
        lambda s: s.given_series != series or s.size not in lacking,
    )


def _engine_rule(series: str) -> Rule:
    return Rule(
        f"!({_SERIES} == '{series}' && has(self.engine) && has(self.engine.version) && "
        f"self.engine.version in {TOO_OLD[series]})",
        f"engine.version is too old for {series}: write {oldest_version(series)} or later",
        lambda s: not (s.given_series == series and s.engine.version in TOO_OLD[series]),
    )


def _tp_rule(heads: int, most: int) -> Rule:
    models = WITH_HEADS[heads]
    return Rule(
        f"!(has(self.engine) && has(self.engine.tp) && self.engine.tp in {list(TENSOR_PARALLELISM)} && "
        f"self.engine.tp > {most} && {_MODEL} in {models})",
        f"engine.tp for {in_words(models)} is at most {most}: it has to divide the {heads} attention heads",
        lambda s: not (s.engine.tp in TENSOR_PARALLELISM and s.engine.tp > most and s.catalog_name in models),
    )


_OWN_WEIGHTS = (
    "(has(self.model) && (has(self.model.repository) || (has(self.model.source) && "
    "(has(self.model.source.persistentVolumeClaim) || has(self.model.source.image)))))"
)


def _awq_rule(series: str) -> Rule:
    sizes = WITHOUT_AWQ[series]
    return Rule(
        f"!(has(self.quantization) && self.quantization == 'AWQ' && {_SERIES} == '{series}' && {_SIZE} in {sizes} "
        f"&& !{_OWN_WEIGHTS})",
        f"quantization AWQ: {series} has no published AWQ weights of {in_words(sizes)}: write None or Auto, or name "
        "a repository that has them in model.repository",
        lambda s: (
            s.quantization != "AWQ"
            or s.given_series != series
            or s.size not in sizes
            or s.model.names_weights
        ),
    )


MODEL_RULES: tuple[Rule, ...] = (
    *(_size_rule(series) for series in SERIES),
    Rule(
        f"!({_MODEL} in {_HELD_BACK_NAMES})",
        held_back_advice(),
        lambda s: s.catalog_name not in _HELD_BACK_NAMES,
    ),
    *(_engine_rule(series) for series in SERIES if TOO_OLD[series]),
    *(_awq_rule(series) for series in SERIES if WITHOUT_AWQ[series]),
    Rule(
        "!(has(self.quantization) && self.quantization == 'AWQ' && "
        f"((has(self.engine) && has(self.engine.backend) && self.engine.backend == 'PyTorch') || "
        f"({_MODEL} in {PYTORCH_ONLY} && {_OWN_WEIGHTS})))",
        "quantization AWQ runs on TurboMind only: write engine.backend Auto or TurboMind, or quantization None "
        f"(TurboMind does not run {in_words(PYTORCH_ONLY)})",
        lambda s: (
            not (
                s.quantization == "AWQ"
                and (
                    s.engine.backend == "PyTorch"
                    or (s.catalog_name in PYTORCH_ONLY and s.model.names_weights)
                )
            )
        ),
    ),
    Rule(
        "!(has(self.engine) && has(self.engine.backend) && self.engine.backend == 'TurboMind' && "
        f"{_MODEL} in {PYTORCH_ONLY})",
        f"engine.backend TurboMind does not run {in_words(PYTORCH_ONLY)}: write Auto or PyTorch",
        lambda s: not (s.engine.backend == "TurboMind" and s.catalog_name in PYTORCH_ONLY),
    ),
    *(_tp_rule(heads, most) for heads, most in MAX_TP.items()),
    Rule(
        "!(has(self.engine) && has(self.engine.quantPolicy) && self.engine.quantPolicy != 0 && "
        "!(has(self.engine.backend) && self.engine.backend == 'PyTorch') && "
        f"{_MODEL} in {WITHOUT_QUANTIZED_KV})",
        f"engine.quantPolicy must be 0 for {in_words(WITHOUT_QUANTIZED_KV)} on TurboMind: "
        f"it has no quantized KV cache for heads of width {in_words(map(str, NARROW_HEADS))}",
        lambda s: (
            not (
                s.engine.quant_policy != 0
                and s.engine.backend != "PyTorch"
                and s.catalog_name in WITHOUT_QUANTIZED_KV
            )
        ),
    ),
)
"""Rules of ``InternVLDeploymentSpec``."""
