"""The memory of one GPU: what a configuration takes, and whether it can serve.

Everything follows from the architecture's numbers; the name of a size is not known here. What is used is what
nvidia-smi shows when the server is up: weights + overhead + KV cache + working memory.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from internvl_operator.catalog.models import IMAGE_TOKENS, Backend
from internvl_operator.planner.memory.constants import DRIVER_MIB, calibration
from internvl_operator.planner.memory.footprint import Footprint, footprint_of
from internvl_operator.planner.memory.kv_cache import KV_BLOCK_TOKENS, kv_block_bytes, kv_bytes_per_token
from internvl_operator.planner.memory.memory_request import MemoryRequest
from internvl_operator.planner.memory.working_memory import MIB
from internvl_operator.planner.outcome import Outcome

__all__ = ["MemoryEstimate", "MemoryRequest", "estimate"]

MAX_CACHE_PERCENT = 80
"""Most of the memory left after the weights that a derived KV cache takes: LMDeploy's own default."""

MARGIN_MIB = 256
"""What a derived KV cache leaves free in addition to the reserve: another GPU's driver may keep more than an H200's.

On an A100 80 GB PyTorch finds 79.15 GiB, 254 MiB less than with the H200's driver."""

_PYTORCH_TOKENS = 3 * KV_BLOCK_TOKENS
"""With fewer the PyTorch backend ends: "No enough gpu memory for kv cache" (``pytorch/engine/executor/base.py``)."""

_LARGEST_GPU_MIB = 1 << 24
"""Where the search for a GPU that is large enough ends: 16 TiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """The memory of one GPU, MiB.

    ``weights + overhead + kv_cache + working == used`` and ``used + free == total``, always. When it does not
    fit, each part has what the parts before it left over (overhead, weights, KV cache, working memory).

    Attributes:
        outcome: what becomes of the configuration, as far as memory decides.
        cache_max_entry_count: the KV cache's part of what is free after the weights, given or derived.
        weights_mib: weights of language model, vision encoder and projector.
        overhead_mib: CUDA context, communication, AWQ's workspace.
        kv_cache_mib: the KV cache.
        working_mib: what the engine allocates after the KV cache: kernels, CUDA graphs, the warm-up's buffers.
        used_mib: the sum of these.
        free_mib: the rest of the GPU.
        free_after_weights_mib: what the engine finds free when it sizes the KV cache.
        reserve_mib: what must stay free after the KV cache for the first requests.
        shortfall_mib: how much more a GPU needs for outcome ok; 0 when it is.
        kv_tokens: tokens that the KV cache holds without the PyTorch backend's shortened prefill.
        kv_bytes_per_token: bytes of one token in it.
        effective_session_len: tokens of a session after the engine's shortening.
    """

    outcome: Outcome
    cache_max_entry_count: float
    weights_mib: int
    overhead_mib: int
    kv_cache_mib: int
    working_mib: int
    used_mib: int
    free_mib: int
    free_after_weights_mib: int
    reserve_mib: int
    shortfall_mib: int
    kv_tokens: int
    kv_bytes_per_token: int
    effective_session_len: int


@lru_cache(256)  # resources of one size on one GPU ask the same, and each reconcile asks again
def estimate(request: MemoryRequest) -> MemoryEstimate:
    """Return the memory of one GPU and what becomes of the configuration, as far as memory decides."""
    footprint = footprint_of(request, calibration(request.backend, native_vision=request.native_vision))
    block_bytes = kv_block_bytes(request.language, request.tp, request.options)
    sizing = _Sizing.of(request, footprint, block_bytes, request.gpu_memory_mib)
    left = request.gpu_memory_mib
    taken = []
    for part in (footprint.overhead, footprint.weights, sizing.kv_cache_mib, footprint.working):
        taken.append(min(round(part), left))
        left -= taken[-1]
    overhead, weights, kv_cache, working = taken
    outcome = sizing.outcome(request, footprint)
    return MemoryEstimate(
        outcome=outcome,
        cache_max_entry_count=sizing.ratio,
        weights_mib=weights,
        overhead_mib=overhead,
        kv_cache_mib=kv_cache,
        working_mib=working,
        used_mib=sum(taken),
        free_mib=left,
        free_after_weights_mib=max(0, sizing.free_mib),
        reserve_mib=ceil(footprint.reserve),
        kv_tokens=sizing.kv_tokens,
        kv_bytes_per_token=kv_bytes_per_token(request.language, request.tp, request.options),
        effective_session_len=sizing.session_len(request),
        shortfall_mib=0 if outcome is Outcome.OK else _shortfall(request, footprint, block_bytes),
    )


@dataclass(frozen=True, slots=True)
class _Sizing:
    """The KV cache that the engine makes on a GPU."""

    free_mib: int
    ratio: float
    kv_cache_mib: int
    kv_tokens: int

    @classmethod
    def of(cls, request: MemoryRequest, footprint: Footprint, block_bytes: int, total_mib: int) -> "_Sizing":
        free = total_mib - DRIVER_MIB - round(footprint.overhead) - round(footprint.weights)
        ratio = request.options.cache_max_entry_count
        if ratio is None:
            ratio = _derived_percent(free, footprint) / 100
        blocks = int(footprint.sure_kv_cache(free, ratio)) * MIB // block_bytes
        return cls(free, ratio, int(footprint.kv_cache(free, ratio)), blocks * KV_BLOCK_TOKENS)

    def session_len(self, request: MemoryRequest) -> int:
        return (
            min(request.options.session_len, self.kv_tokens)
            if request.truncates_session
            else request.options.session_len
        )

    def outcome(self, request: MemoryRequest, footprint: Footprint) -> Outcome:
        left = self.free_mib - self.kv_cache_mib
        if left < ceil(footprint.working) or self.kv_tokens < _tokens_to_start(request):
            return Outcome.OOM
        if self.kv_tokens < _least_tokens(request):
            return Outcome.NO_KV_FOR_SESSION
        if self.kv_tokens < self.session_len(request) or left < ceil(footprint.reserve):
            return Outcome.SESSION_EXCEEDS_KV
        return Outcome.OK


def _derived_percent(free_mib: int, footprint: Footprint) -> int:
    """Return the KV cache's part of what it shares, so that the reserve stays free; 1 to 80 percent."""
    available, shared = free_mib - footprint.reserve - MARGIN_MIB, footprint.sure_kv_cache(free_mib, 1.0)
    return max(1, min(MAX_CACHE_PERCENT, int(100 * available / shared))) if shared else 1


def _tokens_to_start(request: MemoryRequest) -> int:
    """Return the tokens without which the process ends."""
    return _PYTORCH_TOKENS if request.backend is Backend.PYTORCH else 0


def _least_tokens(request: MemoryRequest) -> int:
    """Return the tokens without which nothing is answered.

    Engines that shorten sessions need room for a prompt with one image. Later, TurboMind runs a warm-up of
    the greatest prefill that a session can have; the PyTorch backend just opens its port.
    """
    if request.truncates_session:
        return min(request.options.session_len, IMAGE_TOKENS)
    if request.backend is Backend.PYTORCH:
        return 0
    return min(request.options.session_len, request.max_prefill_token_num)


def _shortfall(request: MemoryRequest, footprint: Footprint, block_bytes: int) -> int:
    """Return how much more memory makes the outcome ok: more memory never makes it worse."""

    def fits(total_mib: int) -> bool:
        sizing = _Sizing.of(request, footprint, block_bytes, total_mib)
        return sizing.outcome(request, footprint) is Outcome.OK

    total = request.gpu_memory_mib
    return bisect_left(range(total, _LARGEST_GPU_MIB), True, key=fits)
