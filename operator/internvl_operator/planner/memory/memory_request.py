"""What the memory model is asked."""

from dataclasses import dataclass

from internvl_operator.catalog.models import Backend, LanguageModel, VisionModel


@dataclass(frozen=True, slots=True)
class MemoryRequest:
    """A configuration of one replica.

    Args:
        language: the language model's architecture.
        vision: the vision encoder's architecture.
        awq: the weights are AWQ.
        backend: LMDeploy's backend.
        tp: ranks, one GPU each.
        gpu_memory_mib: total memory of one GPU as nvidia-smi shows it, MiB.
        cache_max_entry_count: the KV cache's part of what is free after the weights; None derives it.
        session_len: tokens of one session.
        max_batch_size: sequences that run at once.
        max_prefill_token_num: tokens of one prefill step.
        quant_policy: 0, or the bits of the KV cache: 4 or 8.
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
    cache_max_entry_count: float | None
    session_len: int
    max_batch_size: int
    max_prefill_token_num: int
    quant_policy: int
    native_vision: bool
    truncates_session: bool
    replicates_vocabulary: bool
