"""The fitted constants of the memory model: one set per engine generation and backend.

Everything that follows from the architecture is computed (weights.py, working_memory.py). What is left is fitted to
measured cells by ``python -m tests.accuracy.fit``, which prints this table; a test holds the two equal.
"""

from dataclasses import dataclass

from internvl_operator.catalog.models import Backend

DRIVER_MIB = 616
"""Kept by the driver, neither used nor free: "Reserved" in ``nvidia-smi -q -d MEMORY`` of an H200, not fitted."""


MEASURED_ARCHITECTURES = frozenset(
    {
        "InternLM2ForCausalLM",
        "LlamaForCausalLM",
        "Phi3ForCausalLM",
        "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
        "Qwen3MoeForCausalLM",
    }
)
"""The language models of which cells were measured: those of tests/measurements. The memory of others follows from
their shapes and the same constants."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constants of one engine generation on one backend; MiB unless said."""

    context_mib: float = 0.0
    """Taken before the KV cache: CUDA context, the engine's own workspaces."""

    runtime_mib: float = 0.0
    """Taken after the KV cache: kernels, which CUDA loads at their first use, and CUDA graphs."""

    communication_mib: float = 0.0
    """NCCL's buffers on each rank, when there is more than one."""

    awq_expansion: float = 0.0
    """Memory kept after packing, in copies of the largest quantized matrix (gate and up) in 16 bits."""

    awq_scales: float = 0.0
    """Memory kept after packing, per byte of scales and zero points, which it replaces one by one."""


_NATIVE_VISION_TURBOMIND = Calibration(
    context_mib=974,
    runtime_mib=116,
    communication_mib=362,
    awq_expansion=2.7,
    awq_scales=2.9,
)
"""LMDeploy 0.18.0 on an H200: tests/measurements/h200-*.csv, backend turbomind."""

_NATIVE_VISION_PYTORCH = Calibration(
    context_mib=759,
    runtime_mib=84,
    communication_mib=_NATIVE_VISION_TURBOMIND.communication_mib,
)
"""The same files, backend pytorch, on one GPU: what communication takes is TurboMind's."""

_PYTHON_VISION_TURBOMIND = Calibration(
    context_mib=932,
    runtime_mib=274,
    communication_mib=668,
)
"""LMDeploy 0.5 on an A100: tests/measurements/a100-80gb-seed-table.csv, all sizes but 4B.

These cells show no workspace of AWQ.
"""

_PYTHON_VISION_PYTORCH = Calibration(
    context_mib=1485,
    runtime_mib=872,
    communication_mib=1347,
)
"""The same file, 4B, which ran on this backend."""

_CALIBRATIONS = {
    (True, Backend.TURBOMIND): _NATIVE_VISION_TURBOMIND,
    (True, Backend.PYTORCH): _NATIVE_VISION_PYTORCH,
    (False, Backend.TURBOMIND): _PYTHON_VISION_TURBOMIND,
    (False, Backend.PYTORCH): _PYTHON_VISION_PYTORCH,
}


def calibration(backend: Backend, *, native_vision: bool) -> Calibration:
    """Return the constants of an engine generation: 0.16 and later (native vision encoder), or before."""
    return _CALIBRATIONS[native_vision, backend]
