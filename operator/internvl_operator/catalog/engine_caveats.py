"""Known faults and needs of LMDeploy releases, and the models that each concerns: a table of sentences."""

from internvl_operator.catalog.engine import Caveat
from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.hardware.image_variants import Release
from internvl_operator.catalog.models import INTERNVL3_5, Backend, Model

_THINKING_TOKENS = 32768
"""Tokens of the sessions with which the authors serve InternVL3.5, whose answers may hold thoughts."""


def _internvit_6b(model: Model) -> bool:
    return model.vision.qk_normalization


def _always(*_: object) -> bool:
    return True


def _turbomind_tensor_parallel(_model: Model, backend: Backend, tp: int, _options: EngineOptions) -> bool:
    return backend is Backend.TURBOMIND and tp > 1


def _tensor_parallel_internvit_6b(model: Model, _backend: Backend, tp: int, _options: EngineOptions) -> bool:
    return tp > 1 and _internvit_6b(model)


def _sharded_qk_normalization(model: Model, backend: Backend, tp: int, _options: EngineOptions) -> bool:
    return backend is Backend.PYTORCH and tp > 1 and _internvit_6b(model)


def _of_series_3_5(model: Model, *_: object) -> bool:
    return model.series == INTERNVL3_5


def _short_for_thinking(model: Model, _backend: Backend, _tp: int, options: EngineOptions) -> bool:
    return _of_series_3_5(model) and options.session_len < _THINKING_TOKENS


def _tensor_parallel_on_pytorch(model: Model, backend: Backend, tp: int, _options: EngineOptions) -> bool:
    return _of_series_3_5(model) and backend is Backend.PYTORCH and tp > 1


def _tensor_parallel_experts(model: Model, backend: Backend, tp: int, _options: EngineOptions) -> bool:
    return model.language.experts is not None and backend is Backend.TURBOMIND and tp > 1


_CAVEATS = (
    Caveat(  # requirements/serve.txt, 4219
        "The release's image lacks timm, which the model's own code imports: build an image that adds it and "
        "name it in spec.engine.image, or use engine 0.11.1 or later.",
        _always,
        before=(0, 11, 1),
    ),
    Caveat(  # the model card of InternVL2-Llama3-76B
        "This size needs Flash Attention in the image when tp is above 1: the published guide warns that "
        "tensor parallelism misbehaves without it. Check spec.engine.image, or use engine 0.16.0 or later.",
        _tensor_parallel_internvit_6b,
        before=(0, 16),
    ),
    Caveat(  # lmdeploy issue 2743
        "At tp above 1 this engine has been reported to hang under load, between the vision encoder and the "
        "language model: use engine 0.16.0 or later, or tp 1.",
        _turbomind_tensor_parallel,
        before=(0, 16),
    ),
    Caveat(  # 2987
        "The PyTorch backend normalises the attention of this size's vision encoder wrongly at tp above 1: "
        "use engine 0.7.3 or later, or TurboMind.",
        _sharded_qk_normalization,
        before=(0, 7),
    ),
    Caveat(  # vl/media/connection.py, 4447
        "Image URLs may lead to private addresses, such as a Service of this cluster or a cloud's metadata: limit "
        "where the pods connect to with spec.networkPolicy.egress, or use engine 0.12.3 or later.",
        _always,
        before=(0, 12, 3),
    ),
    Caveat(  # vl/media/connection.py, 4447
        "Image URLs that resolve to a private address, such as a Service of this cluster, are refused: "
        "clients send such images as data: URLs.",
        _always,
        since=(0, 12, 3),
    ),
    Caveat(  # the model cards of InternVL3.5; LMDeploy's own floor is 4.56 from 0.14 on
        "InternVL3.5 needs transformers 4.52.1 or later, which the release's image need not have: check "
        "spec.engine.image, or use engine 0.14.0 or later.",
        _of_series_3_5,
        before=(0, 14),
    ),
    Caveat(  # the model cards of InternVL3.5; OpenGVLab/InternVL issues 1141, 1154
        f"InternVL3.5 may think before it answers, which takes tokens of the session: where clients ask for it by the "
        f"system prompt, set spec.engine.sessionLen to {_THINKING_TOKENS} or more.",
        _short_for_thinking,
    ),
    Caveat(  # 3993, open
        "At tp above 1 the PyTorch backend has been reported to hang at its start on GPUs without NVLink: then set "
        "NCCL_P2P_DISABLE to 1 in spec.engine.env, or use TurboMind.",
        _tensor_parallel_on_pytorch,
    ),
    Caveat(  # 4198, open
        "At tp above 1 TurboMind has been reported to hang under load with a mixture of experts: use tp 1 where it "
        "fits, or PyTorch.",
        _tensor_parallel_experts,
    ),
)


def caveats_of(release: Release) -> tuple[Caveat, ...]:
    """Return the caveats of a release, given as its numbers."""
    return tuple(caveat for caveat in _CAVEATS if caveat.since <= release < caveat.before)
