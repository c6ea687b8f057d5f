"""The constants of the speed model, and the configurations that they were fitted to.

Everything that follows from the architecture and the GPU is computed (work.py). What is left is fitted to measured
cells by ``python -m tests.speed_accuracy --fit``, which prints this table; a test holds the two equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from internvl_operator.catalog.models import Backend


@dataclass(frozen=True, slots=True)
class SpeedConstants:
    """What is fitted of one backend.

    Args:
        image_ms: of the preprocessing thread for each image: it decodes and resizes, milliseconds.
        tile_ms: of the same thread for each tile: it cuts and normalises, milliseconds.
        loop_turns: of a request with images in the event loop before its first token, which streams the tokens of the
            others: pieces of the body, results of threads. Each is longer as the loop shares its interpreter with them.
        request_ms: a request beside the queues: HTTP, tokens, copies, milliseconds.
        vision_efficiency: part of the GPU's peak that InternViT-300M reaches.
        wide_vision_efficiency: the same of InternViT-6B, whose layers are three times as wide.
        prefill_efficiency: part of the GPU's peak that the prefill reaches.
        awq_prefill_efficiency: the same with 4-bit weights, which TurboMind's kernels expand again for each tile of a
            matrix product, with the tensor core instructions of Ampere on every later GPU.
        memory_efficiency: part of the memory bandwidth that a step of decoding reaches.
        awq_reading_gb: GB per second at most at which a step of decoding reads 4-bit weights: the kernels that expand
            the weights are the limit, unless the memory is slower.
        prompt_ms: of the GPUs for each prompt beside its operations: launches of kernels, copies, milliseconds.
        step_ms: a step of decoding beside what it reads: launches of kernels, scheduling, sampling, milliseconds.
        expert_layer_ms: of the host for a layer with experts in each step: it launches more kernels than the GPU needs
            time for while few tokens choose few experts, milliseconds.
    """

    image_ms: float
    tile_ms: float
    loop_turns: float
    request_ms: float
    vision_efficiency: float
    wide_vision_efficiency: float
    prefill_efficiency: float
    awq_prefill_efficiency: float
    memory_efficiency: float
    awq_reading_gb: float
    prompt_ms: float
    step_ms: float
    expert_layer_ms: float


_COPY_EFFICIENCY = 0.9
"""Part of the bandwidth that a plain copy on the device reaches: 4.3 TB/s of an H200's 4.8, read and written. Not
fitted: no step of decoding reads faster than that."""

_TURBOMIND = SpeedConstants(
    image_ms=9.5,
    tile_ms=5.4,
    loop_turns=110,
    request_ms=3.9,
    vision_efficiency=0.4,
    wide_vision_efficiency=0.62,
    prefill_efficiency=0.67,
    awq_prefill_efficiency=0.69,
    memory_efficiency=_COPY_EFFICIENCY,
    awq_reading_gb=790,
    prompt_ms=2.3,
    step_ms=1.9,
    expert_layer_ms=0.15,
)
"""LMDeploy 0.18.0 on H100 and H200: tests/measurements/*-serving-speed-*.csv, backend turbomind."""

_PYTORCH = replace(_TURBOMIND, vision_efficiency=0.1, prompt_ms=5.3)
"""The same files, backend pytorch: five cells, which determine two constants; the others are TurboMind's."""

CONSTANTS: Mapping[Backend, SpeedConstants] = {Backend.TURBOMIND: _TURBOMIND, Backend.PYTORCH: _PYTORCH}

EVENT_LOOP_TOKENS_PER_SECOND = 12_500
"""Tokens that one server streams. Not fitted: 12,508 a second were seen (1B, text), where nothing else is the limit."""

WIDE_VISION_HIDDEN_SIZE = 2048
"""Of encoders from this width on: between the 1,024 and 3,200 that there are."""

REDUCTION_MS = 0.015
"""Latency of one all-reduce. Assumed, not measured: what NCCL takes for small messages among GPUs of one node."""

CALIBRATED_BOUND, ROOFLINE_BOUND = 0.8, 0.6
"""The highest utilization that a plan for a rate allows: less where nothing like it was measured."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A kind of configuration that was measured or not.

    Args:
        compute_capability: of the GPU; None for a slice of one.
        vision_hidden_size: tells the two vision encoders apart.
    """

    backend: Backend
    engine: str
    compute_capability: tuple[int, int] | None
    awq: bool
    tp: int
    vision_hidden_size: int


MEASURED = frozenset(
    {
        Scope(Backend.TURBOMIND, "0.18.0", (9, 0), False, 1, 1024),
        Scope(Backend.TURBOMIND, "0.18.0", (9, 0), False, 1, 3200),
        Scope(Backend.TURBOMIND, "0.18.0", (9, 0), True, 1, 1024),
        Scope(Backend.TURBOMIND, "0.18.0", (9, 0), True, 1, 3200),
        Scope(Backend.PYTORCH, "0.18.0", (9, 0), False, 1, 1024),
    }
)
"""What the tables in tests/measurements have; a test holds the two equal. All else is a roofline."""

MEASURED_LANGUAGES = frozenset(
    {"InternLM2ForCausalLM", "Phi3ForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"}
)
"""The language models of the cells in the same tables."""
