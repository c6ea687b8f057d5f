"""The input of the memory model."""

from dataclasses import dataclass

from internvl_operator.catalog.architecture import LanguageModel, VisionModel
from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.models import Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRequest:
    """A configuration of one replica.

    Args:
        language: the language model's architecture.
        vision: the vision encoder's architecture.
        awq: the weights are AWQ.
        backend: LMDeploy's backend.
        tp: ranks, one GPU each.
        gpu_memory_mib: total memory of one GPU as nvidia-smi shows it, MiB.
        options: the engine's options.
        max_prefill_token_num: tokens of one prefill step.
        native_vision: the engine runs the vision encoder itself (0.16 and later).
        truncates_session: the engine shortens a session to what the KV cache holds (0.14 and before).
        replicates_vocabulary: each rank holds all token embeddings and logits' weights (0.5).
    """

    language: LanguageModel
    vision: VisionModel
    awq: bool
    backend: Backend
    tp: int
    gpu_memory_mib: int
    options: EngineOptions
    max_prefill_token_num: int
    native_vision: bool
    truncates_session: bool
    replicates_vocabulary: bool
