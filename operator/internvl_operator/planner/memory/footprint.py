"""The memory that a configuration takes of any GPU, without the KV cache, which gets a share of the rest."""

from dataclasses import dataclass

from internvl_operator.catalog.models import Backend
from internvl_operator.planner.memory import weights, working_memory
from internvl_operator.planner.memory.constants import DRIVER_MIB, Calibration
from internvl_operator.planner.memory.kv_cache import kv_block_bytes
from internvl_operator.planner.memory.memory_request import MemoryRequest
from internvl_operator.planner.memory.working_memory import MIB


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a configuration takes of any GPU, MiB before rounding.

    Args:
        weights: what ``weights.py`` computes.
        overhead: taken before the KV cache is sized, without the weights.
        working: taken after the KV cache, when the server is up.
        reserve: what must stay free after the KV cache for the first requests.
        withheld: what is kept out of the KV cache before it takes its ratio, in the order in which the engine
            tries it.
        least_kv_cache: the KV cache that ends these tries.
    """

    weights: float
    overhead: float
    working: float
    reserve: float
    withheld: tuple[float, ...] = (0.0,)
    least_kv_cache: float = 0.0

    def free_after_weights(self, total_mib: float) -> float:
        """Return what is free when the KV cache is sized; negative when the weights do not fit."""
        return total_mib - DRIVER_MIB - self.overhead - self.weights

    def kv_cache(self, free_after_weights: float, ratio: float) -> float:
        """Return the KV cache that a ratio gives."""
        kv_cache = 0.0
        for withheld in self.withheld:
            kv_cache = max(0.0, free_after_weights - withheld) * ratio
            if kv_cache >= self.least_kv_cache:
                break
        return kv_cache

    def sure_kv_cache(self, free_after_weights: float, ratio: float) -> float:
        """Return the KV cache of an engine that withholds all it wants: with more memory never less."""
        return max(0.0, free_after_weights - self.withheld[0]) * ratio

    def used(self, total_mib: float, ratio: float) -> float:
        """Return what nvidia-smi shows when the server is up."""
        kv_cache = self.kv_cache(self.free_after_weights(total_mib), ratio)
        return self.overhead + self.weights + kv_cache + self.working


def footprint_of(request: MemoryRequest, constants: Calibration) -> Footprint:
    """Return what a configuration takes of any GPU."""
    overhead = constants.context_mib
    if request.tp > 1:
        overhead += constants.communication_mib
    if request.awq:
        overhead += _awq_workspace(request, constants) / MIB
    weights_mib = _weights(request) / MIB
    if request.backend is Backend.PYTORCH:
        return _pytorch_footprint(request, constants, weights_mib, overhead)
    steady = constants.runtime_mib + _prefill(request) / MIB
    return Footprint(weights=weights_mib, overhead=overhead, working=steady, reserve=steady)


def _pytorch_footprint(
    request: MemoryRequest, constants: Calibration, weights_mib: float, overhead: float
) -> Footprint:
    steady = constants.runtime_mib + working_memory.logits_bytes(request) / MIB
    image = working_memory.image_bytes(request.vision) / MIB
    block = kv_block_bytes(request.language, request.tp, request.options) / MIB
    return Footprint(
        weights=weights_mib,
        overhead=overhead,
        working=steady if request.native_vision else steady + image,
        reserve=steady + image + working_memory.pytorch_prefill_bytes(request) / MIB,
        withheld=tuple(withheld / MIB for withheld in working_memory.pytorch_withheld_bytes(request)),
        least_kv_cache=working_memory.PYTORCH_BLOCKS * block,
    )


def _weights(request: MemoryRequest) -> float:
    turbomind = request.backend is Backend.TURBOMIND
    vocabulary_ranks = 1 if request.replicates_vocabulary else request.tp
    language = weights.language_bytes(
        request.language,
        awq=request.awq,
        tp=request.tp,
        embedding_ranks=vocabulary_ranks if turbomind else 1,
        head_ranks=vocabulary_ranks if turbomind or request.native_vision else 1,
    )
    if request.native_vision:
        return language + weights.vision_bytes(request.vision, request.language, tp=request.tp)
    # Accelerate's device map spreads the Python encoder's layers over the ranks.
    return language + weights.vision_bytes(request.vision, request.language, tp=1) / request.tp


def _awq_workspace(request: MemoryRequest, constants: Calibration) -> float:
    language, tp = request.language, request.tp
    inner = weights.inner_width(language, tp, awq=True)
    largest = 2 * language.hidden_size * inner * weights.FLOAT16_BYTES
    scales = weights.linear_parameters(language, tp, awq=True) * (weights.AWQ_BYTES - 0.5)
    return constants.awq_expansion * largest + constants.awq_scales * scales


def _prefill(request: MemoryRequest) -> float:
    if request.native_vision:
        return working_memory.native_prefill_bytes(request)
    return working_memory.early_prefill_bytes(request) + working_memory.image_bytes(request.vision)
